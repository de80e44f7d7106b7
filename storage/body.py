"""A stretch of a file as the body of a request."""

import os
import threading
from pathlib import Path
from types import TracebackType

from contract.background import StoppedError


class FileBody:
    """The bytes `start` to `start + size` of a file, to be read from the network's side.

    Positions count from `start`. Used as a context manager, which closes the file.

    Args:
        stop: once set, reading raises StoppedError, so that the request breaks off.
    """

    def __init__(self, file: Path, start: int, size: int, stop: threading.Event) -> None:
        self._file = file.open("rb")
        self._start = start
        self._size = size
        self._stop = stop
        self._file.seek(start)

    def __enter__(self) -> "FileBody":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._size

    def read(self, amount: int | None = -1) -> bytes:
        """At most `amount` bytes, or all that is left for None or less than 0. Raises OSError, StoppedError."""
        if self._stop.is_set():
            raise StoppedError
        left = max(self._size - self.tell(), 0)
        return self._file.read(left if amount is None or amount < 0 else min(amount, left))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As for every file; returns the new position."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._size}[whence]
        return self._file.seek(self._start + max(base + offset, 0)) - self._start

    def tell(self) -> int:
        """The position, from 0 on."""
        return self._file.tell() - self._start
