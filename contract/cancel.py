"""How a job is told to stop: one flag that every blocking step looks at, set by a caller or by a deadline."""

import threading
import time
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
        self._asked_at: float | None = None

    def cancel(self) -> None:
        """Ask the job to stop at its next look."""
        self._set(CANCELLED)

    @contextmanager
    def deadline(self, seconds: float | None, message: str) -> Iterator["Deadline"]:
        """Within this block the job is also asked to stop after `seconds` (None: never), with DEADLINE_EXCEEDED.

        A deadline that passes while the block is left has no effect on what follows.
        """
        deadline = Deadline(self)
        deadline.set(seconds, message)
        try:
            yield deadline
        finally:
            deadline.lift()

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to stop."""
        return self._flag.is_set()

    @property
    def asked_seconds(self) -> float:
        """How long ago the job was asked to stop; 0 where it was not."""
        with self._lock:
            return 0.0 if self._asked_at is None else time.monotonic() - self._asked_at

    def check(self) -> None:
        """Raises WorkerError CANCELLED or DEADLINE_EXCEEDED once the job was asked to stop."""
        with self._lock:
            if self._flag.is_set():
                raise WorkerError(*self._reason)

    def check_wish(self) -> None:
        """Raises WorkerError CANCELLED once the caller has cancelled the job, and nothing for a deadline."""
        with self._lock:
            if self._flag.is_set() and self._reason is CANCELLED:
                raise WorkerError(*CANCELLED)

    def wait(self, seconds: float) -> None:
        """Pause, ending at once with `check`'s error when the job is asked to stop."""
        self._flag.wait(seconds)
        self.check()

    def _set(self, reason: tuple[ErrorCode, str]) -> None:
        with self._lock:
            if reason is CANCELLED or not self._flag.is_set():  # a caller's wish outweighs a deadline
                self._reason = reason
            self._asked_at = self._asked_at or time.monotonic()
            self._flag.set()

    def _withdraw(self, reason: tuple[ErrorCode, str]) -> None:
        with self._lock:
            if self._reason is reason:
                self._reason = CANCELLED
                self._asked_at = None
                self._flag.clear()


class Deadline:
    """The time limit of a `Cancellation.deadline` block, which may be set anew within it."""

    def __init__(self, cancel: Cancellation) -> None:
        self._cancel = cancel
        self._timer: threading.Timer | None = None
        self._reason: tuple[ErrorCode, str] | None = None

    def set(self, seconds: float | None, message: str) -> None:
        """From now on it is so many seconds from now; one that has passed is forgotten. None: no limit."""
        self.lift()
        if seconds is None:
            return
        self._reason = (ErrorCode.DEADLINE_EXCEEDED, message)
        self._timer = threading.Timer(max(seconds, 0.0), self._cancel._set, [self._reason])
        self._timer.daemon = True
        self._timer.start()

    def lift(self) -> None:
        """There is no limit any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        if self._reason is not None:
            self._cancel._withdraw(self._reason)
        self._timer = self._reason = None
