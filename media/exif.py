"""The two things of an EXIF block that change how a picture looks: its orientation, and Adobe RGB without a profile."""

import struct
from collections.abc import Iterator

UPRIGHT, ORIENTATION, SHORT = 1, 0x0112, 3
EXIF_DIRECTORY, INTEROPERABILITY, INDEX, COLOUR_SPACE = 0x8769, 0xA005, 0x0001, 0xA001
SRGB, ADOBE_RGB = 1, 2


def orientation(exif: bytes) -> int:
    """The orientation of an EXIF block, 1 to 8; 1 where it has none or is broken."""
    for tag, kind, count, value in _directory(exif, None):
        if tag == ORIENTATION:
            number = _number(exif, value[:2])
            return number if (kind, count) == (SHORT, 1) and 1 <= number <= 8 else UPRIGHT
    return UPRIGHT


def is_adobe_rgb(exif: bytes) -> bool:
    """Whether a camera says so, as DCF 2.0 has it: an interoperability index of R03."""
    directory = _pointer(exif, None, EXIF_DIRECTORY)
    if directory is None:
        return False
    space = next((value for tag, _, _, value in _directory(exif, directory) if tag == COLOUR_SPACE), b"")
    number = _number(exif, space[:2]) if space else SRGB
    related = _pointer(exif, directory, INTEROPERABILITY)
    index = (value[:3] for tag, _, _, value in _directory(exif, related) if tag == INDEX) if related else ()
    return number == ADOBE_RGB or (number != SRGB and b"R03" in index)


def _number(exif: bytes, value: bytes) -> int:
    return int.from_bytes(value, "little" if exif.removeprefix(b"Exif\0\0").startswith(b"II") else "big")


def _pointer(exif: bytes, directory: int | None, wanted: int) -> int | None:
    found = (value for tag, _, _, value in _directory(exif, directory) if tag == wanted)
    value = next(found, None)
    return None if value is None else _number(exif, value)


def _directory(exif: bytes, place: int | None) -> Iterator[tuple[int, int, int, bytes]]:
    """Tag, type, count and the four bytes of each entry; the first directory where no place is named."""
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return
    try:
        at = struct.unpack_from(order + "I", block, 4)[0] if place is None else place
        (entries,) = struct.unpack_from(order + "H", block, at)
        for entry in range(at + 2, at + 2 + 12 * entries, 12):
            tag, kind, count, value = struct.unpack_from(order + "HHI4s", block, entry)
            yield tag, kind, count, value
    except struct.error:
        return
