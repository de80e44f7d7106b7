"""Work on folders of a file system that may stop answering, such as a network volume.

A call into such a file system does not return and cannot be ended, so each piece of work is done in a thread that can
be left behind.
"""

import errno
import math
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from contract.background import GRACE_SECONDS, StoppedError, Task, next_ended

T = TypeVar("T")


class Pulse:
    """What a piece of work calls for each step that it gets done."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._left = threading.Event()

    def __call__(self) -> None:
        """Show that the work goes on. Raises StoppedError once nobody waits for it any more."""
        if self._left.is_set():
            raise StoppedError
        self._last = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """Since the last sign of life."""
        return time.monotonic() - self._last

    def leave(self) -> None:
        """Nobody waits any more."""
        self._left.set()


class Volume:
    """One file system, which is given up once a piece of work on it shows no life for `seconds`."""

    def __init__(self, seconds: float = math.inf) -> None:
        self._seconds = seconds
        self._left_behind: list[Task[Any]] = []
        self._lock = threading.Lock()

    @property
    def hangs(self) -> bool:
        """Whether work that was left behind has still not ended."""
        with self._lock:
            self._left_behind = [task for task in self._left_behind if task.is_alive()]
            return bool(self._left_behind)

    def do(self, work: Callable[[Pulse], T], look: Callable[[], None] = lambda: None) -> T:
        """Do `work`, which may take long as long as it calls its pulse; `look` is called meanwhile.

        Raises:
            TimeoutError: it shows no life, or earlier work still hangs.
            Exception: what `look` raises, unless the work is done all the same a moment later; what `work` raises.
        """
        if self.hangs:
            raise self._timeout()
        pulse, ended = Pulse(), SimpleQueue[Task[T]]()
        task = Task(lambda: work(pulse), ended)

        def check() -> None:
            look()
            if pulse.silent_seconds > self._seconds:
                raise self._timeout()

        with ExitStack() as when_given_up:
            when_given_up.push(lambda *_: self._leave(task, pulse))
            task.start()
            next_ended(ended, check)
            when_given_up.pop_all()
        return task.result()

    def _leave(self, task: Task[Any], pulse: Pulse) -> bool:
        """Wait for it no longer; whether it is done all the same."""
        pulse.leave()
        task.join(GRACE_SECONDS)
        if not task.succeeded:
            with self._lock:
                self._left_behind.append(task)
        return task.succeeded

    def _timeout(self) -> TimeoutError:
        return TimeoutError(errno.ETIMEDOUT, f"it has not answered for {self._seconds:g} s")


class Volumes:
    """The file systems of a worker: folders below `mount` share one, every other folder has its own."""

    def __init__(self, mount: Path, seconds: float) -> None:
        self._mount, self._seconds = mount, seconds
        self._known: dict[Path, Volume] = {}

    def of(self, folder: Path) -> Volume:
        """The one that a folder is on, as far as its path tells."""
        top = self._mount if folder.is_relative_to(self._mount) else folder
        return self._known.setdefault(top, Volume(self._seconds))

    @property
    def hang(self) -> bool:
        """Whether any of them does."""
        return any(volume.hangs for volume in self._known.values())
