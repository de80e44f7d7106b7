"""What is read of a portrait before it is decoded: kind, size and cost; and what of it a decoder gets to see.

Text, thumbnails, second pictures, later frames and whatever else a file carries along is left out of the bytes
that are decoded, so that it costs nothing and no parser of it can be tripped.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract.errors import ErrorCode, WorkerError
from media.kinds import not_a_picture

MAX_PIXELS = 40_000_000
MAX_SIDE = 30_000  # a line of pixels costs memory of its own
WEBP_MAX_PIXELS = 14_000_000  # its decoder takes 16 bytes for each
ICC_BYTES = 4 << 20
# A JPEG in several scans keeps all its coefficients in memory and walks over them once a scan.
COEFFICIENT_BYTES = 180_000_000
SCANS = 200
SCANNED_PIXELS = 2_000_000_000
SEGMENTS = 2_000

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS")
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
UPRIGHT, ORIENTATION, SHORT = 1, 0x0112, 3
SOS, EOI = 0xDA, 0xD9
JPEG_DROPPED = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})  # all application data but JFIF's and Adobe's; comments


@dataclass(frozen=True)
class Picture:
    """A portrait that is worth decoding.

    Attributes:
        kind: Pillow's name of the format: JPEG, PNG or WEBP.
        size: width and height as stored, at most MAX_PIXELS in all.
        data: the file without what is not needed for its (first) picture.
        exif: a TIFF structure, or nothing.
        icc: a colour profile, or nothing.
        animated: it has more than one frame.
    """

    kind: str
    size: tuple[int, int]
    data: bytes
    exif: bytes = b""
    icc: bytes = b""
    animated: bool = False


def read_picture(path: Path) -> Picture:
    """Look at a portrait without decoding it.

    Raises:
        WorkerError: IMAGE_INVALID for another kind of file (named), for damage, and for what would cost too much.
    """
    data = path.read_bytes()
    try:
        if data[:3] == b"\xff\xd8\xff":
            picture = _read_jpeg(data)
        elif data.startswith(PNG_SIGNATURE):
            picture = _read_png(data)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            picture = _read_webp(data)
        else:
            raise not_a_picture(data[:512])
    except (struct.error, IndexError) as error:
        raise damaged(str(error)) from error
    if 0 in picture.size:
        raise damaged("no pixels")
    most = WEBP_MAX_PIXELS if picture.kind == "WEBP" else MAX_PIXELS
    if max(picture.size) > MAX_SIDE and picture.size[0] * picture.size[1] <= most:
        raise refused(f"The image has more than {MAX_SIDE} pixels on one side; crop it")
    if picture.size[0] * picture.size[1] > most:
        way_out = "; send it as JPEG or PNG" if picture.kind == "WEBP" else ""
        raise refused(f"The image has more than {most // 10**6} megapixels{way_out}, or send a smaller one")
    return picture


def refused(message: str) -> WorkerError:
    """IMAGE_INVALID."""
    return WorkerError(ErrorCode.IMAGE_INVALID, message)


def damaged(detail: str) -> WorkerError:
    """IMAGE_INVALID for what no decoder can make sense of."""
    return WorkerError(ErrorCode.IMAGE_INVALID, "The image is damaged and cannot be read", detail=detail)


def _read_png(data: bytes) -> Picture:
    kept: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    frames, exif, profile = 1, b"", b""
    for kind, start, end in _png_chunks(data):
        if kind == b"IDAT":
            pixels.append(data[start:end])
        elif kind in PNG_KEPT:
            kept.setdefault(kind, data[start - 8 : end + 4])
        elif kind == b"acTL":
            frames = int.from_bytes(data[start : start + 4], "big")
        elif kind == b"eXIf":
            exif = data[start:end]
        elif kind == b"iCCP":
            profile = profile or data[start:end]  # unpacked once: a file has room for thousands
    width, height = struct.unpack_from(">II", kept.get(b"IHDR", b""), 8)
    # One chunk in place of as many as the file has; its checksum was never looked at, and zlib has its own.
    body = b"IDAT" + b"".join(pixels)
    whole = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    clean = PNG_SIGNATURE + b"".join(kept[name] for name in PNG_KEPT if name in kept) + whole
    clean += b"\0\0\0\0IEND\xaeB`\x82"
    return Picture("PNG", (width, height), clean, exif, _unpacked(profile), frames > 1)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and end of each chunk's content, up to where the file or the picture ends."""
    place = len(PNG_SIGNATURE)
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        kind = data[place + 4 : place + 8]
        yield kind, place + 8, min(place + 8 + length, len(data))
        if kind == b"IEND":
            return
        place += 12 + length


