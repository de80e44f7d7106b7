"""Silence put into a decoded voice where its file has a hole."""

import math
import wave
from collections.abc import Sequence
from pathlib import Path

PIECE_FRAMES = 1 << 16


def insert_silence(path: Path, holes: Sequence[tuple[float, float]], most_seconds: float) -> None:
    """Put silence into a plain WAV: at each second of `holes`, in order, so many seconds; cut at `most_seconds`.

    The seconds are those of the file with the silence in it.
    """
    whole = path.with_suffix(".holes")
    path.rename(whole)
    with wave.open(str(whole), "rb") as sound, wave.open(str(path), "wb") as out:
        out.setparams(sound.getparams())
        rate, frame_bytes = sound.getframerate(), sound.getnchannels() * sound.getsampwidth()
        left, written = math.ceil(most_seconds * rate), 0
        for at, length in [*holes, (math.inf, 0.0)]:
            while left and written < at * rate and (piece := sound.readframes(_next(at * rate - written, left))):
                count = len(piece) // frame_bytes
                out.writeframes(piece)
                left, written = left - count, written + count
            end = written + min(left, round(length * rate))
            while written < end:
                count = min(end - written, PIECE_FRAMES)
                out.writeframes(bytes(count * frame_bytes))
                left, written = left - count, written + count
    whole.unlink()


def _next(wanted: float, left: int) -> int:
    return int(min(wanted + 1, left, PIECE_FRAMES))
