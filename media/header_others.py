"""The headers of WebP, GIF, BMP and TIFF pictures."""

import struct
from collections.abc import Iterator

from media.exif import orientation
from media.picture import Picture, damaged, refused
from media.profiles import cleaned

ANIMATED = "the image is animated; its first frame is used"
MOST_BLOCKS = 100_000
BMP_PROFILE = b"DEBM"  # MBED, as a little-endian number
# Nothing, CCITT (three kinds), LZW, JPEG, Deflate (two numbers), PackBits.
TIFF_COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)
TIFF_TYPES = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 16: ("Q", 8)}
TIFF_WIDTH, TIFF_HEIGHT, TIFF_COMPRESSION, TIFF_SUBFILE, TIFF_PROFILE = 256, 257, 259, 254, 34675
DNG_VERSION = 50706
RAW = "The image is a camera's raw picture, of which only a preview could be read; save it as JPEG or PNG"


def read_webp(data: bytes) -> Picture:
    """Raises struct.error, IndexError."""
    chunks: dict[bytes, tuple[int, int]] = {}
    frames, place = 0, 12
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        chunks.setdefault(kind, (place + 8, min(place + 8 + length, len(data))))
        frames += kind == b"ANMF"
        place += 8 + length + (length & 1)
    exif, icc = (data[slice(*chunks.get(name, (0, 0)))] for name in (b"EXIF", b"ICCP"))
    warning = ANIMATED if frames > 1 else ""
    return Picture("WEBP", _webp_size(data), data, orientation(exif), cleaned(icc), warning=warning)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Of the canvas, which is what the decoder makes room for."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
        return low_width + (high_width << 16) + 1, low_height + (high_height << 16) + 1
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def read_gif(data: bytes) -> Picture:
    """Up to the end of the first frame. Raises WorkerError, struct.error, IndexError."""
    width, height = struct.unpack_from("<HH", data, 6)
    first, frames = len(data), 0
    for kind, start, end in _gif_blocks(data):
        if kind == 0x2C:
            frames += 1
            if frames > 1:
                break
            left, top, across, down = struct.unpack_from("<HHHH", data, start + 1)
            width, height = max(width, left + across), max(height, top + down)  # as Pillow makes room for it
            first = end
    if not frames:
        raise damaged("no frame")
    return Picture("GIF", (width, height), data[:first] + b";", warning=ANIMATED if frames > 1 else "")


def _gif_blocks(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, begin and end of each block: frames (0x2C) and extensions (0x21)."""
    place = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    for _ in range(MOST_BLOCKS):
        if place >= len(data) or (kind := data[place]) not in (0x21, 0x2C):
            return
        start = place
        place += 2
        if kind == 0x2C:
            colours = data[place + 7]
            place += 9 + (3 << (colours & 7) + 1 if colours & 0x80 else 0)
        while place < len(data) and data[place]:
            place += 1 + data[place]
        place += 1
        yield kind, start, place


def read_bmp(data: bytes) -> Picture:
    """Raises struct.error, IndexError."""
    (head,) = struct.unpack_from("<I", data, 14)
    if head == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = (abs(side) for side in struct.unpack_from("<ii", data, 18))
    icc = b""
    if head == 124 and data[14 + 56 : 14 + 60] == BMP_PROFILE:
        start, size = struct.unpack_from("<II", data, 14 + 112)
        icc = cleaned(data[14 + start : 14 + start + size])
    return Picture("BMP", (width, height), data, icc=icc)


def read_tiff(data: bytes) -> Picture:
    """The first page. Raises WorkerError, struct.error, IndexError."""
    if data[8:10] == b"CR":
        raise refused(RAW)
    order, large = "<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+")
    (place,) = struct.unpack_from(order + ("Q" if large else "I"), data, 8 if large else 4)
    tags, following = _tiff_directory(data, place, order, large=large)
    if DNG_VERSION in tags or _first(tags, TIFF_SUBFILE) & 1:
        raise refused(RAW)
    if _first(tags, TIFF_COMPRESSION, 1) not in TIFF_COMPRESSIONS:
        raise refused("The image is a TIFF of a rare compression; save it as JPEG or PNG")
    start, size, _ = tags.get(TIFF_PROFILE, (0, 0, 0))
    pages = bool(following) and not _first(_tiff_directory(data, following, order, large=large)[0], TIFF_SUBFILE) & 1
    return Picture(
        "TIFF",
        (_first(tags, TIFF_WIDTH), _first(tags, TIFF_HEIGHT)),
        data,
        icc=cleaned(data[start : start + size]),
        warning="the image has several pages; the first is used" if pages else "",
    )


TiffTags = dict[int, tuple[int, int, int]]


def _first(tags: TiffTags, tag: int, default: int = 0) -> int:
    return tags[tag][2] if tag in tags else default


def _tiff_directory(data: bytes, place: int, order: str, *, large: bool) -> tuple[TiffTags, int]:
    """Of each tag where its values lie, their number and the first of them; and where the next directory is."""
    number, entry, word = ("Q", "HHQ", "Q") if large else ("H", "HHI", "I")
    size = struct.calcsize("<" + number), struct.calcsize("<" + entry), struct.calcsize("<" + word)
    (count,) = struct.unpack_from(order + number, data, place)
    tags: TiffTags = {}
    for at in range(min(count, 4096)):
        begin = place + size[0] + at * (size[1] + size[2])
        tag, kind, values = struct.unpack_from(order + entry, data, begin)
        begin += size[1]
        letter, width = TIFF_TYPES.get(kind, ("B", 1))
        where = begin if width * values <= size[2] else struct.unpack_from(order + word, data, begin)[0]
        first = struct.unpack_from(order + letter, data, where)[0] if where + width <= len(data) else 0
        tags.setdefault(tag, (where, values, first))
    following = place + size[0] + count * (size[1] + size[2])
    found = struct.unpack_from(order + word, data, following)[0] if following + size[2] <= len(data) else 0
    return tags, int(found)