def _unpacked(profile: bytes) -> bytes:
    """A PNG's colour profile; nothing where it is broken or larger than any real one."""
    name, _, packed = profile.partition(b"\0")
    try:
        unpack = zlib.decompressobj()
        icc = unpack.decompress(packed[1:], ICC_BYTES)
    except zlib.error:
        return b""
    return icc if unpack.eof and name else b""


def _read_webp(data: bytes) -> Picture:
    chunks: dict[bytes, tuple[int, int]] = {}
    frames, place = 0, 12
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        chunks.setdefault(kind, (place + 8, min(place + 8 + length, len(data))))
        frames += kind == b"ANMF"
        place += 8 + length + (length & 1)
    exif, icc = (data[slice(*chunks.get(name, (0, 0)))] for name in (b"EXIF", b"ICCP"))
    icc = icc if len(icc) <= ICC_BYTES else b""
    return Picture("WEBP", _webp_size(data), data, exif, icc, frames > 1)


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


def _read_jpeg(data: bytes) -> Picture:
    clean, exif, scans, first = [data[:2]], b"", 0, 0
    profile: dict[bytes, bytes] = {}
    frame: _Frame | None = None
    for number, (code, start, end) in enumerate(_jpeg_segments(data)):
        if number > SEGMENTS:
            raise refused("The image is a JPEG of far too many parts; save it again")
        content = data[start + 4 : end]
        if code == SOS:
            scans += 1
            first = first or start
        elif first:
            continue
        elif code in SOF:
            frame = _Frame(code in PROGRESSIVE, *_frame_of(content))
        elif code == 0xE1 and content.startswith(b"Exif\0\0"):
            exif = exif or content[6:]
        elif code == 0xE2 and content.startswith(b"ICC_PROFILE\0"):
            profile.setdefault(content[12:13], content[14:])
        if not first and code not in JPEG_DROPPED:
            clean.append(data[start:end])
    if frame is None or not first:
        raise damaged("no frame, or no scan")
    _check_cost(frame, scans, several=frame.progressive or data[first + 4] < len(frame.sampling))
    icc = b"".join(profile[number] for number in sorted(profile))
    icc = icc if len(icc) <= ICC_BYTES else b""
    return Picture("JPEG", (frame.width, frame.height), b"".join(clean) + data[first:], exif, icc)


@dataclass(frozen=True)
class _Frame:
    """A JPEG's frame header; `sampling` has the horizontal and vertical factor of each component."""

    progressive: bool
    width: int
    height: int
    sampling: tuple[tuple[int, int], ...]


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each segment of the first picture; what lies between them is scan data or rubbish."""
    place = 2
    while found := MARKER.search(data, place):
        start, code = found.start(), data[found.end() - 1]
        if code == EOI:
            return
        if code in (0x01, 0xD8):
            place = found.end()
            continue
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
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
    if 2 * share * pixels > COEFFICIENT_BYTES and pixels <= MAX_PIXELS:
        raise refused("The image is too large for a progressive JPEG; save it as a baseline JPEG, or smaller")


def orientation(exif: bytes) -> int:
    """The orientation of an EXIF block, 1 to 8; 1 where it has none or is broken."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif.removeprefix(b"Exif\0\0")[:4])
    if order is None:
        return UPRIGHT
    try:
        block = exif.removeprefix(b"Exif\0\0")
        (place,) = struct.unpack_from(order + "I", block, 4)
        (entries,) = struct.unpack_from(order + "H", block, place)
        for entry in range(place + 2, place + 2 + 12 * entries, 12):
            tag, kind, count, value = struct.unpack_from(order + "HHIH", block, entry)
            if tag == ORIENTATION:
                return value if (kind, count) == (SHORT, 1) and 1 <= value <= 8 else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT
