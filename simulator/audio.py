"""PCM WAV files as the audio nodes see them: channel 0, its length, and how loud each frame of video is.

Only PCM WAV is read, because the project's graphs only ever name such files; anything else fails the way LoadAudio
fails on a file that is no audio.
"""

import math
import operator
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from simulator.failures import NodeError

QUIET_DBFS = -50.0
LOUD_DBFS = -10.0


@dataclass(frozen=True)
class Audio:
    """Channel 0 of a file: signed integer samples, the integer that stands for full scale, samples per second; whether
    a voice in it was parted from music."""

    samples: "array[int]"
    full_scale: int
    sample_rate: int
    separated: bool = False

    def __str__(self) -> str:
        """What PreviewAny shows."""
        return f"<simulated AUDIO, {len(self.samples)} samples at {self.sample_rate} Hz>"

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def read_wav(path: Path) -> Audio:
    """Read channel 0; raises NodeError like PyAV for anything but PCM WAV, ValueError for a picture, which PyAV opens,
    and when there are no samples."""
    try:
        with wave.open(str(path), "rb") as source:
            channels, width, rate, count = source.getparams()[:4]
            raw = source.readframes(count)
    except (wave.Error, EOFError) as error:
        if _is_picture(path):
            raise ValueError("No audio stream found in the file.") from error
        message = f"[Errno 1094995529] Invalid data found when processing input: '{path}'"
        raise NodeError("av.error.InvalidDataError", message) from error
    samples = _integers(raw, width)[::channels]
    if not samples:
        raise ValueError("No audio frames decoded.")
    return Audio(samples, 1 << (31 if width == 3 else 8 * width - 1), rate)


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path):
            return True
    except OSError:
        return False


def _integers(raw: bytes, width: int) -> "array[int]":
    if width == 1:
        return array("h", (value - 128 for value in raw))
    if width == 3:
        widened = bytearray(len(raw) // 3 * 4)
        for position in range(3):
            widened[position + 1 :: 4] = raw[position::3]
        return array("i", bytes(widened))
    return array("h" if width == 2 else "i", raw)


def loudness(audio: Audio, frames: int, fps: float) -> list[float]:
    """For each of `frames` frames of 1/fps s: 0.0 (at or under -50 dBFS) to 1.0 (at or over -10 dBFS), linear in dB of
    the RMS.

    Frames past the end of the audio are 0.0.
    """
    per_frame = audio.sample_rate / fps
    values = []
    for index in range(frames):
        part = audio.samples[int(index * per_frame) : int((index + 1) * per_frame)]
        values.append(_level(part, audio.full_scale) if part else 0.0)
    return values


def _level(part: "array[int]", full_scale: int) -> float:
    mean_square = sum(map(operator.mul, part, part)) / len(part)
    if mean_square == 0:
        return 0.0
    dbfs = 10 * math.log10(mean_square / full_scale**2)
    return min(1.0, max(0.0, (dbfs - QUIET_DBFS) / (LOUD_DBFS - QUIET_DBFS)))
