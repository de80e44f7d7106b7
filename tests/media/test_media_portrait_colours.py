"""A portrait's colours are what its file says of them, whatever the profile is called."""

import struct
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from media.image import open_portrait
from tests.media.colour_files import SPACES, converted, display, grey, icc, packed, table, with_chunks
from tests.media.media_pictures import near, pixel, save

CHROMATICITIES = {  # of white, red, green and blue
    "Display P3": (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    "sRGB": (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
}
P3_RED = (234, 51, 35)  # what Display P3 calls the red of sRGB
NAMES = [
    "Display P3",
    "Display P3 Gamut with sRGB Transfer",
    "DCI-P3 D65 Gamut with sRGB Transfer",
    "sRGB IEC61966-2.1",
]


@pytest.fixture(scope="module")
def person() -> Image.Image:
    """Colours that sRGB, and every space of SPACES, has; smooth, so that no JPEG changes them much."""
    spots = [(224, 172, 140), (92, 60, 44), (180, 40, 50), (60, 120, 70), (40, 60, 130), (250, 250, 245), (20, 20, 24)]
    small = Image.new("RGB", (len(spots), 1))
    small.putdata(spots)
    return small.resize((280, 96), Image.Resampling.BICUBIC)


def _off(seen: Image.Image, meant: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(seen, meant)).mean)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_a_profile_is_judged_by_what_it_does_and_not_by_its_name(
    name: str, suffix: str, person: Image.Image, tmp_path: Path
) -> None:
    profile = display("Display P3", name)
    options = {"quality": 96, "subsampling": 0} if suffix == "jpg" else {"lossless": True} if suffix == "webp" else {}
    path = save(converted(person, profile), tmp_path / f"picture.{suffix}", icc_profile=profile, **options)
    assert _off(open_portrait(path, []), person) < 1.5


@pytest.mark.parametrize("space", [space for space in SPACES if space != "Display P3"])
def test_the_spaces_of_cameras_and_editors(space: str, person: Image.Image, tmp_path: Path) -> None:
    profile = display(space)
    path = save(converted(person, profile), tmp_path / "picture.png", icc_profile=profile)
    assert _off(open_portrait(path, []), person) < 1.5


def test_pixels_of_srgb_are_kept_to_the_bit(person: Image.Image, tmp_path: Path) -> None:
    path = save(person, tmp_path / "picture.png", icc_profile=display("sRGB", "anything"))
    assert open_portrait(path, []).tobytes() == person.tobytes()


def test_a_grey_profile_bends_grey(tmp_path: Path) -> None:
    path = save(Image.new("L", (64, 64), 128), tmp_path / "picture.png", icc_profile=grey(1.0))
    assert near(pixel(open_portrait(path, []), 32, 32), (188, 188, 188), 1)


def test_a_grey_profile_with_transparency(tmp_path: Path) -> None:
    picture = Image.new("LA", (64, 64), (128, 255))
    picture.paste((0, 0), (32, 0, 64, 64))
    image = open_portrait(save(picture, tmp_path / "picture.png", icc_profile=grey(1.0)), [])
    assert near(pixel(image, 8, 32), (188, 188, 188), 1)
    assert pixel(image, 60, 32) == (255, 255, 255)


LAB_WHITE, LAB_BLACK, LAB_RED = (255, 128, 128), (0, 128, 128), (138, 209, 198)


def test_a_table_of_a_camera(tmp_path: Path) -> None:
    """What the file calls blue its profile calls red."""
    corners = [LAB_BLACK, LAB_RED, *[LAB_WHITE] * 6]
    profile = table(b"RGB ", 3, corners)
    path = save(Image.new("RGB", (64, 64), (0, 0, 255)), tmp_path / "picture.png", icc_profile=profile)
    assert near(pixel(open_portrait(path, []), 32, 32), (255, 0, 0), 25)


def test_a_table_of_a_printer(tmp_path: Path) -> None:
    """Full magenta and yellow make this printer's red."""
    corners = [LAB_WHITE] * 16
    corners[0b0110] = LAB_RED
    profile = table(b"CMYK", 4, corners)
    path = save(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), tmp_path / "picture.jpg", icc_profile=profile)
    assert near(pixel(open_portrait(path, []), 32, 32), (255, 0, 0), 25)


def test_an_exif_block_that_says_adobe_rgb(person: Image.Image, tmp_path: Path) -> None:
    """As cameras write it, without a profile."""
    inside = struct.pack(">H", 1) + struct.pack(">HHI4s", 1, 2, 4, b"R03\0") + bytes(4)
    block = b"MM\0*\0\0\0\x08" + struct.pack(">HHHII", 1, 0x8769, 4, 1, 26) + bytes(4)
    block += struct.pack(">H", 2) + struct.pack(">HHIHH", 0xA001, 3, 1, 0xFFFF, 0)
    block += struct.pack(">HHII", 0xA005, 4, 1, 26 + 30) + bytes(4) + inside
    picture = converted(person, display("Adobe RGB"))
    path = save(picture, tmp_path / "picture.jpg", exif=b"Exif\0\0" + block, quality=96, subsampling=0)
    assert _off(open_portrait(path, []), person) < 1.5


