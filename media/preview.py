"""A frame made small enough to travel in a progress update."""

import io
from itertools import product

from PIL import Image

LONGEST_SIDES = (320, 240, 160)
QUALITIES = (85, 75, 65, 50, 35, 20)


def preview_of(png: bytes, most_bytes: int) -> bytes | None:
    """The frame as JPEG, its longest side at most 320 pixels; None where even a coarse one has more than `most_bytes`.

    Raises:
        OSError, ValueError: what is no picture.
    """
    with Image.open(io.BytesIO(png)) as opened:
        frame = opened.convert("RGB")
    for side, quality in product(LONGEST_SIDES, QUALITIES):
        small = frame.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= most_bytes:
            return out.getvalue()
    return None
