"""Where pieces of a known sound are heard in another: correlation, not lengths.

The known sound is noise whose loudness comes and goes, so that each piece of it fits one place only.
"""

import array
import math
import random
from functools import cache
from pathlib import Path

from media.audio import LISTENER_RATE
from tests.media.media_sounds import Samples, read_wav, write_wav

RATE = 8_000  # of the sound that is sent and of the comparison
SECONDS = 4.0
STEP = LISTENER_RATE // RATE


@cache
def known_sound(seconds: float = SECONDS, rate: int = RATE, level: float = 0.95) -> "Samples[int]":
    """Soft-edged noise, the same in every run."""
    source = random.Random(5)  # noqa: S311 - sound
    value, samples = 0.0, array.array("h")
    for i in range(round(seconds * rate)):
        value += 0.12 * (source.uniform(-1, 1) - value)
        samples.append(round(level * 32767 * value * (0.6 + 0.4 * math.sin(9 * i / rate))))
    return samples


def known_wav(folder: Path) -> Path:
    """The known sound as a plain WAV."""
    return write_wav(folder / "known.wav", RATE, known_sound())


def heard(listener: Path) -> "Samples[int]":
    """The first channel of a decoded voice at RATE; what is above half of it is averaged out."""
    sound = read_wav(listener, LISTENER_RATE)[0]
    return array.array("h", (sum(sound[max(0, i - 2) : i + 3]) // 5 for i in range(0, len(sound), STEP)))


def similarity(first: "Samples[int]", other: "Samples[int]") -> float:
    """Correlation, -1 to 1, of two pieces of the same length."""
    power = math.sqrt(sum(a * a for a in first) * sum(b * b for b in other))
    return sum(a * b for a, b in zip(first, other, strict=False)) / power if power else 0.0


def shift(sound: "Samples[int]", begin: float, at: float, most: float = 0.03) -> tuple[float, float]:
    """How many seconds from `at` the piece from `begin` on is heard (within `most`), and the correlation there."""
    first, count = round(begin * RATE), round(0.4 * RATE)
    piece = known_sound()[first : first + count]
    low, high = max(0, round((at - most) * RATE)), round((at + most) * RATE) + 1
    # Every fourth sample of a short piece finds the place, near which all of them are tried; the whole piece proves it.
    short = piece[: count // 4]
    near = max(range(low, high, 4), key=lambda place: similarity(short[::4], sound[place : place + len(short) : 4]))
    places = range(max(low, near - 3), min(high, near + 4))
    best = max(places, key=lambda place: similarity(short, sound[place : place + len(short)]))
    return best / RATE - at, similarity(piece, sound[best : best + count])
