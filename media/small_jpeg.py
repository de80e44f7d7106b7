"""A picture as a JPEG that is no larger than it may be."""

from io import BytesIO

from PIL import Image

QUALITIES = (85, 75, 65, 50, 35, 20)


def jpeg_within(picture: Image.Image, most_bytes: int) -> bytes | None:
    """The best of six qualities that has at most `most_bytes`; None where even the coarsest has more."""
    for quality in QUALITIES:
        out = BytesIO()
        picture.save(out, format="JPEG", quality=quality, optimize=True)
        if out.tell() <= most_bytes:
            return out.getvalue()
    return None
