"""A portrait's pixels as its decoder gives them.

Each kind has one reader of Pillow's, or libheif; no other gets to see the file.
"""

import hashlib
from dataclasses import dataclass
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from media.exif import UPRIGHT, orientation
from media.picture import SHARP_PIXELS, Picture, damaged, shrink_of

READERS: dict[str, type[ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
END = b"\xff\xd9"
# In place of scan data that may be missing: read as pixels only if the scan was not complete.
PADDINGS = (bytes(64), b"\x55\xaa\x33" * 21)
GREY = range(127, 130)  # of blocks that a JPEG's decoder found no data for
STRIP_ROWS = 256
BIG_ENDIAN, LITTLE_ENDIAN = "RGB;16B", "RGB;16L"


@dataclass(frozen=True)
class Pixels:
    """A decoded picture, its orientation (1 to 8), and where known eight more bits of each value."""

    image: Image.Image
    orientation: int
    low: Image.Image | None = None


def decode(picture: Picture) -> Pixels:
    """Decode; JPEGs above SHARP_PIXELS come back smaller.

    Raises:
        WorkerError: IMAGE_INVALID; and whatever the readers raise over damage.
    """
    if picture.kind == "HEIC":
        return _heic(picture)
    if picture.kind == "JPEG":
        return Pixels(_jpeg(picture), picture.orientation)
    with READERS[picture.kind](BytesIO(picture.data)) as image:
        stored = orientation(image.info.get("exif", b"")) if picture.kind == "AVIF" else picture.orientation
        if sorted(image.size) != sorted(picture.size):
            raise damaged(f"{image.size} is not {picture.size}")
        image.load()
        return Pixels(image, stored, _low_bytes(picture) if picture.deep else None)


def _low_bytes(picture: Picture) -> Image.Image | None:
    """Pillow reads the upper eight of a PNG's 16 bits; taken for little-endian, the lower come out."""
    if not picture.high_range or picture.size[0] * picture.size[1] > SHARP_PIXELS:
        return None
    with PngImagePlugin.PngImageFile(BytesIO(picture.data)) as image:
        if image.mode == "RGBA":
            return None
        image.tile = [tile._replace(args=LITTLE_ENDIAN) for tile in image.tile]
        image.load()
        return image


def _heic(picture: Picture) -> Pixels:
    import pi_heif  # noqa: PLC0415 - only where it is needed: in a process of its own

    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    pi_heif.options.DECODE_THREADS = 1
    deep = picture.high_range is not None and picture.size[0] * picture.size[1] <= SHARP_PIXELS
    found = pi_heif.open_heif(picture.data, convert_hdr_to_8bit=not deep)
    told = picture.orientation or pi_heif.set_orientation(found.info) or UPRIGHT
    if found.mode != "RGB;16":
        return Pixels(found.to_pillow(), told)
    high, low = (
        Image.frombytes("RGB", found.size, found.data, "raw", order, found.stride)
        for order in (LITTLE_ENDIAN, BIG_ENDIAN)
    )
    return Pixels(high, told, low)


def _jpeg(picture: Picture) -> Image.Image:
    """The decoder fills up what is missing, and tells nobody: then what stands in its place shows in the picture."""
    if picture.ended:
        image = _decoded_jpeg(picture, picture.data + END)
        corner = image.getpixel((image.width - 1, image.height - 1))
        seen = corner if isinstance(corner, tuple) else (corner,)
        if picture.costly or not all(part in GREY for part in seen):
            return image
        del image
    first = _digest(_decoded_jpeg(picture, picture.data + PADDINGS[0] + END))
    image = _decoded_jpeg(picture, picture.data + PADDINGS[1] + END)
    if _digest(image) != first:
        raise damaged("the pixels end before the picture does")
    return image


def _digest(image: Image.Image) -> bytes:
    """Of the pixels, a strip at a time: all of them at once would be the whole picture once more."""
    digest = hashlib.blake2b()
    for top in range(0, image.height, STRIP_ROWS):
        digest.update(image.crop((0, top, image.width, min(image.height, top + STRIP_ROWS))).tobytes())
    return digest.digest()


def _decoded_jpeg(picture: Picture, data: bytes) -> Image.Image:
    with JpegImagePlugin.JpegImageFile(BytesIO(data)) as image:
        if image.size != picture.size:
            raise damaged(f"{image.size} is not {picture.size}")
        shrink = shrink_of(*image.size)
        if shrink > 1:
            image.draft(image.mode, (-(-image.width // shrink), -(-image.height // shrink)))
        image.load()
        return image
