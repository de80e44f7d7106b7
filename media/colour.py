"""Colours as a person sees them on a screen: whatever a file says of its own, turned into sRGB."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from itertools import product

from PIL import Image, ImageChops, ImageCms

from media.picture import HighRange
from media.primaries import BT709, CODE_POINTS, Primaries
from media.profiles import SRGB_CURVE, cleaned, matrix_profile

# Colour space of a profile -> mode of the pixels that it describes.
SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
GREYS = ("1", "L", "LA", "La", "I", "I;16", "I;16B")
STEPS = (0, 16, 32, 64, 96, 128, 160, 192, 224, 255)
SAME = 1
# Transfer characteristics of H.273. What is filmed (1, 6, 14, 15) is shown with the curve of the screen, as
# browsers do.
CURVES: dict[int, tuple[float, ...]] = {
    **dict.fromkeys((1, 2, 6, 7, 11, 12, 13, 14, 15), SRGB_CURVE),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    17: (2.6,),
}
HIGH_RANGE = {16: "PQ", 18: "HLG"}
UNSPECIFIED = 2


@dataclass(frozen=True)
class Conversion:
    """To sRGB: `apply` takes pixels of `mode` and gives RGB."""

    mode: str
    apply: Callable[[Image.Image], Image.Image]


def from_code_points(primaries: int, transfer: int) -> tuple[bytes, HighRange | None] | None:
    """A profile (nothing for sRGB itself) or a high range, for two numbers of H.273; None where they say nothing."""
    if primaries == transfer == UNSPECIFIED:
        return None
    found = BT709 if primaries == UNSPECIFIED else CODE_POINTS.get(primaries)
    if found is None:
        return None
    if transfer in HIGH_RANGE:
        return b"", HighRange(HIGH_RANGE[transfer], found)
    curve = CURVES.get(transfer)
    return None if curve is None else (_profile(found, curve), None)


def _profile(primaries: Primaries, curve: tuple[float, ...]) -> bytes:
    return b"" if (primaries, curve) == (BT709, SRGB_CURVE) else matrix_profile(primaries, curve)


def colour_conversion(icc: bytes, mode: str) -> Conversion | None:
    """From pixels of `mode`, or RGB made of them, to sRGB; None where nothing is to do, or the profile is broken.

    A profile is judged by what it does: one that leaves all colours as they are is not used, whatever its name.

    Args:
        icc: a profile, or nothing.
        mode: Pillow's mode of the decoded picture.
    """
    screen = ImageCms.createProfile("sRGB")
    if mode == "LAB":
        return _conversion(ImageCms.buildTransform(ImageCms.createProfile("LAB"), screen, "LAB", "RGB"), "LAB")
    icc = cleaned(icc)
    if not icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        described = SPACES[profile.profile.xcolor_space.strip()]
        if (described == "CMYK") != (mode == "CMYK") or (described == "L" and mode not in GREYS):
            return None
        conversion = _conversion(ImageCms.buildTransform(profile, screen, described, "RGB"), described)
    except (OSError, ValueError, TypeError, LookupError, ImageCms.PyCMSError):
        return None
    return None if _changes_nothing(conversion) else conversion


def _conversion(transform: ImageCms.ImageCmsTransform, mode: str) -> Conversion:
    return Conversion(mode, lambda image: ImageCms.applyTransform(image, transform) or image)


def _changes_nothing(conversion: Conversion) -> bool:
    if conversion.mode == "CMYK":
        return False
    colours = bytes(part for colour in product(STEPS, repeat=3) for part in colour)
    probe = Image.frombytes("RGB", (len(STEPS), len(STEPS) ** 2), colours).convert(conversion.mode)
    change = ImageChops.difference(conversion.apply(probe), probe.convert("RGB"))
    return all(most <= SAME for _, most in change.getextrema())  # type: ignore[misc]
