"""Colours as a person sees them: a picture's own colour profile, where it has one, turned into sRGB."""

from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageCms

Conversion = Callable[[Image.Image], Image.Image]
# Colour space of a profile -> mode of the pixels that it describes.
SPACES = {"RGB": "RGB", "CMYK": "CMYK"}
# A list of processing elements, which may all lie in one place: half a million take no room, and minutes to follow.
COSTLY = b"mpet"


def colour_conversion(icc: bytes, mode: str) -> Conversion | None:
    """From pixels of `mode`, or RGB made of them, to sRGB; None where nothing is to do, or the profile is broken.

    Args:
        icc: a profile, or nothing.
        mode: Pillow's mode of the decoded picture.
    """
    if not icc or COSTLY in icc:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        described = SPACES.get(profile.profile.xcolor_space.strip())
        if described is None or (described == "CMYK") != (mode == "CMYK") or "sRGB" in _name(profile):
            return None
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), described, "RGB")
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None
    return lambda image: ImageCms.applyTransform(image, transform) or image


def _name(profile: ImageCms.ImageCmsProfile) -> str:
    return profile.profile.profile_description or ""
