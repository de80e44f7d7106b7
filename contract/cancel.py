"""How a job is told to stop: one flag that every blocking step looks at, set by a caller or by a deadline."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from contract.errors import ErrorCode, WorkerError

CANCELLED = (ErrorCode.CANCELLED, "The job was cancelled")


class Cancellation:
    """Set by any thread; read by the threads that work."""

    def __init__(self) -> None:
        self._flag = threading.Event()
        self._lock = threading.Lock()
        self._reason = CANCELLED

    def cancel(self) -> None:
        """Ask the job to stop at its next look."""
        self._set(CANCELLED)

    @contextmanager
    def deadline(self, seconds: float | None, message: str) -> Iterator[None]:
        """Within this block the job is also asked to stop after `seconds` (None: never), with DEADLINE_EXCEEDED.

        A deadline that passes while the block is left has no effect on what follows.
        """
        if seconds is None:
            yield
            return
        reason = (ErrorCode.DEADLINE_EXCEEDED, message)
        timer = threading.Timer(max(seconds, 0.0), self._set, [reason])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            with self._lock:
                if self._reason is reason:
                    self._reason = CANCELLED
                    self._flag.clear()

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to stop."""
        return self._flag.is_set()

    def check(self) -> None:
        """Raises WorkerError CANCELLED or DEADLINE_EXCEEDED once the job was asked to stop."""
        with self._lock:
            if self._flag.is_set():
                raise WorkerError(*self._reason)

    def wait(self, seconds: float) -> None:
        """Pause, ending at once with `check`'s error when the job is asked to stop."""
        self._flag.wait(seconds)
        self.check()

    def _set(self, reason: tuple[ErrorCode, str]) -> None:
        with self._lock:
            if reason is CANCELLED or not self._flag.is_set():  # a caller's wish outweighs a deadline
                self._reason = reason
            self._flag.set()
