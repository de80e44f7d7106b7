"""Colour profiles (ICC.1:2022): strangers' made harmless, and our own for colours that a file names by numbers.

Of a stranger's profile its curves, its primaries and its tables from device to connection space stay, each checked
for its kind and its length. Names, private data, the way back, and lists of processing elements, which may all lie
in one place and then cost minutes, do not.
"""

import struct
from collections.abc import Iterator, Mapping

from media.primaries import D50_XYZ, Primaries, to_d50

MOST_BYTES = 4 << 20
HEAD = 128
MOST_TAGS = 100
CURVE_POINTS = 65_536
CHANNELS = {b"RGB ": 3, b"GRAY": 1, b"CMYK": 4}
CLASSES = (b"mntr", b"scnr", b"prtr", b"spac")
COLOURS, CURVES, TABLES = (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt"), (b"rTRC", b"gTRC", b"bTRC", b"kTRC"), (b"A2B0", b"A2B1")
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
PARAMETRIC = {1: 0, 5: 3}  # how many numbers -> the function's type


def cleaned(icc: bytes) -> bytes:
    """What of a profile is needed to show a picture; nothing where it is broken or has no colours of pixels."""
    if not HEAD + 4 <= len(icc) <= MOST_BYTES or icc[36:40] != b"acsp":
        return b""
    kind, space, connection = icc[12:16], icc[16:20], icc[20:24]
    if kind not in CLASSES or space not in CHANNELS or connection not in (b"XYZ ", b"Lab "):
        return b""
    (count,) = struct.unpack_from(">I", icc, HEAD)
    if count > MOST_TAGS or HEAD + 4 + 12 * count > len(icc):
        return b""
    tags = {name: data for name, data in _tags(icc, count) if _sound(name, data, CHANNELS[space])}
    needed: tuple[bytes, ...] = {b"RGB ": COLOURS[:3] + CURVES[:3], b"GRAY": (b"kTRC",)}.get(space, TABLES[:1])
    whole = b"A2B0" in tags or all(name in tags for name in needed)
    return _built(space, connection, tags, kind=kind, version=icc[8:12], intent=icc[64:68]) if whole else b""


def _tags(icc: bytes, count: int) -> Iterator[tuple[bytes, bytes]]:
    for place in range(HEAD + 4, HEAD + 4 + 12 * count, 12):
        name, start, size = struct.unpack_from(">4sII", icc, place)
        if HEAD <= start <= start + size <= len(icc):
            yield name, icc[start : start + size]


def _sound(name: bytes, data: bytes, channels: int) -> bool:
    """Whether a tag is used, of the kind that its name asks for, and as long as it says."""
    kind = data[:4]
    if name in COLOURS:
        return kind == b"XYZ " and len(data) >= 20
    if name == b"chad":
        return kind == b"sf32" and len(data) >= 44
    if name in CURVES:
        return _sound_curve(data)
    if name not in TABLES or len(data) < 48 or data[8:10] != bytes((channels, 3)):
        return False
    grid = data[10] ** channels * 3
    if kind == b"mft2":
        entering, leaving = int.from_bytes(data[48:50], "big"), int.from_bytes(data[50:52], "big")
        return len(data) >= 52 + 2 * (grid + channels * entering + 3 * leaving) and min(entering, leaving) >= 2
    return kind == b"mAB " or (kind == b"mft1" and len(data) >= 48 + grid + 256 * (channels + 3))


def _sound_curve(data: bytes) -> bool:
    if data[:4] == b"para":
        return len(data) >= 16
    if data[:4] != b"curv" or len(data) < 12:
        return False
    (points,) = struct.unpack_from(">I", data, 8)
    return bool(points <= CURVE_POINTS and len(data) >= 12 + 2 * points)


def matrix_profile(primaries: Primaries, curve: tuple[float, ...]) -> bytes:
    """A display's profile. `curve` is a gamma alone, or g, a, b, c, d of (aX + b)^g from d on, and cX below.

    Nothing where the primaries make no colours.
    """
    try:
        red, green, blue = zip(*to_d50(primaries), strict=True)
        numbers = struct.pack(f">{len(curve)}i", *(round(value * 65536) for value in curve))
        tags = {name: _xyz(value) for name, value in zip(COLOURS, (red, green, blue, D50_XYZ), strict=True)}
    except (ZeroDivisionError, OverflowError, struct.error):
        return b""
    parametric = b"para" + struct.pack(">IHH", 0, PARAMETRIC[len(curve)], 0) + numbers
    tags |= dict.fromkeys(CURVES[:3], parametric)
    return _built(b"RGB ", b"XYZ ", tags, kind=b"mntr", version=b"\x04\x30\0\0", intent=bytes(4))


def _xyz(value: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(part * 65536) for part in value))


def _built(
    space: bytes, connection: bytes, tags: Mapping[bytes, bytes], *, kind: bytes, version: bytes, intent: bytes
) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = HEAD + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4x4s", start + len(body), version) + kind + space + connection
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(24) + intent + _xyz(D50_XYZ)[8:]
    return head.ljust(HEAD, b"\0") + table + body
