"""The reference pictures of a job in one file: frame k is what window k goes by.

The server's LoadImage reads a PNG of several frames as a batch. To write one, Pillow would hold them all in memory;
here it packs one after the other, and the packed parts are put together.
"""

import itertools
import struct
import zlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from media.header_png import SIGNATURE

HEAD = struct.Struct(">I4s")  # of a chunk: length of its content, name; a CRC of four bytes follows the content
KEEP, REPLACE = 0, 0  # what stands before a frame stays, and the frame takes its place


def save_references(pictures: Iterable[Image.Image], path: Path) -> int:
    """Write RGB pictures of one size into one PNG, each as a whole frame, and return how many there are.

    Of many, three at most are in memory at a time. One alone makes a plain PNG.

    Raises:
        ValueError: there is none.
    """
    coming = iter(pictures)
    begin = list(itertools.islice(coming, 2))
    if len(begin) == 1:
        begin[0].save(path, format="PNG", compress_level=1)
        return 1
    count = chunks = counted_at = 0
    with path.open("wb") as out:
        out.write(SIGNATURE)
        for count, picture in enumerate(itertools.chain(begin, coming), 1):
            header, pixels = _packed(picture)
            if count == 1:
                _put(out, b"IHDR", header)
                counted_at = out.tell()
                _put(out, b"acTL", bytes(8))
            place = struct.pack(">IIIIIHHBB", chunks, *picture.size, 0, 0, 0, 1, KEEP, REPLACE)
            _put(out, b"fcTL", place)
            chunks += 1
            if count == 1:
                _put(out, b"IDAT", pixels)
            else:
                _put(out, b"fdAT", struct.pack(">I", chunks), pixels)
                chunks += 1
        if not count:
            raise ValueError("no picture to go by")
        _put(out, b"IEND")
        out.seek(counted_at)
        _put(out, b"acTL", struct.pack(">II", count, 1))
    return count


def _packed(picture: Image.Image) -> tuple[bytes, bytes]:
    """Header and compressed pixels as Pillow's encoder makes them."""
    whole = BytesIO()
    picture.save(whole, format="PNG", compress_level=1)
    data, place = whole.getbuffer(), len(SIGNATURE)
    found: dict[bytes, bytes] = {}
    while place < len(data):
        length, name = HEAD.unpack_from(data, place)
        place += HEAD.size
        found[name] = found.get(name, b"") + bytes(data[place : place + length])
        place += length + 4
    return found[b"IHDR"], found[b"IDAT"]


def _put(out: BinaryIO, name: bytes, *parts: bytes) -> None:
    content = b"".join(parts)
    out.write(HEAD.pack(len(content), name) + content + zlib.crc32(content, zlib.crc32(name)).to_bytes(4))
