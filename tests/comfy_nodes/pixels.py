"""Stand-ins for the arrays that the sampler hands over; the project's environment has no numpy."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

WIDTH, HEIGHT = 48, 32
THREAD_NAME = "frame-saver"


class Pixels:
    """A picture of one colour with numpy's array interface; `on_read` runs where its bytes are asked for."""

    def __init__(self, level: int, on_read: Callable[[], object] = lambda: None) -> None:
        self.level = level
        self._on_read = on_read

    @property
    def __array_interface__(self) -> dict[str, Any]:
        # With strides Pillow asks for tobytes(), as it does for the sampler's transposed arrays.
        return {"shape": (HEIGHT, WIDTH, 3), "typestr": "|u1", "version": 3, "strides": (WIDTH * 3, 3, 1)}

    def tobytes(self) -> bytes:
        """The pixels, row by row."""
        self._on_read()
        return bytes([self.level, 255 - self.level, 7]) * (WIDTH * HEIGHT)


def frame(folder: Path, number: int) -> Path:
    """The name that the window writer gives a frame."""
    return folder / f"frame_{number:05d}.png"


def level_of(path: Path) -> int:
    """The `level` of the picture in a file."""
    with Image.open(path) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (WIDTH, HEIGHT))
        red, green, blue = picture.tobytes()[:3]
    assert (green, blue) == (255 - red, 7)
    return red


def saver_threads() -> list[str]:
    """The names of the saver's threads that still run."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]
