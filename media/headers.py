"""What is read of a portrait before it is decoded: kind, size and cost; and what of it a decoder gets to see.

Text, thumbnails, second pictures, later frames and whatever else a file carries along is left out of the bytes
that are decoded wherever the format allows it, so that it costs nothing and no parser of it can be tripped.
"""

import struct
from collections.abc import Callable
from pathlib import Path

from media import header_jpeg
from media.header_heif import is_heif, read_heif
from media.header_jpeg import read_jpeg
from media.header_others import read_bmp, read_gif, read_tiff, read_webp
from media.header_png import SIGNATURE, read_png
from media.kinds import not_a_picture
from media.picture import Picture, damaged, refused

MAX_PIXELS = 40_000_000
# Of kinds that take another amount of memory: a JPEG is made smaller while it is decoded; WebP's decoder takes 16
# bytes for each pixel.
MOST_PIXELS = {"JPEG": header_jpeg.MOST_PIXELS, "WEBP": 14_000_000, "HEIC": 50_000_000}
MAX_SIDE = 30_000  # a line of pixels costs memory of its own
MIN_SIDE = 64
BMP_HEADS = tuple(bytes((size, 0, 0, 0)) for size in (12, 40, 52, 56, 64, 108, 124))
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_picture(path: Path) -> Picture:
    """Look at a portrait without decoding it.

    Raises:
        WorkerError: IMAGE_INVALID for another kind of file (named), for damage, for a picture too small to show a
            face, and for what would cost too much.
    """
    data = path.read_bytes()
    try:
        picture = _read(data)
    except (struct.error, IndexError, OverflowError) as error:
        raise damaged(str(error)) from error
    _check_size(picture)
    return picture


def _read(data: bytes) -> Picture:
    readers: tuple[tuple[bool, Callable[[bytes], Picture]], ...] = (
        (data[:3] == b"\xff\xd8\xff", read_jpeg),
        (data.startswith(SIGNATURE), read_png),
        (data[:4] == b"RIFF" and data[8:12] == b"WEBP", read_webp),
        (data[:6] in (b"GIF87a", b"GIF89a"), read_gif),
        (data[:4] in TIFFS, read_tiff),
        (data[:2] == b"BM" and data[14:18] in BMP_HEADS, read_bmp),
        (is_heif(data[:512]), read_heif),
    )
    for fits, reader in readers:
        if fits:
            return reader(data)
    raise not_a_picture(data[:512])


def _check_size(picture: Picture) -> None:
    width, height = picture.size
    if 0 in picture.size:
        raise damaged("no pixels")
    most = MOST_PIXELS.get(picture.kind, MAX_PIXELS)
    if max(picture.size) > MAX_SIDE and width * height <= most:
        raise refused(f"The image has more than {MAX_SIDE} pixels on one side; crop it")
    if width * height > most:
        way_out = "" if picture.kind in ("JPEG", "PNG") else "; send it as JPEG or PNG"
        raise refused(f"The image has more than {most // 10**6} megapixels{way_out}, or send a smaller one")
    if min(picture.size) < MIN_SIDE:
        raise refused(f"The image is {width}x{height} pixels; send one of at least {MIN_SIDE} pixels a side")
