"""The header of a HEIC or AVIF picture: the boxes of its primary item (ISO/IEC 23008-12, ISO/IEC 14496-12)."""

import struct
from collections.abc import Iterator

from media.colour import from_code_points
from media.exif import UPRIGHT
from media.picture import AS_EXIF, HighRange, Picture, damaged, refused
from media.profiles import cleaned

MOST_BOXES = 20_000
AVIF_BRANDS = (b"avif", b"avis")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"mif3")
SEQUENCES = (b"hevc", b"hevx", b"msf1", b"avis")
Boxes = list[tuple[bytes, bytes]]


def is_heif(head: bytes) -> bool:
    """Whether a file that begins with `head` is a still picture of this family."""
    return head[4:8] == b"ftyp" and bool(set(_brands(head)) & {*AVIF_BRANDS, *HEIC_BRANDS, *SEQUENCES})


def _brands(head: bytes) -> list[bytes]:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return [head[8:12], *(head[place : place + 4] for place in range(16, end - 3, 4))]


def read_heif(data: bytes) -> Picture:
    """Raises WorkerError, struct.error, IndexError."""
    brands = _brands(data)
    kind = "AVIF" if set(brands) & set(AVIF_BRANDS) else "HEIC"
    meta = next((content for name, content in _boxes(data) if name == b"meta"), None)
    if meta is None:
        raise refused("The image is a sequence without a still picture; save it as JPEG or PNG")
    parts = dict(_boxes(meta[4:]))
    properties = _properties(parts)
    size = next((struct.unpack_from(">II", content, 4) for name, content in properties if name == b"ispe"), None)
    if size is None:
        raise damaged("no size")
    icc, high_range = _colours(properties)
    moving = data[8:12] in SEQUENCES and any(name == b"moov" for name, _ in _boxes(data))
    warning = "the image is animated; its first frame is used" if moving else ""
    turned = any(name in (b"irot", b"imir") for name, _ in properties)
    stored = UPRIGHT if turned or kind == "AVIF" else AS_EXIF
    return Picture(kind, (size[0], size[1]), data, stored, icc=icc, high_range=high_range, warning=warning)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    for _ in range(MOST_BOXES):
        if place + 8 > len(data):
            return
        size, name = struct.unpack_from(">I4s", data, place)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, place + 8), 16
        elif size == 0:
            size = len(data) - place
        if size < head:
            raise damaged("a box without a size")
        yield name, data[place + head : place + size]
        place += size
    raise refused("The image has far too many parts; save it again")


def _properties(parts: dict[bytes, bytes]) -> Boxes:
    """Those of the primary item, in their order."""
    primary = parts.get(b"pitm", b"")
    item = int.from_bytes(primary[4:6] if primary[:1] == b"\0" else primary[4:8], "big")
    inside = _boxes(parts.get(b"iprp", b""))
    shared: Boxes = []
    places: list[int] = []
    for name, content in inside:
        if name == b"ipco":
            shared = list(_boxes(content))
        elif name == b"ipma":
            places += _associated(content, item)
    return [shared[place - 1] for place in places if 1 <= place <= len(shared)]


def _associated(content: bytes, wanted: int) -> list[int]:
    wide_item, wide_place = content[0] >= 1, content[3] & 1
    (count,) = struct.unpack_from(">I", content, 4)
    place = 8
    for _ in range(min(count, MOST_BOXES)):
        (item,) = struct.unpack_from(">I" if wide_item else ">H", content, place)
        place += 4 if wide_item else 2
        number = content[place]
        each = ">H" if wide_place else ">B"
        step = struct.calcsize(each)
        found = [struct.unpack_from(each, content, place + 1 + at * step)[0] for at in range(number)]
        if item == wanted:
            return [value & (0x7FFF if wide_place else 0x7F) for value in found]
        place += 1 + number * step
    return []


def _colours(properties: Boxes) -> tuple[bytes, HighRange | None]:
    """A profile is more exact than code points, but cannot tell a high range."""
    boxes = [content for name, content in properties if name == b"colr"]
    icc = next((cleaned(content[4:]) for content in boxes if content[:4] in (b"prof", b"rICC")), b"")
    points = next((struct.unpack_from(">HH", content, 4) for content in boxes if content[:4] == b"nclx"), None)
    told = from_code_points(*points) if points else None
    if told is None or (icc and not told[1]):
        return icc, None
    return (icc, None) if icc else told
