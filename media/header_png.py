"""A PNG's header and what it says of its colours, in the order of precedence of PNG (third edition, §13.13)."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from media.colour import from_code_points
from media.exif import orientation
from media.picture import HighRange, Picture
from media.primaries import BT709, Primaries
from media.profiles import MOST_BYTES, SRGB_CURVE, cleaned, matrix_profile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEPT = (b"IHDR", b"PLTE", b"tRNS")
READ = (*KEPT, b"acTL", b"eXIf", b"iCCP", b"cICP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI")
# A file gamma that stands for the curve of sRGB, and how far primaries may be off and still be sRGB's.
SRGB_GAMMA, GAMMA_NEAR, PLACE_NEAR = 0.45455, 0.005, 0.002


def read_png(data: bytes) -> Picture:
    """Raises struct.error for a header cut short."""
    found: dict[bytes, bytes] = {}
    kept: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    for kind, start, end in _chunks(data):
        if kind == b"IDAT":
            pixels.append(data[start:end])
        elif kind in READ and kind not in found:
            found[kind] = data[start:end]
            kept[kind] = data[start - 8 : end + 4]
    width, height = struct.unpack_from(">II", kept.get(b"IHDR", b""), 8)
    # One chunk in place of as many as the file has; its checksum was never looked at, and zlib has its own.
    body = b"IDAT" + b"".join(pixels)
    whole = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    clean = SIGNATURE + b"".join(kept[name] for name in KEPT if name in kept) + whole
    clean += b"\0\0\0\0IEND\xaeB`\x82"
    icc, high_range, narrow = _colours(found)
    frames = int.from_bytes(found.get(b"acTL", b"")[:4], "big")
    return Picture(
        "PNG",
        (width, height),
        clean,
        orientation(found.get(b"eXIf", b"")),
        icc,
        high_range,
        narrow,
        "the image is animated; its first frame is used" if frames > 1 else "",
        deep=found.get(b"IHDR", b"")[8:10] in (b"\x10\2", b"\x10\6"),
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and end of each chunk's content, up to where the file or the picture ends."""
    place = len(SIGNATURE)
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        kind = data[place + 4 : place + 8]
        yield kind, place + 8, min(place + 8 + length, len(data))
        if kind == b"IEND":
            return
        place += 12 + length


def _colours(found: Mapping[bytes, bytes]) -> tuple[bytes, HighRange | None, bool]:
    """A profile, a high range, and whether black is 16: cICP before iCCP before sRGB before gAMA and cHRM."""
    points = found.get(b"cICP", b"")
    if len(points) == 4 and points[2] == 0:
        told = from_code_points(points[0], points[1])
        if told:
            high_range = told[1] and replace(told[1], peak=_peak(found))
            return told[0], high_range, points[3] == 0
    icc = cleaned(_unpacked(found.get(b"iCCP", b"")))
    if icc or b"sRGB" in found:
        return icc, None, False
    return _from_gamma(found), None, False


def _peak(found: Mapping[bytes, bytes]) -> float:
    """The most light that the picture, or the screen on which it was made, is said to have; 0 where nothing is."""
    content, screen = found.get(b"cLLI", b""), found.get(b"mDCV", b"")
    told = [int.from_bytes(content[:4], "big")] if len(content) == 8 else []
    told += [int.from_bytes(screen[16:20], "big")] if len(screen) == 24 else []
    return min((value for value in told if value), default=0) / 10_000


def _from_gamma(found: Mapping[bytes, bytes]) -> bytes:
    places, gamma = found.get(b"cHRM", b""), int.from_bytes(found.get(b"gAMA", b""), "big") / 100_000
    primaries = BT709
    if len(places) == 32:
        white, red, green, blue = ((x / 100_000, y / 100_000) for x, y in struct.iter_unpack(">II", places))
        primaries = Primaries(red, green, blue, white)
    if not 0.1 <= gamma <= 10:
        gamma = SRGB_GAMMA
    same_curve = abs(gamma - SRGB_GAMMA) < GAMMA_NEAR
    if same_curve and _near(primaries, BT709):
        return b""
    return cleaned(matrix_profile(primaries, SRGB_CURVE if same_curve else (1 / gamma,)))


def _near(one: Primaries, other: Primaries) -> bool:
    pairs = zip(one, other, strict=True)
    return all(abs(a[0] - b[0]) <= PLACE_NEAR and abs(a[1] - b[1]) <= PLACE_NEAR for a, b in pairs)


def _unpacked(profile: bytes) -> bytes:
    """A PNG's colour profile; nothing where it is broken or larger than any real one."""
    name, _, packed = profile.partition(b"\0")
    try:
        unpack = zlib.decompressobj()
        icc = unpack.decompress(packed[1:], MOST_BYTES)
    except zlib.error:
        return b""
    return icc if unpack.eof and name else b""