P3 = bytes((12, 13, 0, 1))
LINEAR_GAMMA, SRGB_GAMMA = struct.pack(">I", 100_000), struct.pack(">I", 45_455)


def _places(space: str) -> bytes:
    return struct.pack(">8I", *(round(place * 100_000) for place in CHROMATICITIES[space]))


@pytest.mark.parametrize(
    ("space", "chunks"),
    [
        ("Display P3", [(b"cICP", P3)]),
        ("Display P3", [(b"cICP", P3), (b"iCCP", packed(display("Adobe RGB"))), (b"gAMA", LINEAR_GAMMA)]),
        ("Display P3", [(b"sRGB", b"\0"), (b"cICP", P3)]),
        ("Adobe RGB", [(b"iCCP", packed(display("Adobe RGB"))), (b"sRGB", b"\0"), (b"gAMA", LINEAR_GAMMA)]),
        ("Adobe RGB", [(b"cICP", bytes((77, 3, 0, 1))), (b"iCCP", packed(display("Adobe RGB")))]),
        ("sRGB", [(b"sRGB", b"\0"), (b"gAMA", LINEAR_GAMMA), (b"cHRM", _places("Display P3"))]),
        ("sRGB", [(b"iCCP", packed(b"noise" * 99)), (b"gAMA", SRGB_GAMMA)]),
        ("sRGB", [(b"cICP", bytes((1, 1, 0, 1)))]),
        ("linear", [(b"cICP", bytes((1, 8, 0, 1)))]),
        ("linear", [(b"gAMA", LINEAR_GAMMA)]),
        ("linear", [(b"iCCP", packed(b"noise" * 99)), (b"gAMA", LINEAR_GAMMA)]),
        ("Display P3", [(b"gAMA", SRGB_GAMMA), (b"cHRM", _places("Display P3"))]),
        ("Display P3", [(b"cHRM", _places("Display P3"))]),
    ],
)
def test_the_chunks_of_a_png_in_their_order_of_precedence(
    space: str, chunks: list[tuple[bytes, bytes]], person: Image.Image, tmp_path: Path
) -> None:
    path = with_chunks(converted(person, display(space)), tmp_path / "picture.png", *chunks)
    assert _off(open_portrait(path, []), person) < 1.5


def test_srgb_chunks_change_no_bit(person: Image.Image, tmp_path: Path) -> None:
    chunks = (b"gAMA", SRGB_GAMMA), (b"cHRM", _places("sRGB"))
    image = open_portrait(with_chunks(person, tmp_path / "picture.png", *chunks), [])
    assert image.tobytes() == person.tobytes()


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", bytes(4))],
        [(b"gAMA", b"\xff" * 4)],
        [(b"cHRM", bytes(32))],
        [(b"cHRM", b"\xff" * 32)],
        [(b"cICP", b"")],
    ],
)
def test_chunks_that_make_no_colours_change_nothing(
    chunks: list[tuple[bytes, bytes]], person: Image.Image, tmp_path: Path
) -> None:
    image = open_portrait(with_chunks(person, tmp_path / "picture.png", *chunks), [])
    assert image.tobytes() == person.tobytes()


def test_black_at_16(tmp_path: Path) -> None:
    picture = Image.new("RGB", (128, 64), (16, 16, 16))
    picture.paste((235, 235, 235), (64, 0, 128, 64))
    image = open_portrait(with_chunks(picture, tmp_path / "picture.png", (b"cICP", bytes((1, 13, 0, 0)))), [])
    assert (pixel(image, 32, 32), pixel(image, 96, 32)) == ((0, 0, 0), (255, 255, 255))


def test_the_red_of_a_phone(tmp_path: Path) -> None:
    path = with_chunks(Image.new("RGB", (64, 64), P3_RED), tmp_path / "picture.png", (b"cICP", P3))
    assert near(pixel(open_portrait(path, []), 32, 32), (255, 0, 0), 1)


@pytest.mark.parametrize("space", [b"Lab ", b"XYZ ", b"HSV ", b"3CLR"])
def test_profiles_of_no_pixels_change_nothing(space: bytes, person: Image.Image, tmp_path: Path) -> None:
    path = save(person, tmp_path / "picture.png", icc_profile=icc({b"desc": b"text"}, space=space))
    assert open_portrait(path, []).tobytes() == person.tobytes()
