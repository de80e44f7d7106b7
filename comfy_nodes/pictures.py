"""What the window writer sees as `PIL.Image`: its saves below our frames folder go to a `FrameSaver`.

Everything else is PIL's own: other paths, other arguments, pictures that somebody looked at or changed,
and every call outside `saving()`.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .saver import FrameSaver

if TYPE_CHECKING:
    from PIL.Image import SupportsArrayInterface


class Pictures:
    """Stands where a module has `from PIL import Image`.

    Args:
        pil: the module `PIL.Image`.
        folder: saves of `.png` files below it are handed over.
        make_saver: makes the saver of one run.
    """

    def __init__(self, pil: ModuleType, folder: Path, make_saver: Callable[[], FrameSaver] = FrameSaver) -> None:
        self._pil = pil
        self._folder = folder.resolve()
        self._make_saver = make_saver
        self._this_thread = threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pil, name)

    @contextmanager
    def saving(self) -> Iterator[FrameSaver]:
        """Within this block the saves of this thread are handed over; leaving it is leaving the `FrameSaver`."""
        with self._make_saver() as saver:
            self._this_thread.saver = saver
            try:
                yield saver
            finally:
                self._this_thread.saver = None

    def takes(self, folder: str | None) -> bool:
        """Whether the frames of a run that writes into this folder are handed over."""
        return bool(folder) and Path(str(folder)).resolve().is_relative_to(self._folder)

    def fromarray(self, *arguments: Any, **options: Any) -> Any:
        """As `PIL.Image.fromarray`; within `saving()` the picture is only made when somebody looks at it."""
        saver: FrameSaver | None = getattr(self._this_thread, "saver", None)
        if saver is None or len(arguments) != 1 or options:
            return self._pil.fromarray(*arguments, **options)
        return _Picture(arguments[0], self._pil, self._folder, saver)


class _Picture:
    """A picture that has not been made yet, because most are only saved."""

    def __init__(self, pixels: "SupportsArrayInterface", pil: ModuleType, folder: Path, saver: FrameSaver) -> None:
        self._pixels = pixels
        self._pil = pil
        self._folder = folder
        self._saver = saver

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)

    def save(self, fp: Any, *arguments: Any, **options: Any) -> None:
        """As `PIL.Image.Image.save`."""
        untouched = "_made" not in self.__dict__
        if untouched and not arguments and not options and self._is_frame(fp):
            self._saver.submit(self._pixels, Path(fp))
        else:
            self._made.save(fp, *arguments, **options)

    @cached_property
    def _made(self) -> Any:
        return self._pil.fromarray(self._pixels)

    def _is_frame(self, fp: Any) -> bool:
        if not isinstance(fp, str | PathLike):
            return False
        path = Path(fp)
        return path.suffix == ".png" and path.resolve().is_relative_to(self._folder)
