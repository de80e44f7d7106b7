"""Lays the voices out in time, and writes the tracks that the model hears and the sound that the viewer hears.

Everything is written block by block, so that memory does not grow with the length. Positions are
whole samples of the 48 kHz timeline.
"""

import array
import filecmp
import random
import wave
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.audio import LISTENER_RATE, MODEL_RATE, Voice, decode
from media.segments import AudioSegment

BLOCK_SECONDS = 5
SHORTEST_SECONDS = 0.5
ROOM_TONE_DBFS = -70.0
CEILING_DBFS = -0.1
FULL_SCALE = 32768
HEADROOM_DB = 18.0  # eight voices at full scale would still fit


@dataclass(frozen=True)
class Placed:
    """A voice on the timeline: it sounds from `start` for `length` samples of 48 kHz."""

    voice: Voice
    start: int
    length: int

    @property
    def start_seconds(self) -> float:
        """Where it begins."""
        return self.start / LISTENER_RATE

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return self.length / LISTENER_RATE


@dataclass(frozen=True)
class Bed:
    """A sound that lies under the voices, `gain_db` louder (0 or below) than it is."""

    sound: Voice
    gain_db: float


@dataclass(frozen=True)
class Timeline:
    """The voices in the order of the speakers; `length` samples of 48 kHz in all."""

    voices: tuple[Placed, ...]
    length: int

    @property
    def seconds(self) -> float:
        """Length of the whole."""
        return self.length / LISTENER_RATE


def decode_voices(
    sources: Sequence[Path],
    folder: Path,
    most_seconds: float,
    cancel: Cancellation,
    channels: Sequence[int | None] | None = None,
) -> tuple[Voice, ...]:
    """Decode every voice, at most `most_seconds` of each; of a voice with one of `channels` (from 1), that one alone.

    Raises:
        WorkerError: AUDIO_INVALID, naming the speaker; CANCELLED.
    """

    def decode_one(number: int, source: Path, channel: int | None) -> Voice | WorkerError:
        try:
            return decode(source, folder, f"voice_{number}", most_seconds, cancel, channel=channel)
        except WorkerError as error:
            if error.code is not ErrorCode.AUDIO_INVALID:
                raise
            return error

    with ThreadPoolExecutor(len(sources), thread_name_prefix="decode") as pool:
        results = list(pool.map(decode_one, range(1, len(sources) + 1), sources, channels or [None] * len(sources)))
    refused = {number: result for number, result in enumerate(results, 1) if isinstance(result, WorkerError)}
    if refused:
        reasons = "; ".join(
            f"the audio of speaker {number} cannot be used: {error.message}" for number, error in refused.items()
        )
        details = "\n".join(error.detail for error in refused.values())
        raise WorkerError(ErrorCode.AUDIO_INVALID, reasons[0].upper() + reasons[1:], detail=details)
    return tuple(result for result in results if isinstance(result, Voice))


def same_sounds(voices: Sequence[Voice]) -> list[tuple[int, int]]:
    """The speakers, counted from 1, who sound exactly the same: each with the first that it equals."""
    found = []
    for second, voice in enumerate(voices):
        earlier = [] if voice.silent else voices[:second]
        same = (first for first, one in enumerate(earlier) if filecmp.cmp(one.listener, voice.listener, shallow=False))
        found += [(first + 1, second + 1) for first in list(same)[:1]]
    return found


