"""Parts a voice from music with Hybrid Demucs (torchaudio's own), block by block, so that memory stays flat.

Needs torch and torchaudio: imported where a node runs. In are 16-bit PCM WAVs of any rate, mono or stereo; out is mono
at 16 kHz, which the talk models hear.
"""

import math
import wave
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torchaudio.functional import loudness, resample
from torchaudio.models import HDemucs

from .blocks import BLOCK_SECONDS, MODEL_RATE, STEP_SECONDS, gain_db, starts

SEPARATOR_RATE = 44_100
SOURCES = ("drums", "bass", "other", "vocals")  # in the order of the trained weights
BINS_PER_ROW = 8  # of the spectrogram's transform, for each row of the frequency embedding
SILENT = 1e-5
SHORTEST_LOUDNESS = 0.4  # seconds that BS.1770 measures at once

Separate = Callable[[torch.Tensor], torch.Tensor]  # (1, 2, samples) at 44.1 kHz to (1, sources, 2, samples)


def build(weights: Mapping[str, torch.Tensor]) -> HDemucs:
    """The network that these weights are of, by their shapes: hdemucs_low, _medium or _high, of any width.

    Raises:
        ValueError: they are no Hybrid Demucs with four sources.
    """
    try:
        channels = weights["freq_encoder.0.conv.weight"].shape[0]
        transform = weights["freq_emb.embedding.weight"].shape[0] * BINS_PER_ROW
        depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("freq_encoder."))
        model = HDemucs(list(SOURCES), channels=channels, nfft=transform, depth=depth)
        model.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"these are no weights of a Hybrid Demucs that parts {', '.join(SOURCES)}") from error
    return model.eval()


def voice_of(
    sound: Path, seconds: float, separate: Separate, device: torch.device, done: Callable[[], None]
) -> torch.Tensor:
    """The voice in the first `seconds` of a WAV, as (samples,) at 16 kHz; `done` is called after each block.

    Blocks overlap by a second, in which one fades into the next. The sound is scaled as a whole to zero mean and unit
    variance, as the weights were trained.
    """
    with wave.open(str(sound), "rb") as file:
        rate, most = file.getframerate(), round(seconds * file.getframerate())
        length = min(file.getnframes(), most)
        mean, spread = _scale(file, length)
        out = torch.zeros(round(length * MODEL_RATE / rate))
        if spread < SILENT:
            return out
        for begin in starts(length / rate):
            block = _read(file, round(begin * rate), min(round(BLOCK_SECONDS * rate), length - round(begin * rate)))
            parted = separate(((_fitted(block, rate) - mean) / spread)[None].to(device))
            voice = parted[0, SOURCES.index("vocals")].mean(0).cpu() * spread + mean
            _fade_in(out, resample(voice, SEPARATOR_RATE, MODEL_RATE), round(begin * MODEL_RATE))
            done()
    return out


def placed(track: torch.Tensor, voice: torch.Tensor, start: float, most_gain: float) -> torch.Tensor:
    """The (samples,) of a track with the voice laid over it from `start` seconds on, at the level of a voice."""
    peak = 20 * math.log10(max(float(voice.abs().max()), 1e-9)) if len(voice) else -180.0
    level = -math.inf
    if len(voice) >= SHORTEST_LOUDNESS * MODEL_RATE:
        level = float(loudness(voice[None], MODEL_RATE).nan_to_num(nan=-math.inf))
    out, begin = track.clone(), round(start * MODEL_RATE)
    part = voice[: max(0, len(out) - begin)] * 10 ** (gain_db(level, peak, most_gain) / 20)
    out[begin : begin + len(part)] += part
    return out.clamp(-1, 1)


def _read(file: wave.Wave_read, begin: int, count: int) -> torch.Tensor:
    """(2, count) samples, from -1 to 1; of a mono file both are the same."""
    file.setpos(begin)
    samples = torch.frombuffer(bytearray(file.readframes(count)), dtype=torch.int16).to(torch.float32) / 32768
    return samples.reshape(-1, file.getnchannels()).t().expand(2, -1)


def _pieces(file: wave.Wave_read, length: int) -> Iterator[torch.Tensor]:
    size = BLOCK_SECONDS * file.getframerate()
    for begin in range(0, length, size):
        yield _read(file, begin, min(size, length - begin)).mean(0).double()


def _scale(file: wave.Wave_read, length: int) -> tuple[float, float]:
    """Mean and standard deviation of the mono mix."""
    sums = [(float(piece.sum()), float(piece.square().sum())) for piece in _pieces(file, length)]
    mean = sum(one for one, _ in sums) / max(length, 1)
    return mean, math.sqrt(max(0.0, sum(square for _, square in sums) / max(length, 1) - mean * mean))


def _fitted(block: torch.Tensor, rate: int) -> torch.Tensor:
    """A block at the separator's rate, filled up with silence to its full length: every block has one shape."""
    block = resample(block, rate, SEPARATOR_RATE)
    size = BLOCK_SECONDS * SEPARATOR_RATE
    return torch.nn.functional.pad(block[:, :size], (0, max(0, size - block.shape[1])))


def _fade_in(out: torch.Tensor, block: torch.Tensor, begin: int) -> None:
    """Put a block into the whole: what is there already fades out in the overlap, while the block fades in."""
    block = block[: len(out) - begin]
    overlap = min((BLOCK_SECONDS - STEP_SECONDS) * MODEL_RATE, len(block)) if begin else 0
    ramp = torch.linspace(0, 1, overlap)
    out[begin : begin + overlap] *= 1 - ramp
    block[:overlap] *= ramp
    out[begin : begin + overlap] += block[:overlap]
    out[begin + overlap : begin + len(block)] = block[overlap:]
