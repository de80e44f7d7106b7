"""Puts a box into a finished MP4, in front of its pictures and sound (ISO/IEC 14496-12).

The index of an MP4 has the places of all chunks, counted from the start of the file: what moves behind a new box is
counted anew. Only files as our own encoder writes them are met here: one `moov`, and `mdat` behind it.
"""

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

INDEX, MEDIA = b"moov", b"mdat"
ON_THE_WAY = (b"moov", b"trak", b"mdia", b"minf", b"stbl")  # the boxes in boxes that lead to the places
PLACES = {b"stco": ">{}I", b"co64": ">{}Q"}
COPY_BYTES = 1 << 20


class UnexpectedFileError(Exception):
    """The MP4 is not built as our encoder builds it; the text says where."""


@dataclass(frozen=True)
class Box:
    """A box: its name, where it begins, where its content begins, and where it ends."""

    name: bytes
    begin: int
    inside: int
    end: int


def insert_before_media(source: Path, target: Path, box: bytes) -> None:
    """Write `source` to `target` with `box` behind the index and in front of the media.

    Raises:
        UnexpectedFileError: the source is another kind of MP4.
    """
    with source.open("rb") as file, target.open("wb") as out:
        whole = file.seek(0, 2)
        boxes = {found.name: found for found in _boxes(file, 0, whole)}
        if not {INDEX, MEDIA} <= boxes.keys() or boxes[INDEX].begin > boxes[MEDIA].begin:
            raise UnexpectedFileError("the index is not in front of the media")
        head = bytearray(_read(file, 0, boxes[INDEX].end))
        _move(head, boxes[INDEX], len(box))
        out.write(head)
        out.write(box)
        file.seek(len(head))
        shutil.copyfileobj(file, out, COPY_BYTES)


def _boxes(file: IO[bytes], begin: int, end: int) -> Iterator[Box]:
    """The boxes of a stretch of the file, one behind the other."""
    while begin < end:
        head = _read(file, begin, min(16, end - begin))
        if len(head) < 8:
            raise UnexpectedFileError("a box breaks off")
        size, name = struct.unpack_from(">I4s", head)
        inside = begin + 8
        if size == 1 and len(head) == 16:
            (size,), inside = struct.unpack_from(">Q", head, 8), begin + 16
        stop = end if size == 0 else begin + size
        if not inside <= stop <= end:
            raise UnexpectedFileError(f"the box {name!r} has no size that can be")
        yield Box(name, begin, inside, stop)
        begin = stop


def _read(file: IO[bytes], begin: int, count: int) -> bytes:
    file.seek(begin)
    return file.read(count)


def _move(head: bytearray, box: Box, by: int) -> None:
    """Add `by` to every place that the index, at the end of `head`, tells."""
    for inner in _inner(head, box):
        if inner.name in ON_THE_WAY:
            _move(head, inner, by)
        elif inner.name in PLACES:
            (count,) = struct.unpack_from(">I", head, inner.inside + 4)
            form, first = PLACES[inner.name].format(count), inner.inside + 8
            if first + struct.calcsize(form) > inner.end:
                raise UnexpectedFileError("the list of chunks breaks off")
            places = [place + by for place in struct.unpack_from(form, head, first)]
            if inner.name == b"stco" and max(places, default=0) >= 1 << 32:
                raise UnexpectedFileError("the file is too large for its list of chunks")
            struct.pack_into(form, head, first, *places)


def _inner(head: bytearray, box: Box) -> list[Box]:
    return list(_boxes(BytesIO(head), box.inside, box.end))
