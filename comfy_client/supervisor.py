"""Keeps one engine running: looks at it before each job and between two, starts it again when it failed, and knows when
to give up."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

import requests

from comfy_client.client import ComfyClient
from comfy_client.server import EngineProcess
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError

log = logging.getLogger(__name__)

MOST_RESTARTS = 3
WITHIN_SECONDS = 600.0
FIRST_PAUSE_SECONDS = 1.0
LOOK_SECONDS = 10
WATCH_SECONDS = 1.0
TURN_SECONDS = 0.2


class Engine(Protocol):
    """What a job needs of the program that makes the frames."""

    @property
    def client(self) -> ComfyClient:
        """Talks to it. Changes when it is started again: ask anew for each job."""

    @property
    def gave_up(self) -> bool:
        """Whether it failed so often that the worker should be replaced."""

    def ensure_ready(self, cancel: Cancellation) -> None:
        """Before a job: see that it answers and is idle; start it again where not.

        Raises:
            WorkerError: ENGINE_UNAVAILABLE, or what `cancel.check` raises: a start is broken off then.
        """

    def check(self) -> None:
        """During a job: raises ENGINE_UNAVAILABLE once its process, or what runs the prompts in it, has ended."""

    def distrust(self) -> None:
        """After a failure that it may not have survived: the next job gets a fresh one."""

    def rest(self) -> None:
        """Between two jobs, until the next `ensure_ready`: if it ends, it is started again at once."""


class RunningServer:
    """A server that somebody else started and keeps running."""

    gave_up = False

    def __init__(self, url: str) -> None:
        self.client = ComfyClient(url)

    def ensure_ready(self, cancel: Cancellation) -> None:  # noqa: ARG002 - an Engine has it
        """Raises ENGINE_UNAVAILABLE where it does not answer."""
        self.client.lost_track = False  # nobody but its owner can start it again
        if not self.client.answers(LOOK_SECONDS):
            raise WorkerError(ErrorCode.ENGINE_UNAVAILABLE, "ComfyUI does not answer at its URL", stage=Stage.START)

    def check(self) -> None:
        """Its process is not ours to look at."""

    def distrust(self) -> None:
        """Nor ours to start again."""

    def rest(self) -> None:
        """Nor to watch."""


def _wait(seconds: float, cancel: Cancellation) -> None:
    cancel.wait(seconds)


class SupervisedEngine:
    """An engine of our own, ended with the `with` block.

    Args:
        start: starts a process that is ready for jobs, or raises WorkerError; looks at the cancellation meanwhile.
        clock, pause: time.monotonic and a wait that a cancellation ends.
    """

    def __init__(
        self,
        start: Callable[[Cancellation], EngineProcess],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float, Cancellation], None] = _wait,
    ) -> None:
        self._start, self._clock, self._pause = start, clock, pause
        self._restarts: list[float] = []
        self._distrusted = False
        self._left_alone = False  # ended between two jobs, once too often
        self._turn = threading.Lock()  # of whoever may start it again: a job, or the watch between jobs
        self._resting = threading.Event()
        self._leave = Cancellation()
        self._watch = threading.Thread(target=self._keep_alive, name="engine-watch", daemon=True)
        self._process = start(Cancellation())
        self.client = ComfyClient(self._process.url)

    def __enter__(self) -> "SupervisedEngine":
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.cancel()
        self._watch.join()
        self.client.close()
        self._process.stop()

    @property
    def gave_up(self) -> bool:
        """Whether it was started again three times in the last ten minutes: the next job deserves another worker."""
        now = self._clock()
        self._restarts = [moment for moment in self._restarts if now - moment < WITHIN_SECONDS]
        return len(self._restarts) >= MOST_RESTARTS

    def check(self) -> None:
        """Raises WorkerError ENGINE_UNAVAILABLE once the process, or what runs the prompts in it, has ended."""
        self._process.check()

    def distrust(self) -> None:
        """The next `ensure_ready` starts it again."""
        self._distrusted = True

    def rest(self) -> None:
        """Until the next `ensure_ready`, it is started again once its process, or what runs the prompts, has ended."""
        self._resting.set()

    def ensure_ready(self, cancel: Cancellation) -> None:
        """Start it again where it ended, is distrusted, does not answer, or still works on something.

        Once is always tried, whatever happened before: a job does not pay for those of others.

        Raises:
            WorkerError: ENGINE_UNAVAILABLE where it does not become ready and `gave_up` is true; or what
                `cancel.check` raises. A prompt that a cancelled job left behind is no failure, and is not counted.
        """
        self._resting.clear()
        while not self._turn.acquire(timeout=TURN_SECONDS):
            cancel.check()
        try:
            self._make_ready(cancel)
        finally:
            self._turn.release()

    def _keep_alive(self) -> None:
        with contextlib.suppress(WorkerError):  # what `_leave` raises at the end
            while True:
                self._leave.wait(WATCH_SECONDS)
                with self._turn:
                    self._look_between_jobs()

    def _look_between_jobs(self) -> None:
        gave_up = self.gave_up
        if not self._resting.is_set() or (gave_up and self._left_alone) or not self._has_ended():
            return
        self._left_alone = gave_up
        if gave_up:
            log.error("it ended too often to be started again between two jobs: the next job starts it")
        else:
            self._start_anew(self._leave)

    def _has_ended(self) -> bool:
        try:
            self._process.check()
        except WorkerError as error:
            log.warning("between two jobs: %s", error.message)
            return True
        return False

    def _start_anew(self, cancel: Cancellation) -> None:
        """After a pause that grows with the failures of the last minutes, counted as one of them."""
        self._pause(FIRST_PAUSE_SECONDS * 2 ** min(len(self._restarts), MOST_RESTARTS - 1), cancel)
        self._restarts.append(self._clock())
        self._restart(cancel)

    def _make_ready(self, cancel: Cancellation) -> None:
        tried = False
        while not self._is_ready():
            if self._is_only_busy():
                self._restart(cancel)
                continue
            if self.gave_up and tried:
                message = f"ComfyUI failed {len(self._restarts)} times in {WITHIN_SECONDS / 60:g} minutes"
                raise WorkerError(ErrorCode.ENGINE_UNAVAILABLE, message, stage=Stage.START)
            tried = True
            self._start_anew(cancel)

    def _is_only_busy(self) -> bool:
        """Whether it may still work on what nobody waits for, and nothing else is wrong."""
        if self._distrusted or self.client.stalled or not self.client.lost_track:
            return False
        try:
            self._process.check()
        except WorkerError:
            return False
        return True

    def _is_ready(self) -> bool:
        if self._distrusted or self.client.lost_track:
            return False
        self.client.close()  # a worker that was frozen between two jobs has dead connections
        return self._looks_ready() or self._looks_ready()

    def _looks_ready(self) -> bool:
        try:
            self._process.check()
            return self.client.idle(LOOK_SECONDS)
        except (WorkerError, requests.RequestException) as error:
            log.warning("the engine is not ready: %s", error)
            return False

    def _restart(self, cancel: Cancellation) -> None:
        log.warning("starting the engine again; its last lines were:\n%s", "\n".join(self._process.last_lines()[-20:]))
        self.client.close()
        self._process.stop()
        try:
            self._process = self._start(cancel)
        except WorkerError as error:
            cancel.check()
            log.error("the engine did not start: %s", error.message)
            return
        self.client = ComfyClient(self._process.url)
        self._distrusted = False
