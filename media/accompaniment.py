"""Whether music or noise lies under a voice, by how far its sound falls between the syllables.

Alone, a voice falls silent many times a second: in stretches of three seconds, a tenth of its frames (20 ms) lie far
below the loud ones. Music fills these gaps. Measured, in dB between the 90th and the 10th percentile of a stretch, with
espeak-ng and made music (median; the music's level is that of its loud frames to the voice's):

    voice alone 41 to 105, in a reverberant room 27, heavily compressed 30, with noise at -25 dB 28, at -20 dB 23
    over chords: at -18 dB 20.5, -12 dB 16, 0 dB 8; over a pop band: -12 dB 19, -6 dB 14, 0 dB 11; a piano: -12 dB 19
    chords alone 7, a pop band alone 9

A tone that does not change by half a dB is a test signal, and no music. Percussion or plucked notes with rests between
them, and no voice, are not told from a voice: they fall as far.
"""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FRAME_SECONDS, STRETCH_SECONDS, PIECE_SECONDS = 0.02, 3.0, 60
LOUD, SOFT = 90, 10  # percentiles
AUDIBLE_DBFS, BELOW_LOUDEST_DB = -50.0, 25.0  # of a stretch's loud frames: what is softer is a pause
MUSICAL_DB, MUSICAL_SHARE = 20.0, 0.5
STEADY_DB = 0.5  # white noise has 0.9
CLEARLY_DB, CLEAR_SHARE = 14.0, 0.1  # as in an opening tune, after which somebody speaks
SHORTEST_SECONDS = 1.0

Levels = NDArray[np.float64]


def has_accompaniment(track: Path) -> bool:
    """Whether a 16-bit mono WAV has music or noise under its voice: half of its stretches fall by less than 20 dB
    between syllables, or a tenth by less than 14 dB. Of less than a second of sound nobody can tell: False."""
    falls = _falls(_levels(track))
    if not len(falls):
        return False
    return bool(np.mean(falls < MUSICAL_DB) >= MUSICAL_SHARE or np.mean(falls < CLEARLY_DB) >= CLEAR_SHARE)


def _falls(levels: Levels) -> Levels:
    """dB between loud and soft frames, for each stretch in which something sounds."""
    if len(levels) < SHORTEST_SECONDS / FRAME_SECONDS:
        return np.empty(0)
    size = min(round(STRETCH_SECONDS / FRAME_SECONDS), len(levels))
    stretches = np.lib.stride_tricks.sliding_window_view(levels, size)[:: max(1, size // 2)]
    soft, loud = np.percentile(stretches, (SOFT, LOUD), axis=1)
    sounds = (loud > AUDIBLE_DBFS) & (loud > loud.max() - BELOW_LOUDEST_DB)
    return np.asarray((loud - soft)[sounds & (loud - soft > STEADY_DB)], dtype=np.float64)


def _levels(track: Path) -> Levels:
    """dBFS of each frame, read piece by piece."""
    found = [np.empty(0)]
    with wave.open(str(track), "rb") as sound:
        size = round(FRAME_SECONDS * sound.getframerate())
        while len(raw := sound.readframes(size * round(PIECE_SECONDS / FRAME_SECONDS))) >= 2 * size:
            samples = np.frombuffer(raw, dtype="<i2").astype(np.float64) / 32768
            frames = samples[: len(samples) // size * size].reshape(-1, size)
            found.append(10 * np.log10(np.mean(frames**2, axis=1) + 1e-10))
    return np.concatenate(found)
