"""What holds for one source while it is brought: its time, the job's cancellation, and the socket that waits."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError


class UnavailableError(Exception):
    """A source that could not be had; the text is for the caller. `lasting`: nor will it be had later."""

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


class Transfer:
    """One source's connection to the world, used by the thread that brings it and watched by the one that waits for it.

    A read that waits for a server is ended by shutting its socket down, in whatever phase it is: connecting,
    TLS handshake, headers or body.
    """

    def __init__(self, cancel: Cancellation, seconds: float) -> None:
        self._cancel = cancel
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._given_up = threading.Event()
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None

    @property
    def left(self) -> float:
        """Seconds that remain, at least 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether nothing more may be waited for."""
        return self._cancel.cancelled or self._given_up.is_set() or self.left == 0

    def check(self) -> None:
        """Raises WorkerError CANCELLED, or UnavailableError when the time is up."""
        self._cancel.check()
        if self.over:
            raise UnavailableError(f"it took longer than {self._seconds:g} s")

    def wait(self, seconds: float) -> None:
        """Pause, with the same errors as `check`."""
        self._cancel.wait(min(seconds, self.left))
        self.check()

    def hold(self, sock: socket.socket) -> None:
        """From now on this socket's connection is the one to cut, even inside TLS."""
        handle = sock.dup()  # the original changes hands when TLS wraps it
        with self._lock:
            before, self._handle = self._handle, handle
        if before is not None:
            before.close()

    def release(self) -> None:
        """No connection is open any more."""
        with self._lock:
            before, self._handle = self._handle, None
        if before is not None:
            before.close()

    def look(self) -> None:
        """Cut the connection if nothing more may be waited for; called again and again by the watching thread."""
        with self._lock:
            if self._handle is not None and self.over:
                try:
                    self._handle.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # not connected yet, or not any more: the next look, or nobody, has something to cut

    def end(self) -> None:
        """Give up, whatever time remains."""
        self._given_up.set()
        self.look()


def save_pieces(pieces: Iterator[bytes], target: Path, most: int, transfer: Transfer) -> int:
    """Write the pieces to `target` and give the number of bytes.

    Raises:
        WorkerError: SOURCE_TOO_LARGE beyond `most` bytes, CANCELLED.
        UnavailableError: the time of the source is up.
    """
    received = 0
    with target.open("wb") as file:
        for piece in pieces:
            transfer.check()
            received += len(piece)
            if received > most:
                raise too_large(most)
            file.write(piece)
    transfer.check()
    return received


def too_large(most: int) -> WorkerError:
    """The error for more than `most` bytes."""
    return WorkerError(ErrorCode.SOURCE_TOO_LARGE, f"A source is larger than {most / 1e6:g} MB")
