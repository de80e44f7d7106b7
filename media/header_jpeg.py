"""A JPEG's header, its cost, and where its first picture ends: phones put films and further pictures behind it."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from media.exif import is_adobe_rgb, orientation
from media.picture import Picture, damaged, refused
from media.primaries import ADOBE
from media.profiles import cleaned, matrix_profile

MOST_PIXELS = 250_000_000
# A JPEG in several scans keeps all its coefficients in memory and walks over them once a scan.
COEFFICIENT_BYTES = 180_000_000
SCANS = 200
SCANNED_PIXELS = 2_000_000_000
CHECKED_PIXELS = 300_000_000  # of all scans together: more are not decoded again to see whether they are complete
SEGMENTS = 2_000
ADOBE_GAMMA = 563 / 256

MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
SOS, EOI, SOI = 0xDA, 0xD9, 0xD8
DROPPED = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})  # all application data but JFIF's and Adobe's; comments
BETWEEN_SCANS = frozenset({SOS, 0xC4, 0xCC, *range(0xDB, 0xDF), *range(0xE0, 0xF0), 0xFE})
# What phones put behind a photograph: the film of a motion photo, and Samsung's list of such parts. Each with where the
# part begins, and the zeros that stand beside its name.
BEHIND = ((b"ftyp", -4, slice(-4, -2)), (b"MotionPhoto_Data", 0, slice(0, 0)), (b"SEFH", 0, slice(5, 8)))


@dataclass(frozen=True)
class _Frame:
    """A JPEG's frame header; `sampling` has the horizontal and vertical factor of each component."""

    progressive: bool
    width: int
    height: int
    sampling: tuple[tuple[int, int], ...]


def read_jpeg(data: bytes) -> Picture:
    """Raises WorkerError, struct.error, IndexError."""
    clean, exif, first = [data[:2]], b"", 0
    profile: dict[bytes, bytes] = {}
    frame: _Frame | None = None
    for number, (code, start, stop) in enumerate(_segments(data, 2, len(data))):
        if number > SEGMENTS:
            raise refused("The image is a JPEG of far too many parts; save it again")
        if code == SOS:
            first = start
            break
        content = data[start + 4 : stop]
        if code in SOF:
            frame = _Frame(code in PROGRESSIVE, *_frame_of(content))
        elif code == 0xE1 and content.startswith(b"Exif\0\0"):
            exif = exif or content[6:]
        elif code == 0xE2 and content.startswith(b"ICC_PROFILE\0"):
            profile.setdefault(content[12:13], content[14:])
        if code not in DROPPED:
            clean.append(data[start:stop])
    if frame is None or not first:
        raise damaged("no frame, or no scan")
    end, ended, scans = _end(data, first)
    _check_cost(frame, scans, several=frame.progressive or data[first + 4] < len(frame.sampling))
    icc = _profile(profile, exif) if len(frame.sampling) != 1 else cleaned(_joined(profile))
    clean.append(data[first:end])
    size = frame.width, frame.height
    return Picture(
        "JPEG",
        size,
        b"".join(clean),
        orientation(exif),
        icc,
        ended=ended,
        costly=scans * size[0] * size[1] > CHECKED_PIXELS,
    )


def _joined(profile: dict[bytes, bytes]) -> bytes:
    return b"".join(profile[number] for number in sorted(profile))


def _profile(profile: dict[bytes, bytes], exif: bytes) -> bytes:
    icc = cleaned(_joined(profile))
    return matrix_profile(ADOBE, (ADOBE_GAMMA,)) if not icc and is_adobe_rgb(exif) else icc


def _end(data: bytes, first: int) -> tuple[int, bool, int]:
    """Where the scans of the first picture end, whether an end mark stands there, and how many there are."""
    scans, limit = 0, _begin_of_what_is_behind(data, first)
    for number, (code, start, _) in enumerate(_segments(data, first, limit)):
        if number > SEGMENTS:
            raise refused("The image is a JPEG of far too many parts; save it again")
        scans += code == SOS
        if code not in BETWEEN_SCANS:
            return start, code == EOI, scans
    end = len(data[first:limit].rstrip(b"\0")) + first
    if data[end - 1] == 0xFF:  # a byte of the scan, which a zero follows, or the first half of a mark
        end += 1 if end < limit else -1
    return end, False, scans


def _begin_of_what_is_behind(data: bytes, first: int) -> int:
    places = [len(data)]
    for name, begin, zeros in BEHIND:
        place = data.find(name, first)
        while place >= 0:
            beside = data[place + zeros.start : place + zeros.stop]
            if not any(beside):
                places.append(place + begin)
                break
            place = data.find(name, place + 1)
    return min(places)


def _segments(data: bytes, place: int, limit: int) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each segment; what lies between them is scan data or rubbish."""
    while found := MARKER.search(data, place, limit):
        start, code = found.start(), data[found.end() - 1]
        if code in (0x01, SOI) and place == 2:
            place = found.end()
            continue
        place = found.end() + (0 if code in (EOI, SOI) else int.from_bytes(data[found.end() : found.end() + 2], "big"))
        yield code, start, place


def _frame_of(content: bytes) -> tuple[int, int, tuple[tuple[int, int], ...]]:
    height, width, components = struct.unpack_from(">HHB", content, 1)
    factors = tuple((content[7 + 3 * i] >> 4, content[7 + 3 * i] & 15) for i in range(components))
    if not factors or not all(1 <= across <= 4 and 1 <= down <= 4 for across, down in factors):
        raise damaged("sampling factors")
    return width, height, factors


def _check_cost(frame: _Frame, scans: int, *, several: bool) -> None:
    if not several:
        return
    pixels = frame.width * frame.height
    widest, highest = (max(factors) for factors in zip(*frame.sampling, strict=True))
    share = sum(across * down for across, down in frame.sampling) / (widest * highest)
    if scans > SCANS or scans * pixels > SCANNED_PIXELS:
        raise refused("The image is a JPEG of too many scans for its size; save it as a baseline JPEG")
    if 2 * share * pixels > COEFFICIENT_BYTES and pixels <= MOST_PIXELS:
        raise refused("The image is too large for a progressive JPEG; save it as a baseline JPEG, or smaller")
