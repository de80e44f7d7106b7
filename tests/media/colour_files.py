"""Colour profiles and PNG chunks for the tests, written by hand from ICC.1 and the PNG specification."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms

D50 = (0.9642, 1.0, 0.8249)
SRGB = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# Red, green and blue as XYZ adapted to D50, as the makers publish them.
SPACES: dict[str, tuple[tuple[tuple[float, float, float], ...], tuple[float, ...]]] = {
    "Display P3": (((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)), SRGB),
    "Adobe RGB": (
        ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
        (2.19921875,),
    ),
    "ProPhoto": (((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.8249)), (1.8,)),
    "linear": (((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141)), (1.0,)),
    "sRGB": (((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141)), SRGB),
}


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _text(name: str) -> bytes:
    data = name.encode("utf-16-be")
    return b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(data), 28) + data


def curve(*numbers: float) -> bytes:
    """A parametric curve: a gamma, or the five numbers of one like sRGB's."""
    return (
        b"para"
        + struct.pack(">IHH", 0, {1: 0, 5: 3}[len(numbers)], 0)
        + struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))
    )


def icc(tags: dict[bytes, bytes], *, space: bytes = b"RGB ", kind: bytes = b"mntr", pcs: bytes = b"XYZ ") -> bytes:
    """A profile of these tags."""
    start, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI", start + len(body), b"test", 0x04300000) + kind + space + pcs
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(*D50)[8:]
    return head.ljust(128, b"\0") + table + body


def display(space: str, name: str = "") -> bytes:
    """The profile of one of SPACES, under any name."""
    colours, numbers = SPACES[space]
    tags = {tag: _xyz(*colour) for tag, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(*numbers))
    return icc({b"desc": _text(name or space), b"wtpt": _xyz(*D50), **tags})


def grey(gamma: float) -> bytes:
    """The profile of grey pixels."""
    return icc({b"desc": _text("Grey"), b"wtpt": _xyz(*D50), b"kTRC": curve(gamma)}, space=b"GRAY")


def table(space: bytes, inputs: int, corners: list[tuple[int, int, int]]) -> bytes:
    """A profile with a table of two points each way; `corners` are Lab, 0 to 255, the last channel counted first."""
    ramp = bytes(range(256))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1\0\0\0\0" + bytes((inputs, 3, 2, 0)) + identity + ramp * inputs
    lut += bytes(part for corner in corners for part in corner) + ramp * 3
    return icc({b"desc": _text("Table"), b"wtpt": _xyz(*D50), b"A2B0": lut}, space=space, kind=b"prtr", pcs=b"Lab ")


def converted(image: Image.Image, profile: bytes) -> Image.Image:
    """An sRGB picture with the numbers that mean the same in `profile`."""
    target = ImageCms.ImageCmsProfile(BytesIO(profile))
    found = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), target, outputMode="RGB")
    assert found is not None
    found.info.clear()  # else it would be saved with the profile, whatever else a file is to say of its colours
    return found


def chunk(name: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_chunks(image: Image.Image, path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    """The picture as a PNG with these chunks, and no others, behind its header."""
    out = BytesIO()
    image.save(out, format="PNG")
    data = out.getvalue()
    path.write_bytes(data[:33] + b"".join(chunk(*each) for each in chunks) + data[33:])
    return path


def packed(profile: bytes) -> bytes:
    """The content of an iCCP chunk."""
    return b"a\0\0" + zlib.compress(profile)


def deep_png(path: Path, colours: list[tuple[float, float, float]], *chunks: tuple[bytes, bytes]) -> Path:
    """Columns of 64 pixels each, 64 rows, 16 bits a channel."""
    line = b"\0" + b"".join(struct.pack(">3H", *(round(65535 * part) for part in colour)) * 64 for colour in colours)
    header = struct.pack(">IIBBBBB", 64 * len(colours), 64, 16, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(line * 64)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    return path
