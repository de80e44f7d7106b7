"""HEIC pictures for the tests: HEVC from ffmpeg, and boxes by hand (ISO/IEC 23008-12)."""

import struct
import subprocess
from pathlib import Path

from PIL import Image

TURNS = {6: 3, 3: 2, 8: 1}  # orientation of EXIF -> quarter turns against the clock, as irot counts them


def box(name: bytes, *parts: bytes) -> bytes:
    """A box."""
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def full(name: bytes, *parts: bytes, version: int = 0) -> bytes:
    """A box with a version and flags."""
    return box(name, struct.pack(">I", version << 24), *parts)


def hevc(image: Image.Image) -> tuple[bytes, bytes]:
    """The decoder's configuration, and the one picture."""
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{image.width}x{image.height}"]
    command += ["-i", "pipe:0", "-vf", "scale=out_color_matrix=bt709:out_range=pc:flags=accurate_rnd,format=yuvj420p"]
    command += ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:crf=8:range=full:info=0"]
    command += ["-tag:v", "hvc1", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4", "pipe:1"]
    data = subprocess.run(command, input=image.tobytes(), capture_output=True, check=True).stdout
    found = {}
    for name in (b"hvcC", b"mdat"):
        place = data.index(name)
        found[name] = data[place + 4 : place - 4 + int.from_bytes(data[place - 4 : place], "big")]
    return found[b"hvcC"], found[b"mdat"]


def heic(
    image: Image.Image, path: Path, *properties: bytes, exif: bytes = b"", size: tuple[int, int] | None = None
) -> Path:
    """A picture with these properties behind its own, and an EXIF block; `size` is what it says of itself."""
    configuration, pixels = hevc(image)
    block = struct.pack(">I", 0) + exif if exif else b""
    own = box(b"hvcC", configuration), full(b"ispe", struct.pack(">II", *(size or image.size)))
    everything = *own, *properties
    places = bytes((0x81, *range(2, len(everything) + 1)))
    association = full(b"ipma", struct.pack(">IHB", 1, 1, len(everything)), places)
    items = [full(b"infe", struct.pack(">HH4s", 1, 0, b"hvc1"), b"\0", version=2)]
    items += [full(b"infe", struct.pack(">HH4s", 2, 0, b"Exif"), b"\0", version=2)] if block else []
    reference = [full(b"iref", box(b"cdsc", struct.pack(">HHH", 2, 1, 1)))] if block else []

    def meta(start: int) -> bytes:
        extents = [(1, start, len(pixels))] + ([(2, start + len(pixels), len(block))] if block else [])
        lies = b"".join(struct.pack(">HHHII", item, 0, 1, at, length) for item, at, length in extents)
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", struct.pack(">H", 1)),
            full(b"iloc", b"\x44\0", struct.pack(">H", len(extents)), lies),
            full(b"iinf", struct.pack(">H", len(items)), *items),
            *reference,
            box(b"iprp", box(b"ipco", *everything), association),
        )

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(head) + len(meta(0)) + 8
    path.write_bytes(head + meta(start) + box(b"mdat", pixels, block))
    return path


def nclx(primaries: int, transfer: int, matrix: int = 1) -> bytes:
    """A colour box of three numbers of H.273, full range."""
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, 0x80))


def turned(orientation: int) -> bytes:
    """A box that turns the picture as this orientation of EXIF does."""
    return box(b"irot", bytes((TURNS[orientation],)))