def lay_out(
    voices: Sequence[Voice], offsets: Sequence[float], timing: str, most_seconds: float | None, warnings: list[str]
) -> Timeline:
    """Place the voices: all from 0 ("together") or one after the other ("turns"), each after its own offset (seconds).

    Raises:
        WorkerError: AUDIO_TOO_SHORT below 0.5 s of sound in all.
    """
    placed: list[Placed] = []
    clock = 0
    for voice, offset in zip(voices, offsets, strict=True):
        start = (clock if timing == "turns" else 0) + round(offset * LISTENER_RATE)
        placed.append(Placed(voice, start, voice.samples))
        clock = start + voice.samples
    length = max(item.start + item.length for item in placed)
    if most_seconds is not None and most_seconds < length / LISTENER_RATE:
        warnings.append(f"the audio is longer than {most_seconds:g} s and was cut there")
        length = round(most_seconds * LISTENER_RATE)
        placed = [Placed(item.voice, item.start, max(0, min(item.length, length - item.start))) for item in placed]
    _tell_of_voices(placed, warnings)
    if _sounding(placed) < SHORTEST_SECONDS * LISTENER_RATE:
        remedy = "send more of it" if most_seconds is None else "send more of it, or a larger max_audio_duration"
        raise WorkerError(ErrorCode.AUDIO_TOO_SHORT, f"The audio is shorter than {SHORTEST_SECONDS} s; {remedy}")
    return Timeline(tuple(placed), length)


def _sounding(placed: Sequence[Placed]) -> int:
    """Samples of the timeline in which at least one voice sounds."""
    total = reached = 0
    for item in sorted(placed, key=lambda item: item.start):
        begin, end = max(item.start, reached), item.start + item.length
        total += max(0, end - begin)
        reached = max(reached, end)
    return total


def _tell_of_voices(placed: Sequence[Placed], warnings: list[str]) -> None:
    for number, item in enumerate(placed, start=1):
        warnings += [f"the audio of speaker {number} {told}" for told in item.voice.told]
        if item.length == 0:
            warnings.append(f"speaker {number} begins after the end of the video and is not heard")
        elif item.voice.silent:
            warnings.append(f"the audio of speaker {number} is silent")


def write_model_tracks(
    timeline: Timeline,
    seconds: float,
    folder: Path,
    *,
    listeners: int,
    cancel: Cancellation,
    left_out: Container[int] = (),
) -> list[Path]:
    """One WAV a voice, 16 kHz mono, each `seconds` long: room tone all along, the voice at -23 LUFS where it speaks.

    Of the speakers in `left_out`, counted from 1, the track holds room tone only: somebody else lays the voice over it.
    `listeners` more tracks follow that hold room tone only, for people in the picture who stay silent. All-zero
    sound makes them freeze or mumble (docs/facts/talk-models.md#silent-listeners). The level is set here and not by the
    graph, whose normalisation would lift bare room tone to the level of speech.
    """
    length = round(seconds * MODEL_RATE)
    tone = _room_tone()
    silent = Placed(timeline.voices[0].voice, 0, 0)
    paths = []
    for number, item in enumerate((*timeline.voices, *[silent] * listeners), start=1):
        path = folder / f"track_{number}.wav"
        if number in left_out:
            item = silent  # noqa: PLW2901
        with _wav_writer(path, channels=1, rate=MODEL_RATE) as out, _Track(item, item.voice.model, MODEL_RATE) as track:
            for begin in range(0, length, BLOCK_SECONDS * MODEL_RATE):
                cancel.check()
                block = track.block(begin).apply_gain(item.voice.model_gain_db).overlay(tone)
                out.writeframesraw(_cut(block, length - begin))
        paths.append(path)
    return paths


def write_listener_mix(
    timeline: Timeline, seconds: float, path: Path, cancel: Cancellation, *, bed: Bed | None = None
) -> None:
    """The sound of the video: the callers' own channels mixed at 48 kHz stereo, padded with silence to `seconds`.

    A `bed` lies under them from the start.

    A mix that would clip is turned down as a whole; levels between the voices stay as they were.
    """
    length = round(seconds * LISTENER_RATE)
    layers = [(item, 0.0) for item in timeline.voices]
    if bed:
        layers.append((Placed(bed.sound, 0, bed.sound.samples), bed.gain_db))
    headroom = HEADROOM_DB if len(layers) > 1 else 0.0
    gain = headroom
    if headroom:
        peak = max((block.max_dBFS for block in _mixed(layers, length, headroom, cancel)), default=0.0)
        gain = min(headroom, CEILING_DBFS - peak)
    with _wav_writer(path, channels=2, rate=LISTENER_RATE) as out:
        for number, block in enumerate(_mixed(layers, length, headroom, cancel)):
            louder = _louder(block, gain).set_sample_width(2)
            out.writeframesraw(_cut(louder, length - number * BLOCK_SECONDS * LISTENER_RATE))


