"""Room on a disk that is taken before it is needed, so that whoever fills the disk later takes none of it away."""

import ctypes
import logging
import math
import os
import shutil
from pathlib import Path

log = logging.getLogger(__name__)

KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE: the file stays as short as it is
SHARE = 4  # of what is free, at most one part in so many
BITS_AT_18 = 0.6  # of a pixel at crf 18: four times what a talking person takes; 6 more of crf halve it
SOUND_BYTES = 30_000  # a second


def likely_bytes(width: int, height: int, frames: int, seconds: float, crf: int) -> int:
    """More than an MP4 of a talking person has, mostly far more."""
    bits = BITS_AT_18 * 2 ** ((18 - crf) / 6)
    return math.ceil(width * height * frames * bits / 8 + SOUND_BYTES * seconds) + (1 << 16)


def reserve(path: Path, wanted: int) -> None:
    """Make an empty file with room for `wanted` bytes, or for a share of what is free. A file system that cannot do
    so, or is full, gets the empty file alone."""
    with path.open("wb") as file:
        length = min(wanted, shutil.disk_usage(path.parent).free // SHARE)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
        if length > 0 and libc.fallocate(file.fileno(), KEEP_SIZE, 0, length):
            log.debug("no room was reserved for the video: %s", os.strerror(ctypes.get_errno()))


def release(path: Path) -> None:
    """Give back what the file did not need."""
    os.truncate(path, path.stat().st_size)
