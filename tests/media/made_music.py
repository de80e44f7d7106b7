"""Music for tests, made of sines and noise, and speech of the examples: as numbers from -1 to 1 at 16 kHz."""

import subprocess
import wave
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CHORDS = ((220, 277, 330), (196, 247, 294), (174, 220, 262), (165, 208, 247))
BEAT = 60 / 110
Sound = NDArray[np.float64]


@cache
def speech(seconds: float, *names: str) -> Sound:
    """espeak-ng's voices, one sentence after the other."""
    parts = []
    for name in names or ("anna", "ben", "hello"):
        command = ["ffmpeg", "-v", "error", "-i", str(EXAMPLES / f"{name}.wav"), "-ar", str(RATE), "-f", "s16le", "-"]
        raw = subprocess.run(command, capture_output=True, check=True).stdout
        parts.append(np.frombuffer(raw, dtype="<i2").astype(np.float64) / 32768)
    whole = np.concatenate(parts)
    return np.tile(whole, int(seconds * RATE // len(whole)) + 1)[: int(seconds * RATE)]


def chords(seconds: float) -> Sound:
    """Held, as a synthesiser's pad."""
    t = np.arange(int(seconds * RATE)) / RATE
    place, within = (t // 2).astype(int) % len(CHORDS), t % 2
    swell = np.minimum(1, within / 0.1) * (0.7 + 0.3 * np.cos(np.pi * within / 2))
    tones = [np.choose(place, [chord[voice] for chord in CHORDS]) for voice in range(3)]
    parts = [np.sin(2 * np.pi * tone * t) + 0.3 * np.sin(4 * np.pi * tone * t) for tone in tones]
    return np.asarray(0.1 * swell * np.sum(parts, axis=0))


def band(seconds: float) -> Sound:
    """Kick, snare, bass and struck chords, 110 beats a minute."""
    t = np.arange(int(seconds * RATE)) / RATE
    beat, odd = t % BEAT, (t // BEAT).astype(int) % 2
    kick = np.sin(2 * np.pi * (50 + 80 * np.exp(-beat * 30)) * beat) * np.exp(-beat * 12) * 4
    snare = np.random.default_rng(1).uniform(-1, 1, len(t)) * np.exp(-beat * 18) * 2.5 * odd
    struck, bass = 8 * chords(seconds) * np.exp(-beat * 3), 0.8 * np.sin(2 * np.pi * 55 * t)
    return np.asarray(0.1 * (kick + snare + struck + bass))


def noise(seconds: float) -> Sound:
    """White."""
    return np.random.default_rng(2).normal(0, 0.1, int(seconds * RATE))


def level(sound: Sound) -> float:
    """dBFS of the frames of 20 ms that are no more than 30 dB below the loudest."""
    size = RATE // 50
    frames = 10 * np.log10(np.mean(sound[: len(sound) // size * size].reshape(-1, size) ** 2, axis=1) + 1e-12)
    return float(10 * np.log10(np.mean(10 ** (frames[frames > frames.max() - 30] / 10))))


def over(voice: Sound, music: Sound, relative: float) -> Sound:
    """A voice over music that is `relative` dB louder than it."""
    return voice + music * 10 ** ((level(voice) + relative - level(music)) / 20)


def write(path: Path, sound: Sound) -> Path:
    """As a WAV of 16 bit, turned down where it would clip."""
    samples = sound / max(1.0, float(np.abs(sound).max()) / 0.95)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((samples * 32767).astype("<i2").tobytes())
    return path
