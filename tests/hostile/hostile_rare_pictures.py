"""HEIC, AVIF, TIFF, GIF and BMP portraits, and colour profiles, that try to cost too much or to trip a parser."""

import struct
import zlib
from collections.abc import Iterator
from functools import partial

from PIL import Image

from tests.hostile.hostile_case import IMAGE, OK, Case, noise, truncations
from tests.hostile.picture_files import saved

FITS, REFUSED, EITHER = (OK,), (IMAGE,), (OK, IMAGE)


def rare_pictures() -> Iterator[Case]:
    """Those of the kinds that few callers send."""
    yield from _gifs()
    yield from _bmps()
    yield from _tiffs()
    yield from _heifs()
    yield from _profiles()


def _gifs() -> Iterator[Case]:
    small = saved(Image.new("P", (64, 64)), "GIF")
    yield Case("header_65535x65535.gif", small[:6] + b"\xff" * 4 + small[10:], REFUSED)
    yield Case("canvas_larger_than_its_frame.gif", small[:6] + struct.pack("<HH", 6000, 6000) + small[10:], FITS)
    yield Case("40_megapixels.gif", lambda: saved(Image.new("P", (8000, 5000)), "GIF"), FITS)
    yield Case("200000_frames.gif", small[:-1] + small[small.index(b",") : -1] * 200_000, FITS)
    yield Case("a_million_comments.gif", small[:-1] + b"!\xfe\1a\0" * 1_000_000 + b";", FITS)
    yield Case("comments_before_it.gif", small[: small.index(b",")] + b"!\xfe\1a\0" * 1_000_000, REFUSED)
    yield Case("frame_outside.gif", small.replace(b",\0\0\0\0", b",\xff\xff\xff\xff", 1), REFUSED)
    frame = b"," + struct.pack("<HHHH", 0, 0, 13_000, 13_000)
    place = small.index(b",")
    yield Case("frame_larger_than_its_canvas.gif", small[:place] + frame + small[place + 9 :], REFUSED)
    yield from truncations("drawing.gif", saved(Image.frombytes("L", (64, 64), noise(4096)), "GIF"), REFUSED)


def _bmps() -> Iterator[Case]:
    small = saved(Image.new("RGB", (64, 64), "red"), "BMP")
    for name, width, height in (("2_billion", 2**31 - 1, 2**31 - 1), ("negative", -64, -64), ("zero", 0, 0)):
        header = small[:18] + struct.pack("<ii", width, height) + small[26:]
        yield Case(f"header_{name}.bmp", header, EITHER if name == "negative" else REFUSED)
    yield Case("header_without_pixels.bmp", small[:18] + struct.pack("<ii", 6000, 6000) + small[26:54], REFUSED)
    yield Case("upside_down.bmp", small[:22] + struct.pack("<i", -64) + small[26:], FITS)
    palette = saved(Image.new("P", (64, 64)), "BMP")
    runs = palette[:18] + struct.pack("<ii", 8000, 5000) + palette[26:30] + b"\1\0\0\0" + palette[34:1078]
    yield Case("runs_that_jump.bmp", runs + b"\0\2\xff\xff" * 100_000, EITHER)
    yield Case("runs_that_never_end.bmp", runs + b"\xff\0" * 500_000, EITHER)


Entry = tuple[int, int, int, int]


