"""A portrait as a person sees it: upright, RGB of sRGB, transparency on white, small enough to go on with."""

import struct
import zlib
from collections.abc import Callable

from PIL import Image

from media.colour import Conversion, colour_conversion
from media.decoding import Pixels, decode
from media.high_range import brightest_of, to_ordinary_range
from media.picture import Picture, damaged, refused, shrink_of

STRIP_PIXELS = 1_000_000
# What Pillow's readers, and libheif's, raise over a damaged file.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Show = Callable[[Image.Image, Image.Image | None], Image.Image]


def draw(picture: Picture) -> Image.Image:
    """Decode. One of more than SHARP_PIXELS comes back smaller: no frame is that large.

    Raises:
        WorkerError: IMAGE_INVALID.
    """
    try:
        pixels = decode(picture)
        drawn = _drawn(pixels, picture)
    except UNREADABLE as error:
        raise damaged(f"{type(error).__name__}: {error}") from error
    turn = TURNS.get(pixels.orientation)
    return drawn if turn is None else drawn.transpose(turn)


def _drawn(pixels: Pixels, picture: Picture) -> Image.Image:
    """Convert and shrink strip by strip: one whole picture of 40 megapixels is all that memory holds."""
    image = pixels.image
    if image.mode == "F":
        raise refused("The image has floating-point pixels; save it with 8 or 16 bits")
    shrink = shrink_of(*image.size)
    factor = min(shrink, image.width), min(shrink, image.height)
    rows = factor[1] * max(1, STRIP_PIXELS // (image.width * factor[1]))
    shown = _to_screen(image, picture)
    drawn = Image.new("RGB", (-(-image.width // factor[0]), -(-image.height // factor[1])))
    for top in range(0, image.height, rows):
        box = 0, top, image.width, min(image.height, top + rows)
        strip = shown(image.crop(box), pixels.low.crop(box) if pixels.low else None)
        drawn.paste(strip.reduce(factor) if shrink > 1 else strip, (0, top // factor[1]))
    return drawn


def _to_screen(image: Image.Image, picture: Picture) -> Show:
    """From a strip of a decoded picture, and its lower bits, to RGB as a screen shows it."""
    light = picture.high_range
    if light:
        brightest = brightest_of(image if image.mode == "RGB" else image.convert("RGB"))
        return lambda strip, low: _rgb(
            strip, Conversion("RGB", lambda high: to_ordinary_range(high, low, light, brightest)), narrow=picture.narrow
        )
    convert = colour_conversion(picture.icc, image.mode)
    return lambda strip, _: _rgb(strip, convert, narrow=picture.narrow)


def _rgb(image: Image.Image, convert: Conversion | None, *, narrow: bool) -> Image.Image:
    if image.mode in ("CMYK", "LAB"):
        return convert.apply(image) if convert else image.convert("RGB")
    if image.mode.startswith("I"):
        image = image.convert("I").point(_from_16_bit, "L")
    alpha = None
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    image = image if image.mode == "RGB" else image.convert("RGB")
    if narrow:
        image = image.point(_from_narrow)
    if convert:
        image = convert.apply(image if image.mode == convert.mode else image.convert(convert.mode))
    if alpha:
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=alpha)
        image = white
    return image


_from_16_bit: Callable[[float], float] = lambda value: value * (255 / 65535)  # noqa: E731 - Pillow reads its arithmetic
_from_narrow: Callable[[float], float] = lambda value: (value - 16) * (255 / 219)  # noqa: E731
