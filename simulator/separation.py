"""A stand-in for parting a voice from music: what is hardly louder than the softest tenth of a sound goes.

Steady music goes, a voice over it stays where it is louder: enough to see in the frames which of the two was heard.
"""

import math
import operator
from array import array
from pathlib import Path

from simulator.audio import Audio, read_wav

FRAME_SECONDS = 0.02
SOFTEST, MARGIN_DB = 0.1, 8.0
SPEECH_DBFS = -20.0  # of the loud frames


def lay_over(track: Audio, sound: Path, start: float, seconds: float, most_gain: float) -> Audio:
    """The track with the voice of `sound` over it from `start` on, for `seconds`."""
    whole = read_wav(sound)
    step = max(1, whole.sample_rate // track.sample_rate)
    samples = whole.samples[: round(seconds * whole.sample_rate)][::step]
    samples, loud = _gated(samples, round(FRAME_SECONDS * track.sample_rate), whole.full_scale)
    gain = 10 ** (min(SPEECH_DBFS - loud, most_gain) / 20) * track.full_scale / whole.full_scale
    heard, begin, most = array("i", track.samples), round(start * track.sample_rate), track.full_scale - 1
    for index, value in enumerate(samples[: max(0, len(heard) - begin)], begin):
        heard[index] = max(-most, min(most, heard[index] + round(value * gain)))
    return Audio(heard, track.full_scale, track.sample_rate, separated=True)


def _gated(samples: "array[int]", size: int, full_scale: int) -> tuple["array[int]", float]:
    """The samples without their soft frames, and the level of the loud ones in dBFS."""
    frames = [samples[begin : begin + size] for begin in range(0, len(samples), size)]
    levels = [_level(frame, full_scale) for frame in frames]
    floor = sorted(levels)[round(SOFTEST * (len(levels) - 1))] + MARGIN_DB if levels else 0.0
    kept = array(samples.typecode)
    for frame, level in zip(frames, levels, strict=True):
        kept.extend(frame if level > floor else array(samples.typecode, bytes(len(frame) * samples.itemsize)))
    return kept, max((level for level in levels if level > floor), default=0.0)


def _level(frame: "array[int]", full_scale: int) -> float:
    square = sum(map(operator.mul, frame, frame)) / len(frame)
    return 10 * math.log10(square / full_scale**2) if square else -120.0
