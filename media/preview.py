"""A frame made small enough to travel in a progress update."""

import io

from PIL import Image

from media.small_jpeg import jpeg_within

LONGEST_SIDES = (320, 240, 160)


def preview_of(png: bytes, most_bytes: int) -> bytes | None:
    """The frame as JPEG, its longest side at most 320 pixels; None where even a coarse one has more than `most_bytes`.

    Raises:
        OSError, ValueError: what is no picture.
    """
    with Image.open(io.BytesIO(png)) as opened:
        frame = opened.convert("RGB")
    for side in LONGEST_SIDES:
        small = frame.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        if jpeg := jpeg_within(small, most_bytes):
            return jpeg
    return None
