"""PNG files from bands of rows, each band packed once and used again in many files.

A band is compressed on its own (raw deflate, ended by a full flush, so that nothing refers across its border) and
becomes one IDAT chunk with its own checksum. A file is then a join of ready chunks; only the Adler-32 of the whole is
computed per file, by combining those of the bands. Every decoder reads the result as an ordinary 8-bit RGB PNG.
"""

import struct
import zlib
from dataclasses import dataclass

from PIL import Image, ImageChops

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BYTES_PER_PIXEL = 3
SUB_FILTER = 1
ADLER_BASE = 65521
ZLIB_HEADER = b"\x78\x01"
DEFLATE_END = b"\x03\x00"


@dataclass(frozen=True)
class Band:
    """Rows of a picture, packed: the ready IDAT chunk, and the Adler-32 and length of the unpacked bytes."""

    chunk: bytes
    adler: int
    length: int


def chunk(kind: bytes, data: bytes) -> bytes:
    """One PNG chunk: length, kind, data, CRC-32."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def head(width: int, height: int) -> bytes:
    """What stands before the first band: signature, size, 8-bit RGB, and the zlib header as an IDAT of its own."""
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", size) + chunk(b"IDAT", ZLIB_HEADER)


def band(rows: Image.Image, level: int) -> Band:
    """Pack an RGB picture as rows of a larger one of the same width; `level` 0 to 9 as in zlib."""
    width, height = rows.size
    shifted = Image.new("RGB", rows.size)
    shifted.paste(rows, (1, 0))
    differences = ImageChops.subtract_modulo(rows, shifted).tobytes()
    stride = width * BYTES_PER_PIXEL
    mark = bytes([SUB_FILTER])
    raw = b"".join(mark + differences[start : start + stride] for start in range(0, height * stride, stride))
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = packer.compress(raw) + packer.flush(zlib.Z_FULL_FLUSH)
    return Band(chunk(b"IDAT", data), zlib.adler32(raw), len(raw))


def tail(bands: list[Band]) -> bytes:
    """What stands after the last band: the end of the deflate stream, the Adler-32 of all rows, IEND."""
    total = 1
    for part in bands:
        total = combine_adler(total, part.adler, part.length)
    return chunk(b"IDAT", DEFLATE_END + struct.pack(">I", total)) + chunk(b"IEND", b"")


def combine_adler(first: int, second: int, second_length: int) -> int:
    """The Adler-32 of two byte strings set one after the other, from their own ones (RFC 1950 §8.2)."""
    first_low, first_high = first & 0xFFFF, first >> 16
    second_low, second_high = second & 0xFFFF, second >> 16
    low = (first_low + second_low - 1) % ADLER_BASE
    high = (first_high + second_high + second_length * (first_low - 1)) % ADLER_BASE
    return high << 16 | low