class _Track:
    """Reads a placed voice as blocks of BLOCK_SECONDS of the timeline, silent where it does not sound."""

    def __init__(self, item: Placed, path: Path, rate: int) -> None:
        self._start = round(item.start * rate / LISTENER_RATE)
        self._length = round(item.length * rate / LISTENER_RATE)
        self._wav = wave.open(str(path), "rb")  # noqa: SIM115 - closed by __exit__
        self._rate = rate

    def __enter__(self) -> "_Track":
        return self

    def __exit__(self, *_: object) -> None:
        self._wav.close()

    def block(self, begin: int) -> AudioSegment:
        """BLOCK_SECONDS of sound from sample `begin` of the timeline; stereo for the listener, mono for the model."""
        frames, width = BLOCK_SECONDS * self._rate, 2 * self._wav.getnchannels()
        first = max(begin, self._start)
        end = min(begin + frames, self._start + min(self._length, self._wav.getnframes()))
        sound = b""
        if first < end:
            self._wav.setpos(first - self._start)
            sound = self._wav.readframes(end - first)
        lead = bytes((first - begin) * width) if sound else b""
        data = (lead + sound).ljust(frames * width, b"\0")
        block = AudioSegment(data=data, sample_width=2, frame_rate=self._rate, channels=width // 2)
        return block.set_channels(2) if self._rate == LISTENER_RATE else block


def _mixed(
    layers: Sequence[tuple[Placed, float]], length: int, headroom: float, cancel: Cancellation
) -> Iterator[AudioSegment]:
    """Blocks of all sounds together, each with its gain, and `headroom` dB lower, 32 bit so that nothing clips."""
    with ExitStack() as stack:
        tracks = [
            (stack.enter_context(_Track(item, item.voice.listener, LISTENER_RATE)), gain) for item, gain in layers
        ]
        for begin in range(0, length, BLOCK_SECONDS * LISTENER_RATE):
            cancel.check()
            blocks = [_louder(track.block(begin).set_sample_width(4), gain - headroom) for track, gain in tracks]
            mixed = blocks[0]
            for block in blocks[1:]:
                mixed = mixed.overlay(block)
            yield mixed


def _louder(block: AudioSegment, gain: float) -> AudioSegment:
    """pydub would go through every sample for no gain, too."""
    return block.apply_gain(gain) if gain else block


def _cut(block: AudioSegment, most: int) -> bytes:
    """The first `most` samples of a block. Blocks are whole milliseconds because pydub's positions are."""
    data: bytes = block.raw_data
    return data[: max(0, most) * block.frame_width]


@cache
def _room_tone() -> AudioSegment:
    """BLOCK_SECONDS of soft noise, 16 kHz mono, at about -70 dBFS; the same in every job."""
    bell = NormalDist(0, FULL_SCALE * 10 ** (ROOM_TONE_DBFS / 20))
    levels = [round(bell.inv_cdf((byte + 0.5) / 256)) for byte in range(256)]
    noise = random.Random(0).randbytes(BLOCK_SECONDS * MODEL_RATE)  # noqa: S311 - sound, not a secret
    samples = array.array("h", map(levels.__getitem__, noise))
    return AudioSegment(data=samples.tobytes(), sample_width=2, frame_rate=MODEL_RATE, channels=1)


def _wav_writer(path: Path, *, channels: int, rate: int) -> wave.Wave_write:
    out = wave.open(str(path), "wb")  # noqa: SIM115 - closed by its caller's with
    out.setnchannels(channels)
    out.setsampwidth(2)
    out.setframerate(rate)
    return out
