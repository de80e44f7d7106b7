"""Sounds for the tests of `media/`: made by ffmpeg or the stdlib, and measured from the files again."""

import array
import math
import re
import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path

from contract.cancel import Cancellation
from media.audio import LISTENER_RATE, MODEL_RATE, Voice, decode
from media.voices import Placed, Timeline

Samples = array.array  # of "h", one channel
UNCHANGED_LUFS, UNCHANGED_PEAK = -23.0, -6.0  # a voice that says this of itself gets no gain


def ffmpeg(*arguments: str) -> str:
    """Run ffmpeg and return what it said."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-y", *arguments]
    return subprocess.run(command, capture_output=True, check=True).stderr.decode()


def make_sound(path: Path, expression: str, seconds: float, rate: int, *options: str, layout: str = "") -> Path:
    """A file of `expression` (ffmpeg's aevalsrc, channels parted by |), encoded as `path` and `options` say."""
    source = f"aevalsrc='{expression}':s={rate}:d={seconds}" + (f":c={layout}" if layout else "")
    ffmpeg("-loglevel", "error", "-f", "lavfi", "-i", source, *options, str(path))
    return path


def sine(frequency: float, seconds: float, rate: int, level: float = 0.25) -> "Samples[int]":
    """One channel."""
    step, high = 2 * math.pi * frequency / rate, 32767 * level
    return array.array("h", (round(high * math.sin(step * i)) for i in range(round(seconds * rate))))


def write_wav(path: Path, rate: int, *channels: "Samples[int]") -> Path:
    """A WAV of 16 bit."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(len(channels))
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(interleaved(channels).tobytes())
    return path


def interleaved(channels: Sequence["Samples[int]"]) -> "Samples[int]":
    """Sample by sample, as a WAV has them."""
    mixed = array.array("h", bytes(2 * len(channels) * len(channels[0])))
    for number, channel in enumerate(channels):
        mixed[number :: len(channels)] = channel
    return mixed


def read_wav(path: Path, rate: int) -> list["Samples[int]"]:
    """The channels of a WAV of 16 bit, which must have this rate and be no longer than its header says."""
    with wave.open(str(path), "rb") as sound:
        assert (sound.getframerate(), sound.getsampwidth()) == (rate, 2)
        frames, count = sound.getnframes(), sound.getnchannels()
        samples = array.array("h", sound.readframes(frames + 1))
    assert len(samples) == frames * count
    return [samples[number::count] for number in range(count)]


def rms_dbfs(samples: Sequence[int]) -> float:
    """Level of all samples together."""
    power = sum(value * value for value in samples) / len(samples)
    return 10 * math.log10(power / 32768**2) if power else float("-inf")


def peak(samples: Sequence[int]) -> int:
    """The largest distance from zero."""
    return max(map(abs, samples))


def frequency(samples: Sequence[int], rate: int) -> float:
    """Of a pure tone: rising zero crossings in a second."""
    rising = [i for i in range(1, len(samples)) if samples[i - 1] < 0 <= samples[i]]
    return (len(rising) - 1) * rate / (rising[-1] - rising[0])


def onset(samples: Sequence[int], threshold: int = 2000) -> int:
    """The first sample that is louder."""
    return next(i for i, value in enumerate(samples) if abs(value) > threshold)


def lufs(path: Path) -> float:
    """Integrated loudness of a file as it is (ffmpeg's ebur128)."""
    said = ffmpeg("-i", str(path), "-af", "ebur128=framelog=verbose", "-f", "null", "-")
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", said)[-1])


def decoded(source: Path, folder: Path, most_seconds: float = 60.0) -> Voice:
    """Through the code under test."""
    return decode(source, folder, f"decoded_{source.stem}", most_seconds, Cancellation())


def voice_of(
    folder: Path,
    name: str,
    *,
    listener: Sequence["Samples[int]"] | None = None,
    model: "Samples[int] | None" = None,
    lufs: float = UNCHANGED_LUFS,
    peak_dbfs: float = UNCHANGED_PEAK,
) -> Voice:
    """A decoded voice with exactly these samples; the other of the two files is silent and as long."""
    if listener is None:
        assert model is not None
        quiet = array.array("h", bytes(2 * len(model) * LISTENER_RATE // MODEL_RATE))
        listener = (quiet, quiet)
    if model is None:
        model = array.array("h", bytes(2 * (len(listener[0]) * MODEL_RATE // LISTENER_RATE)))
    return Voice(
        listener=write_wav(folder / f"{name}_48k.wav", LISTENER_RATE, *listener),
        model=write_wav(folder / f"{name}_16k.wav", MODEL_RATE, model),
        samples=len(listener[0]),
        loudness_lufs=lufs,
        peak_dbfs=peak_dbfs,
    )


def timeline_of(*voices: tuple[Voice, int], length: int | None = None) -> Timeline:
    """Voices at samples of the 48 kHz timeline."""
    placed = tuple(Placed(voice, start, voice.samples) for voice, start in voices)
    return Timeline(placed, length or max(item.start + item.length for item in placed))
