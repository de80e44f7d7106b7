"""The arithmetic of parting a voice from music: where blocks begin, and how much a parted voice is turned up."""

import math

MODEL_RATE = 16_000
BLOCK_SECONDS, STEP_SECONDS = 10, 9
SILENT_DBFS, PEAK_DBFS, LUFS, UNMEASURABLE_LUFS = -50.0, -1.0, -23.0, -69.0


def starts(seconds: float) -> list[int]:
    """Seconds at which the blocks of a sound begin; one at least. None begins within the overlap of the last."""
    return list(range(0, max(1, math.ceil(seconds - (BLOCK_SECONDS - STEP_SECONDS))), STEP_SECONDS))


def gain_db(loudness: float, peak: float, most: float) -> float:
    """The gain that brings a voice of this loudness (LUFS) and peak (dBFS) to the level that the talk models know.

    At most `most`: where there is no voice, what is left of the music must not be turned up to one.
    """
    if peak < SILENT_DBFS:
        return min(0.0, most)
    room = PEAK_DBFS - peak
    wanted = LUFS - loudness if loudness > UNMEASURABLE_LUFS else room
    return min(wanted, room, most)
