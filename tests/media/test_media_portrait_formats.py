"""Whatever a caller sends as portrait is seen as a person sees it: upright, RGB, white behind, first frame."""

import array
import zlib
from pathlib import Path

import pytest
from PIL import Image

from media.image import open_portrait
from tests.media.media_pictures import CORNERS, GREEN, GREY, RED, corner_colours, near, pixel, quarters, save

ORIENTATION = 0x0112
# How a camera stored what is upright for a person: the inverse of what the tag asks for.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def _opened(path: Path) -> Image.Image:
    warnings: list[str] = []
    image = open_portrait(path, warnings)
    assert image.mode == "RGB"
    assert warnings == []
    return image


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    turn = STORED[orientation]
    upright = quarters(120, 80)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = upright if turn is None else upright.transpose(turn)
    image = _opened(save(stored, tmp_path / f"picture.{suffix}", exif=exif))
    assert image.size == (120, 80)
    assert all(near(seen, drawn, 25) for seen, drawn in zip(corner_colours(image), CORNERS, strict=True))


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_transparency_is_on_white(suffix: str, tmp_path: Path) -> None:
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    picture.paste((*RED, 255), (0, 0, 32, 64))
    picture.paste((0, 0, 0, 128), (32, 0, 48, 64))
    image = _opened(save(picture, tmp_path / f"picture.{suffix}", lossless=True))
    assert near(pixel(image, 8, 32), RED, 2)
    assert near(pixel(image, 40, 32), (127, 127, 127), 2)
    assert pixel(image, 60, 32) == (255, 255, 255)


def test_grey_with_alpha_is_on_white(tmp_path: Path) -> None:
    picture = Image.new("LA", (64, 64), (0, 0))
    picture.paste((100, 255), (0, 0, 32, 64))
    image = _opened(save(picture, tmp_path / "picture.png"))
    assert pixel(image, 8, 32) == (100, 100, 100)
    assert pixel(image, 60, 32) == (255, 255, 255)


def test_a_palette_keeps_its_colours(tmp_path: Path) -> None:
    image = _opened(save(quarters(64, 64).quantize(16), tmp_path / "picture.png"))
    assert all(near(seen, drawn, 4) for seen, drawn in zip(corner_colours(image), CORNERS, strict=True))


@pytest.mark.parametrize("transparency", [1, bytes([255, 0])], ids=["one_entry", "alpha_of_each"])
def test_a_transparent_palette_entry_is_white(transparency: int | bytes, tmp_path: Path) -> None:
    picture = Image.new("P", (64, 64), 0)
    picture.putpalette([*RED, 0, 0, 0])
    picture.paste(1, (32, 0, 64, 64))
    image = _opened(save(picture, tmp_path / "picture.png", transparency=transparency))
    assert near(pixel(image, 8, 32), RED, 1)
    assert pixel(image, 60, 32) == (255, 255, 255)


@pytest.mark.parametrize(("mode", "colour", "key"), [("RGB", GREEN, GREEN), ("L", 77, 77)])
def test_a_transparent_colour_is_white(mode: str, colour: object, key: object, tmp_path: Path) -> None:
    picture = Image.new(mode, (64, 64), "black")
    picture.paste(colour, (32, 0, 64, 64))  # type: ignore[arg-type]
    image = _opened(save(picture, tmp_path / "picture.png", transparency=key))
    assert pixel(image, 8, 32) == (0, 0, 0)
    assert pixel(image, 60, 32) == (255, 255, 255)


def test_a_cmyk_jpeg_has_its_colours(tmp_path: Path) -> None:
    image = _opened(save(quarters(64, 64).convert("CMYK"), tmp_path / "picture.jpg", quality=95))
    assert all(near(seen, drawn, 30) for seen, drawn in zip(corner_colours(image), CORNERS, strict=True))


def _sixteen_bit(size: int, value: int) -> Image.Image:
    return Image.frombytes("I;16", (size, size), array.array("H", [value] * size * size).tobytes())


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (0x4000, 64), (0x8000, 128), (0xC000, 191), (0xFFFF, 255)])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(value: int, grey: int, tmp_path: Path) -> None:
    image = _opened(save(_sixteen_bit(64, value), tmp_path / "picture.png"))
    assert near(pixel(image, 16, 16), (grey,) * 3, 1)


def test_sixteen_bit_grey_with_a_transparent_value(tmp_path: Path) -> None:
    picture = _sixteen_bit(64, 0x8000)
    picture.paste(0xC000, (32, 0, 64, 64))
    path = save(picture, tmp_path / "picture.png")
    data = path.read_bytes()
    chunk = b"tRNS" + (0xC000).to_bytes(2, "big")
    place = data.index(b"IDAT") - 4
    whole = (2).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    path.write_bytes(data[:place] + whole + data[place:])
    image = _opened(path)
    assert near(pixel(image, 8, 32), GREY, 2)


def test_one_bit(tmp_path: Path) -> None:
    picture = Image.new("1", (64, 64), 0)
    picture.paste(1, (32, 0, 64, 64))
    image = _opened(save(picture, tmp_path / "picture.png"))
    assert (pixel(image, 8, 32), pixel(image, 60, 32)) == ((0, 0, 0), (255, 255, 255))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_grey(suffix: str, tmp_path: Path) -> None:
    image = _opened(save(Image.new("L", (64, 64), 90), tmp_path / f"picture.{suffix}"))
    assert near(pixel(image, 32, 32), (90, 90, 90), 2)


@pytest.mark.parametrize("suffix", ["webp", "png"])
def test_of_an_animation_the_first_frame_is_taken_and_told(suffix: str, tmp_path: Path) -> None:
    first, second = Image.new("RGB", (64, 64), RED), Image.new("RGB", (64, 64), GREEN)
    path = save(first, tmp_path / f"picture.{suffix}", save_all=True, append_images=[second], duration=100)
    warnings: list[str] = []
    image = open_portrait(path, warnings)
    assert near(pixel(image, 32, 32), RED, 8)
    assert len(warnings) == 1
    assert "first frame" in warnings[0]


def test_a_phone_jpeg_with_a_second_picture_in_it_is_no_animation(tmp_path: Path) -> None:
    """MPO: iPhones and Samsung phones put a depth map, a gain map or a preview behind the photograph."""
    path = tmp_path / "photograph.jpg"
    quarters(64, 64).save(path, format="MPO", save_all=True, append_images=[Image.new("RGB", (32, 32))])
    image = _opened(path)
    assert all(near(seen, drawn, 40) for seen, drawn in zip(corner_colours(image), CORNERS, strict=True))


def test_the_suffix_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "image.source"
    quarters(64, 64).save(path, format="WEBP", lossless=True)
    assert corner_colours(_opened(path)) == list(CORNERS)
