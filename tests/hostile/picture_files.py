"""Pictures that the hostile ones are made of, and the parts of their files. All are made by code."""

import struct
import zlib
from io import BytesIO

from PIL import Image

from tests.hostile.hostile_case import noise
from tests.media.colour_files import chunk

PNG = b"\x89PNG\r\n\x1a\n"
END = b"\0\0\0\0IEND\xaeB`\x82"
PROGRESSIVE, SCAN = b"\xff\xc2", b"\xff\xda"


def saved(image: Image.Image, format_: str, **options: object) -> bytes:
    """The picture as a file, by Pillow."""
    out = BytesIO()
    image.save(out, format=format_, **options)
    return out.getvalue()


def noise_picture(size: tuple[int, int]) -> Image.Image:
    """A picture of noise, the same each time."""
    return Image.frombytes("RGB", size, noise(size[0] * size[1] * 3))


def png(width: int, height: int, *before: bytes, depth: int = 8, colour: int = 2, pixels: bytes | None = None) -> bytes:
    """A PNG of zeros, or of the packed `pixels`, with further chunks before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    if pixels is None:
        samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
        packer, line = zlib.compressobj(1), bytes(1 + (width * samples * depth + 7) // 8)
        pixels = b"".join([*(packer.compress(line) for _ in range(height)), packer.flush()])
    return PNG + header + b"".join(before) + chunk(b"IDAT", pixels) + END


def flat_jpeg(width: int, height: int) -> bytes:
    """Of one colour: the four bytes that its blocks repeat to, as often as it has blocks."""
    jpeg = resized(saved(Image.new("RGB", (width, 16), "red"), "JPEG"), width, height)
    return jpeg[:-20] + jpeg[-12:-8] * (-(-width // 16) * -(-height // 16)) + b"\xff\xd9"


def resized(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header promises another size than its data have."""
    place = next(at for mark in (b"\xff\xc0", PROGRESSIVE) if (at := jpeg.find(mark)) > 0)
    return jpeg[: place + 5] + struct.pack(">HH", height, width) + jpeg[place + 9 :]


def with_canvas(webp: bytes, width: int, height: int) -> bytes:
    """A WebP in the extended form with another canvas."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = webp[12:16] == b"VP8X"
    rest = webp[30:] if extended else webp[12:]
    body = b"VP8X" + struct.pack("<I", 10) + (webp[20:24] if extended else bytes(4)) + size + rest
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    """An entry of an EXIF directory; a value of two bytes stands in the first half."""
    return struct.pack(">HHI", tag, kind, count) + struct.pack(*((">HH", value, 0) if kind == 3 else (">I", value)))


def exif(*entries: bytes, count: int | None = None) -> bytes:
    """A directory of these entries, which may promise another `count` of them."""
    number = len(entries) if count is None else count
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", number) + b"".join(entries) + bytes(4)


def with_segment(number: int, content: bytes) -> bytes:
    """A JPEG with this application segment."""
    data = saved(Image.new("RGB", (96, 64), "red"), "JPEG")
    return data[:2] + b"\xff" + bytes([0xE0 + number]) + struct.pack(">H", len(content) + 2) + content + data[2:]
