"""WAV files whose sizes are untrue: written by a program that could not go back, or put one behind the other.

A program that streams writes 0, FFFFFFFF or another size that no file has; what follows the samples is then taken for
samples. Of several WAV files in a row a reader plays the first. `plain_wav` writes such a file anew, with its samples
and nothing else; layouts from RFC 2361, EBU Tech 3285 and ITU-R BS.2088 (RF64, BW64).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from contract.errors import ErrorCode, WorkerError

FORMS = (b"RIFF", b"RF64", b"BW64")
STREAMED = 1 << 30  # more than any file that is taken may have
UNTOLD = 0xFFFFFFFF
BLOCK_BYTES = 1 << 20
TAIL_BYTES = 1 << 18
MOST_BYTES = 0xFFFF0000
MOST_CHUNKS, MOST_PARTS = 4096, 256
NAME = re.compile(rb"(?=[ -~]{4})")
NEXT_WAV = re.compile(rb"(RIFF|RF64|BW64).{4}WAVE", re.DOTALL)
FMT_BYTES = 1 << 16


@dataclass(frozen=True)
class _Part:
    """The samples of one WAV: its format, begin and end of their bytes, and how many the header told of, if it did."""

    form: bytes
    begin: int
    end: int
    told: int | None


def plain_wav(source: Path, target: Path) -> Path:
    """`source` where its header is true, or cannot be read; else `target`, written anew with all of its samples.

    Several WAV files in a row are joined.

    Raises:
        WorkerError: AUDIO_INVALID for several that differ in their format.
    """
    with source.open("rb") as file:
        size = source.stat().st_size
        parts = list(_parts(file, size))
        if not parts or (len(parts) == 1 and parts[0].told is not None):
            return source
        if any(part.form != parts[0].form for part in parts):
            raise WorkerError(ErrorCode.AUDIO_INVALID, "several WAV files of different formats in a row; send one file")
        # A part that is cut short stays so: the header then tells of more than there is.
        length = sum(part.end - part.begin if part.told is None else part.told for part in parts)
        form, length = parts[0].form, min(length, MOST_BYTES)
        with target.open("wb") as out:
            out.write(b"RIFF" + struct.pack("<I", 20 + len(form) + length) + b"WAVEfmt " + struct.pack("<I", len(form)))
            out.write(form + b"data" + struct.pack("<I", length))
            for part in parts:
                file.seek(part.begin)
                _copy(file, out, part.end - part.begin)
    return target


def present_share(source: Path) -> float:
    """How much of the samples that its header tells of a WAV has: less than 1 where it is cut short."""
    with source.open("rb") as file:
        part = next(_parts(file, source.stat().st_size), None)
    return (part.end - part.begin) / part.told if part and part.told else 1.0


def trailing_share(source: Path) -> float:
    """How much lies behind the samples of a WAV that is neither a chunk nor another WAV, for each byte of samples."""
    size = source.stat().st_size
    with source.open("rb") as file:
        part = next(_parts(file, size), None)
        if part is None or _leads_to_end(file, part.end + (part.end - part.begin) % 2, size):
            return 0.0
    return (size - part.end) / (part.end - part.begin)


def _parts(file: IO[bytes], size: int) -> Iterator[_Part]:
    """Every WAV of the file, one behind the other."""
    place = 0
    samples = 0  # chunks of them
    form, whole = b"", 0  # of the WAV at hand: its format, and the size of its samples that an RF64 tells apart
    for _ in range(MOST_CHUNKS):
        file.seek(place)
        name, length = _head(file.read(8))
        if name in FORMS and file.read(4) == b"WAVE":
            place, form, whole = place + 12, b"", 0
            continue
        begin = place + 8
        if name == b"fmt ":
            form = file.read(min(length, FMT_BYTES))
        elif name == b"ds64":
            whole = int.from_bytes(file.read(16)[8:], "little")
        elif name == b"data" and samples < MOST_PARTS:
            samples += 1
            length = whole if length == UNTOLD and whole else length
            told = 0 < length < STREAMED or _leads_to_end(file, begin + length, size)
            end = min(begin + length, size) if told else _end_of_samples(file, begin, size)
            if not form:
                return
            if end > begin:
                yield _Part(form, begin, end, length if told else None)
            length = end - begin
        elif name == b"data" or not NAME.match(name):
            return
        place = begin + length + (length & 1)


def _head(data: bytes) -> tuple[bytes, int]:
    return (data[:4], int.from_bytes(data[4:], "little")) if len(data) == 8 else (b"", 0)


def _leads_to_end(file: IO[bytes], place: int, size: int) -> bool:
    """Whether chunks, one at least, lead from here to the end of the file exactly."""
    if not max(0, size - TAIL_BYTES) <= place < size:
        return False
    file.seek(place)
    return 0 in _chunk_rows(file.read())


def _end_of_samples(file: IO[bytes], begin: int, size: int) -> int:
    """Where samples of untold length end: at the next WAV, else at the first of the chunks that lead to the end."""
    for place in range(begin, size, BLOCK_BYTES):
        file.seek(place)
        if found := NEXT_WAV.search(file.read(BLOCK_BYTES + 12)):
            return place + found.start()
    start = max(begin, size - TAIL_BYTES)
    file.seek(start)
    return min((start + place for place in _chunk_rows(file.read())), default=size)


def _chunk_rows(tail: bytes) -> set[int]:
    """The places from which chunks lead to the end of the file exactly, or to the byte that pads the last."""
    good = {len(tail), len(tail) + 1}
    for place in reversed([found.start() for found in NAME.finditer(tail)]):
        length = int.from_bytes(tail[place + 4 : place + 8].ljust(4, b"\xff"), "little")
        if place + 8 + length + (length & 1) in good:
            good.add(place)
    return good - {len(tail), len(tail) + 1}


def _copy(source: IO[bytes], target: IO[bytes], length: int) -> None:
    while length > 0 and (piece := source.read(min(length, BLOCK_BYTES))):
        target.write(piece)
        length -= len(piece)
