"""Blocking work in threads that their starter can walk away from."""

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

from contract.errors import WorkerError

T = TypeVar("T")

POLL_SECONDS = 0.1
GRACE_SECONDS = 0.7


class StoppedError(Exception):
    """Ends a piece of work that nobody waits for any more."""


class Task(threading.Thread, Generic[T]):
    """A thread with a result. It is a daemon: one that hangs must not keep the process alive. `error` is what its work
    raised, or None.

    Args:
        work: what to do, in the log context of the starter.
        ended: where the task puts itself when it has ended, well or not.
    """

    def __init__(self, work: Callable[[], T], ended: "SimpleQueue[Task[T]]") -> None:
        super().__init__(name="background", daemon=True)
        self._work = work
        self._ended = ended
        self._context = contextvars.copy_context()
        self._results: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """What the thread does; called by `start`."""
        with ExitStack() as at_end:
            at_end.callback(self._ended.put, self)
            at_end.push(self._keep_error)
            self._results.append(self._context.run(self._work))

    def result(self) -> T:
        """What `work` returned. Raises what `work` raised. Only for a task that has ended."""
        if self.error is not None:
            raise self.error
        return self._results[0]

    @property
    def succeeded(self) -> bool:
        """Whether `work` has returned."""
        return bool(self._results)

    def _keep_error(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        self.error = error
        return True


def next_ended(ended: "SimpleQueue[Task[T]]", look: Callable[[], None]) -> Task[T]:
    """The next task that ends. Raises what `look`, called ten times a second, raises."""
    while True:
        try:
            return ended.get(timeout=POLL_SECONDS)
        except Empty:
            look()


def watched(work: Callable[[threading.Event], T], look: Callable[[], None]) -> T:
    """Do `work` in a thread of its own while `look` watches.

    When `look` raises a WorkerError, the event handed to `work` is set. What `work` still returns within
    `GRACE_SECONDS` is the result, since it can no longer be undone; otherwise the error of `look` is raised, and
    `work` ends behind the caller's back.
    """
    stop = threading.Event()
    ended: SimpleQueue[Task[T]] = SimpleQueue()
    task = Task(lambda: work(stop), ended)
    task.start()
    try:
        next_ended(ended, look)
    except WorkerError:
        stop.set()
        task.join(GRACE_SECONDS)
        if not task.succeeded:
            raise
    finally:
        stop.set()
    return task.result()


@contextmanager
def beside(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Do `work` in a thread of its own while the `with` block runs, which ends no earlier than the work.

    Gives a function that waits for the work, and returns or raises what the work does.
    """
    task = Task(work, SimpleQueue())
    task.start()

    def result() -> T:
        task.join()
        return task.result()

    try:
        yield result
    finally:
        task.join()
