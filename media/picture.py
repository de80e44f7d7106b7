"""A portrait before it is decoded: what its header says, what a decoder gets to see of it, and how it is refused."""

import math
from dataclasses import dataclass

from contract.errors import ErrorCode, WorkerError
from media.exif import UPRIGHT
from media.primaries import Primaries

AS_EXIF = 0
SHARP_PIXELS = 13_000_000


@dataclass(frozen=True)
class HighRange:
    """Light beyond that of a screen's white.

    Attributes:
        transfer: "PQ" or "HLG".
        primaries: of the pixels.
        peak: the most light that the file announces, in cd/m²; 0 where it does not.
    """

    transfer: str
    primaries: Primaries
    peak: float = 0.0


@dataclass(frozen=True)
class Picture:
    """A portrait that is worth decoding.

    Attributes:
        kind: JPEG, PNG, WEBP, GIF, BMP, TIFF, HEIC or AVIF.
        size: width and height as stored.
        data: the file, of which some kinds leave out what is not needed for the (first) picture.
        orientation: 1 to 8, as EXIF counts them; 1 where the decoder turns the picture itself; AS_EXIF where nothing
            but EXIF, which the decoder reads, may say so.
        icc: a colour profile that is safe to use, or nothing.
        high_range: the pixels are for a display of high dynamic range.
        deep: a PNG of 16 bits a channel.
        narrow: black is 16 and white 235.
        warning: what the caller should know of it.
        ended: a JPEG with its end mark.
        costly: a JPEG of so many scans that it is decoded once only.
    """

    kind: str
    size: tuple[int, int]
    data: bytes
    orientation: int = UPRIGHT
    icc: bytes = b""
    high_range: HighRange | None = None
    narrow: bool = False
    warning: str = ""
    deep: bool = False
    ended: bool = True
    costly: bool = False


def refused(message: str, detail: str = "") -> WorkerError:
    """IMAGE_INVALID."""
    return WorkerError(ErrorCode.IMAGE_INVALID, message, detail=detail)


def damaged(detail: str) -> WorkerError:
    """IMAGE_INVALID for what no decoder can make sense of."""
    return refused("The image is damaged and cannot be read", detail)


def shrink_of(width: int, height: int) -> int:
    """By how much a picture may be made smaller before anything else: 1 for all but very large ones."""
    return math.ceil(math.sqrt(width * height / SHARP_PIXELS))
