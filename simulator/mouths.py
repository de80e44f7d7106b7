"""Which mouth a speaker moves, and how it looks while it is open."""

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from simulator.faces import Mouth

# Of a box of head and shoulders, where no face was found in it.
MOUTH_HEIGHT, MOUTH_WIDTH = 0.48, 0.3
FINE = 4  # drawn so many times larger, for smooth edges
INSIDE, TEETH, TONGUE = (62, 18, 26), (242, 238, 230), (186, 82, 88)
LIPS = (172, 74, 78)
LEAST_OPEN = 0.2
ABOVE = 0.07  # of the width: so much of an open mouth lies over the line between the corners


def choose_mouth(found: Sequence[Mouth], region: Image.Image) -> Mouth:
    """The surest of those inside a speaker's region, an L mask; else where one is likely to be."""
    for mouth in found:
        place = (round(mouth.x), round(mouth.y))
        if 0 <= place[0] < region.width and 0 <= place[1] < region.height and region.getpixel(place):
            return mouth
    left, top, right, bottom = region.getbbox() or (0, 0, *region.size)
    width = min(right - left, 0.7 * (bottom - top))
    return Mouth((left + right) / 2, top + MOUTH_HEIGHT * (bottom - top), MOUTH_WIDTH * width)


def reach_of(mouth: Mouth) -> tuple[int, int, int, int]:
    """The pixels that may change while it speaks: left, top, right, bottom."""
    half = round(mouth.width)
    x, y = round(mouth.x), round(mouth.y)
    return x - half, y - half // 2, x + half, y + round(1.5 * half)


def speak(picture: Image.Image, mouth: Mouth, loudness: float) -> Image.Image:
    """The picture of what `reach_of` names, with the mouth open by `loudness`, above 0 to 1: the chin is lower, and
    between the lips one sees in."""
    left, top, right, bottom = reach_of(mouth)
    face = picture.crop((left, top, right, bottom))
    open_by = LEAST_OPEN + (1 - LEAST_OPEN) * loudness
    _lower_chin(face, (mouth.x - left, mouth.y - top), mouth.width, open_by)
    lips = _lips_of(picture, mouth)
    drawn = _open_mouth(mouth.width, open_by, lips).rotate(mouth.angle, Image.Resampling.BICUBIC, expand=True)
    place = round(mouth.x - left - drawn.width / 2), round(mouth.y - top - ABOVE * mouth.width)
    face.paste(drawn, place, drawn)
    return face


def _lower_chin(face: Image.Image, middle: tuple[float, float], width: float, open_by: float) -> None:
    x, y = middle
    down = round(0.15 * width * open_by)
    area = (round(x - 0.62 * width), round(y), round(x + 0.62 * width), round(y + 0.9 * width))
    chin = face.crop(area)
    soft = Image.new("L", chin.size, 0)
    inset = max(1, round(0.1 * width))
    ImageDraw.Draw(soft).ellipse((inset, -chin.height // 2, chin.width - inset, chin.height - 2 * inset), fill=255)
    face.paste(chin, (area[0], area[1] + down), soft.filter(ImageFilter.GaussianBlur(0.08 * width)))


def _lips_of(picture: Image.Image, mouth: Mouth) -> tuple[int, int, int]:
    """A colour between that of the picture's own lips and that of any."""
    x, y, reach = round(mouth.x), round(mouth.y), max(1, round(0.15 * mouth.width))
    seen = ImageStat.Stat(picture.crop((x - reach, y - reach // 2, x + reach, y + reach)).convert("RGB")).mean
    red, green, blue = (round(0.6 * own + 0.4 * any_) for own, any_ in zip(seen, LIPS, strict=True))
    return red, green, blue


def _open_mouth(width: float, open_by: float, lips: tuple[int, int, int]) -> Image.Image:
    """RGBA, the lips at its edge."""
    across, high = round(1.0 * width * FINE), round(0.52 * width * open_by * FINE) + FINE
    rim = max(FINE, round(0.055 * width * FINE))
    size = across + 2 * rim, high + 2 * rim
    outer, inner = Image.new("L", size, 0), Image.new("L", size, 0)
    _lens(outer, (0, 0, *size))
    _lens(inner, (round(1.6 * rim), rim, size[0] - round(1.6 * rim), size[1] - round(1.2 * rim)))
    drawn = Image.new("RGBA", size, (*lips, 255))
    hole = Image.new("RGB", size, INSIDE)
    drawing = ImageDraw.Draw(hole)
    drawing.ellipse((0.28 * size[0], 0.62 * size[1], 0.72 * size[0], 1.2 * size[1]), fill=TONGUE)
    drawing.rectangle((0, 0, size[0], rim + 0.26 * high * min(1.0, open_by * 1.5)), fill=TEETH)
    drawn.paste(hole, (0, 0), inner)
    drawn.putalpha(outer)
    return drawn.resize((max(1, size[0] // FINE), max(1, size[1] // FINE)), Image.Resampling.LANCZOS)


def _lens(mask: Image.Image, box: tuple[int, int, int, int]) -> None:
    """A mouth's outline: flatter above than below."""
    left, top, right, bottom = box
    high = bottom - top
    middle = top + round(0.42 * high)
    upper, lower = Image.new("L", mask.size, 0), Image.new("L", mask.size, 0)
    ImageDraw.Draw(upper).ellipse((left, top, right - 1, 2 * middle - top), fill=255)
    upper.paste(0, (0, middle, mask.width, mask.height))
    ImageDraw.Draw(lower).ellipse((left, 2 * middle - bottom, right - 1, bottom - 1), fill=255)
    lower.paste(0, (0, 0, mask.width, middle))
    mask.paste(ImageChops.lighter(upper, lower))
