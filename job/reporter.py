"""Tells where a job is: a log line for each stage and window, and progress updates for the caller."""

import base64
import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from comfy_client.progress import Position
from contract.background import Task
from contract.errors import Stage
from job.pace import Forecast, Pace
from job.progress_estimate import ProgressEstimate
from media.preview import preview_of

log = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
BEAT_SECONDS = 5.0
HEARTBEAT_SECONDS = 15.0
SETTLE_SECONDS = 10.0
PREVIEW_SECONDS = 5.0  # before an update with a preview is followed by the next one
PREVIEW_BYTES = 8900  # 12 kB as text
MOST_RESTARTS = 3  # of its threads
Update = dict[str, Any]


class Reporter:
    """Use as a `with` block around a job: once it is left, nothing more is sent.

    Args:
        send: takes one update, and returns when it has arrived or will not any more; None: only the log is written.
        pause: seconds between two updates at least.
        beat: seconds after which an update is sent although nothing was reported.
        heartbeat: seconds between two lines in the log while weights load without a word.
    """

    def __init__(
        self,
        send: Callable[[Update], None] | None = None,
        pause: float = PAUSE_SECONDS,
        heartbeat: float = HEARTBEAT_SECONDS,
        beat: float = BEAT_SECONDS,
    ) -> None:
        self._send, self._pause = send, pause
        self._heartbeat, self._longest_pause = heartbeat, beat
        self._lock = threading.Lock()
        self._news, self._closed = threading.Event(), threading.Event()
        self._estimate = ProgressEstimate(time.monotonic(), Pace().forecast())
        self._position: Position | None = None
        self._logged: tuple[object, ...] = ()
        self._frame: bytes | None = None  # the newest one to show, which nobody has seen yet
        self._threads: list[tuple[Task[None], Callable[[], None]]] = []
        self._restarts = 0
        self._warnings: tuple[str, ...] = ()
        self.stage: Stage | None = None

    def __enter__(self) -> "Reporter":
        loops = {"heartbeat": self._beat} | ({"progress": self._pulse} if self._send is not None else {})
        for name, loop in loops.items():
            self._start(name, loop)
        return self

    def _start(self, name: str, loop: Callable[[], None]) -> None:
        task = Task(loop, SimpleQueue())
        task.name = name
        self._threads.append((task, loop))
        task.start()

    def _look_after_threads(self) -> None:
        """One that has ended too early is told, and started again, a few times: the job goes on in any case."""
        for task, loop in [pair for pair in self._threads if not pair[0].is_alive()]:
            self._threads.remove((task, loop))
            log.error("the %s thread ended too early", task.name, exc_info=task.error)
            self._restarts += 1
            if self._restarts <= MOST_RESTARTS:
                self._start(task.name, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._news.set()
        for thread, _ in self._threads:
            thread.join(SETTLE_SECONDS)

    def expect(self, forecast: Forecast) -> None:
        """From now on, this is how long the stages are expected to take."""
        with self._lock:
            self._estimate.expect(forecast, time.monotonic())

    def tell(self, warnings: Sequence[str]) -> None:
        """From now on, each update has these: who reads them may cancel before the GPU is paid for."""
        with self._lock:
            self._warnings = tuple(warnings)

    def __call__(self, stage: Stage, position: Position | None = None) -> None:
        """Take one report; `position` only while sampling."""
        with self._lock:
            now = time.monotonic()
            self._estimate.enter(stage, position, now)
            self.stage, self._position = stage, position
            news = (stage, position.window if position else 0)
            told, self._logged = self._logged, news
            percent = self._estimate.percent(now)
        if news != told:
            where = f", window {position.window} of {position.windows}" if position else ""
            log.info("%3.0f %% %s%s", percent, stage, where)
        self._look_after_threads()
        self._news.set()

    def show(self, frame: bytes) -> None:
        """The next update has this frame, a PNG, in small; one that nobody has seen yet is dropped for it."""
        with self._lock:
            self._frame = frame
        self._news.set()

    def _beat(self) -> None:
        """Show in the log that a worker whose weights load, which ComfyUI does without a word, is alive."""
        while not self._closed.wait(self._heartbeat):
            with self._lock:
                loading, spent = self.stage is Stage.LOAD, self._estimate.spent(time.monotonic())
                expected = self._estimate.forecast.seconds[Stage.LOAD]
            if loading:
                log.info("still loading weights: %.0f s, about %.0f s expected", spent, expected)

    def _pulse(self) -> None:
        """Send what is new, and at every beat how time has moved it on."""
        assert self._send is not None  # noqa: S101 - it was asked for
        while not self._closed.is_set():
            self._news.wait(self._longest_pause)
            self._news.clear()
            if self._closed.is_set() or self.stage is None:
                continue
            update = self._update()
            self._send(update)
            # Who asks for the status every few seconds sees the newest update only.
            self._closed.wait(max(self._pause, PREVIEW_SECONDS if self._pause and "preview" in update else 0.0))

    def _update(self) -> Update:
        with self._lock:
            position, now = self._position, time.monotonic()
            assert self.stage is not None  # noqa: S101 - there was a report
            percent, left = self._estimate.percent(now), self._estimate.left(now)
            frame, self._frame = self._frame, None
            update: Update = {
                "stage": self.stage.value,
                "percent": round(percent, 1),
                "window": position.window if position else None,
                "windows": position.windows if position else None,
                "step": position.step if position else None,
                "steps": position.steps if position else None,
                "eta_seconds": None if left is None else round(left),
                **({"warnings": list(self._warnings)} if self._warnings else {}),
            }
        return update | (_preview(frame) if frame else {})


def _preview(frame: bytes) -> Update:
    """`preview` as a data: URI; nothing where the frame cannot be made small: no job fails for that."""
    try:
        jpeg = preview_of(frame, PREVIEW_BYTES)
    except (OSError, ValueError) as error:
        log.warning("no preview of a frame: %s", error)
        return {}
    return {"preview": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"} if jpeg else {}