def _tiff(*entries: Entry, behind: bytes = b"") -> bytes:
    """Tag, type, count and value of each entry."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4) + behind


def _grey(width: int, height: int, compression: int, *, count: int = 1, at: int, size: int) -> list[Entry]:
    """The entries of a grey picture in one strip."""
    return [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, count, at),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, count, size),
    ]


def _tiffs() -> Iterator[Case]:
    packed = zlib.compress(bytes(40_000_000), 9)
    end = 8 + 2 + 9 * 12 + 4
    yield Case("40_megapixels.tiff", _tiff(*_grey(8000, 5000, 8, at=end, size=len(packed)), behind=packed), FITS)
    yield Case("packed_too_well.tiff", _tiff(*_grey(64, 64, 8, at=end, size=len(packed)), behind=packed), EITHER)
    yield Case("header_of_4_billion.tiff", _tiff(*_grey(2**32 - 1, 2**32 - 1, 1, at=end, size=9)), REFUSED)
    yield Case("no_pixels.tiff", _tiff(*_grey(8000, 5000, 5, at=end, size=9), behind=noise(9)), REFUSED)
    yield Case(
        "4_billion_strips.tiff", _tiff(*_grey(64, 64, 1, count=2**32 - 1, at=end, size=9), behind=noise(9)), REFUSED
    )
    yield Case("strip_outside.tiff", _tiff(*_grey(64, 64, 1, at=2**32 - 1, size=4096)), REFUSED)
    yield Case("rare_compression.tiff", _tiff(*_grey(64, 64, 34_712, at=end, size=9), behind=noise(9)), REFUSED)
    yield Case("directory_outside.tiff", b"II*\0\xff\xff\xff\xff", REFUSED)
    yield Case("directory_far_outside.tiff", b"II+\0\x08\0\0\0" + b"\xff" * 8, REFUSED)
    yield Case("directory_of_65535.tiff", b"II*\0\x08\0\0\0\xff\xff" + noise(65_535 * 12), EITHER)
    following = _tiff(*_grey(64, 64, 1, at=end, size=4096), behind=bytes(4096))
    yield Case("directory_after_itself.tiff", following[: end - 4] + b"\x08\0\0\0" + following[end:], EITHER)
    picture = saved(Image.frombytes("RGB", (64, 64), noise(64 * 64 * 3)), "TIFF", compression="tiff_lzw")
    yield from truncations("scan.tiff", picture, EITHER, 4096)


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def _heif(brand: bytes, *inside: bytes, size: tuple[int, int] = (64, 64), associations: bytes = b"\0\1\1\1") -> bytes:
    """The boxes that say how large a picture is, and no picture."""
    spatial = _box(b"ispe", struct.pack(">III", 0, *size))
    places = _box(b"ipma", struct.pack(">II", 0, 1) + associations)
    meta = bytes(4) + _box(b"pitm", b"\0\0\0\0\0\1") + _box(b"iprp", _box(b"ipco", spatial), places)
    return _box(b"ftyp", brand, bytes(4), brand) + _box(b"meta", meta, *inside)


def _heifs() -> Iterator[Case]:
    for brand in (b"heic", b"avif"):
        name = brand.decode()
        yield Case(f"header_4_billion.{name}", _heif(brand, size=(2**32 - 1, 2**32 - 1)), REFUSED)
        yield Case(f"no_pixels.{name}", _heif(brand, size=(6000, 6000)), REFUSED)
        yield Case(f"a_million_boxes.{name}", _heif(brand, _box(b"free") * 1_000_000), REFUSED)
        yield Case(f"a_box_without_size.{name}", _heif(brand)[:-8] + b"\0\0\0\2free", REFUSED)
        yield Case(f"box_of_4_gigabytes.{name}", _heif(brand, b"\xff\xff\xff\xffiloc"), REFUSED)
        yield Case(f"associations_that_lie.{name}", _heif(brand, associations=b"\xff" * 4), REFUSED)
        yield Case(f"noise.{name}", _box(b"ftyp", brand, bytes(4)) + noise(50_000), REFUSED)
    picture = saved(Image.frombytes("RGB", (64, 64), noise(64 * 64 * 3)), "AVIF")
    place = picture.index(b"ispe") + 8
    yield Case("14_megapixels.avif", lambda: saved(Image.new("RGB", (4000, 3500), "red"), "AVIF", speed=10), FITS)
    lies = picture[:place] + struct.pack(">II", 65, 65) + picture[place + 8 :]
    yield Case("another_size_than_its_pixels.avif", lies, EITHER)
    yield Case(
        "animation.avif",
        saved(
            Image.new("RGB", (64, 64)), "AVIF", save_all=True, append_images=[Image.new("RGB", (64, 64), "red")] * 20
        ),
        FITS,
    )
    yield from truncations("photograph.avif", picture, REFUSED, 2048)


def _profile(space: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    start, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(">I4s4s", start + len(body), b"lcms", b"\4\x40\0\0") + kind + space + b"Lab "
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + body


def _with_profile(profile: bytes, mode: str = "RGB") -> bytes:
    return saved(Image.new(mode, (1200, 900)), "JPEG" if mode == "CMYK" else "PNG", icc_profile=profile)


def _profiles() -> Iterator[Case]:
    ramp, one = bytes(range(256)), struct.pack(">9i", *[65_536, 0, 0, 0] * 2, 65_536)
    for mode, space, inputs, grid in (("RGB", b"RGB ", 3, 100), ("CMYK", b"CMYK", 4, 33)):
        table = b"mft1\0\0\0\0" + bytes((inputs, 3, grid, 0)) + one + ramp * inputs + noise(3 * grid**inputs) + ramp * 3
        largest = _profile(space, b"prtr", {b"A2B0": table})
        yield Case(f"profile_of_the_largest_table_{mode}.jpg", partial(_with_profile, largest, mode), FITS)
        lies = table[:10] + b"\xff" + table[11:5000]
        yield Case(
            f"profile_of_a_table_that_lies_{mode}.png",
            partial(_with_profile, _profile(space, b"prtr", {b"A2B0": lies}), mode),
            FITS,
        )
    endless = b"curv" + struct.pack(">II", 0, 2**32 - 1) + bytes(900)
    colour = b"XYZ \0\0\0\0" + struct.pack(">3i", 30_000, 30_000, 30_000)
    for name, curve in (("endless", endless), ("odd", b"para" + struct.pack(">IHH", 0, 4, 0) + b"\x7f" * 28)):
        tags = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve) | dict.fromkeys((b"rXYZ", b"gXYZ", b"bXYZ"), colour)
        yield Case(f"profile_of_{name}_curves.png", partial(_with_profile, _profile(b"RGB ", b"mntr", tags)), FITS)
    parts = b"mAB \0\0\0\0\3\3\0\0" + struct.pack(">5I", *[32] * 5) + noise(3000)
    yield Case(
        "profile_of_parts_in_one_place.png", partial(_with_profile, _profile(b"RGB ", b"mntr", {b"A2B0": parts})), FITS
    )
    yield Case("profile_of_a_link.png", partial(_with_profile, _profile(b"RGB ", b"link", {b"A2B0": parts})), FITS)
