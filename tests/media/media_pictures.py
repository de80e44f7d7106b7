"""Pictures for the tests of `media/`: drawn with Pillow, and marks found again in the frame."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

Colour = tuple[int, int, int]
RED, GREEN, BLUE, YELLOW, GREY = (220, 20, 20), (20, 200, 20), (20, 20, 220), (220, 220, 20), (128, 128, 128)
CORNERS = (RED, GREEN, BLUE, YELLOW)  # top left, top right, bottom left, bottom right


def quarters(width: int, height: int) -> Image.Image:
    """A colour in each corner, so that any turn or mirror shows."""
    image = Image.new("RGB", (width, height))
    half = width // 2, height // 2
    places = [(0, 0), (half[0], 0), (0, half[1]), half]
    for colour, place in zip(CORNERS, places, strict=True):
        image.paste(colour, (*place, place[0] + width - half[0], place[1] + height - half[1]))
    return image


def corner_colours(image: Image.Image) -> list[Colour]:
    """The middle of each quarter, in the order of CORNERS."""
    x, y = image.width // 4, image.height // 4
    return [pixel(image, *place) for place in ((x, y), (3 * x, y), (x, 3 * y), (3 * x, 3 * y))]


def pixel(image: Image.Image, x: int, y: int) -> Colour:
    """An RGB pixel."""
    found = image.getpixel((x, y))
    assert isinstance(found, tuple)
    assert len(found) == 3
    return found[0], found[1], found[2]


def near(one: Sequence[int], other: Sequence[int], most: int = 12) -> bool:
    """Whether two colours look the same."""
    return all(abs(a - b) <= most for a, b in zip(one, other, strict=True))


def painted(width: int, height: int, boxes: Sequence[tuple[float, float, float, float]]) -> Image.Image:
    """A blue picture with red boxes, given as fractions."""
    image = Image.new("RGB", (width, height), BLUE)
    for left, top, right, bottom in boxes:
        place = (round(left * width), round(top * height), round(right * width), round(bottom * height))
        image.paste(RED, place)
    return image


def red_box(image: Image.Image) -> tuple[int, int, int, int]:
    """Where it is red: left, top, right, bottom; the last two are outside."""
    box = image.getchannel("R").point(lambda value: 255 if value > 120 else 0).getbbox()
    assert box is not None
    return box


def save(image: Image.Image, path: Path, **options: object) -> Path:
    """As the suffix says."""
    image.save(path, **options)  # type: ignore[arg-type]
    return path
