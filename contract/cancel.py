"""How a job is told to stop: one flag that every blocking step looks at."""

import threading

from contract.errors import ErrorCode, WorkerError


class Cancellation:
    """Set once, by any thread; read by the thread that works."""

    def __init__(self) -> None:
        self._flag = threading.Event()

    def cancel(self) -> None:
        """Ask the job to stop at its next look."""
        self._flag.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked."""
        return self._flag.is_set()

    def check(self) -> None:
        """Raises WorkerError CANCELLED once somebody asked."""
        if self.cancelled:
            raise WorkerError(ErrorCode.CANCELLED, "The job was cancelled")

    def wait(self, seconds: float) -> None:
        """Pause, ending at once with CANCELLED when somebody asks."""
        self._flag.wait(seconds)
        self.check()
