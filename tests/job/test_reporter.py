"""Progress updates: paced, rising, and none after the job."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from comfy_client.progress import Position
from contract.errors import Stage
from job.pace import Pace, Work
from job.reporter import Reporter

KEYS = {"stage", "percent", "window", "windows", "step", "steps", "eta_seconds"}


class Caller:
    """Takes updates, each with the moment of its arrival."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.moments: list[float] = []
        self.arrived = threading.Event()

    def __call__(self, update: dict[str, Any]) -> None:
        self.moments.append(time.monotonic())
        self.updates.append(update)
        self.arrived.set()


def test_updates_are_paced_and_the_newest_one_is_sent() -> None:
    caller, pause = Caller(), 0.2
    with Reporter(caller, pause) as report:
        for step in range(1, 121):
            report(Stage.SAMPLE, Position(1 + (step - 1) // 40, 3, 1 + (step - 1) % 40, 40))
            caller.arrived.wait(0.005)
            caller.arrived.clear()
    assert 2 <= len(caller.updates) <= 8
    assert all(later - earlier >= pause for earlier, later in zip(caller.moments, caller.moments[1:], strict=False))
    assert all(set(update) == KEYS for update in caller.updates)
    steps = [(update["window"], update["step"]) for update in caller.updates]
    assert steps == sorted(steps)
    assert steps[-1] > (1, 1)


def test_percent_never_falls_even_in_a_second_attempt() -> None:
    caller = Caller()
    with Reporter(caller, pause=0) as report:
        for stage, position in [
            (Stage.FETCH, None),
            (Stage.SAMPLE, Position(2, 2, 3, 4)),
            (Stage.LOAD, None),
            (Stage.SAMPLE, Position(1, 2, 1, 4)),
            (Stage.UPLOAD, None),
        ]:
            caller.arrived.clear()
            report(stage, position)
            assert caller.arrived.wait(10)
    percents = [update["percent"] for update in caller.updates]
    assert percents == sorted(percents)
    assert [update["stage"] for update in caller.updates] == ["fetch", "sample", "load", "sample", "upload"]
    assert percents[2] == percents[1]


def test_the_time_left_is_told_once_it_is_known() -> None:
    caller = Caller()
    with Reporter(caller, pause=0) as report:
        report(Stage.LOAD)
        assert caller.arrived.wait(10)
        report.expect(Pace().forecast(Work(1e15, 1e15)))
        caller.arrived.clear()
        report(Stage.UPLOAD)
        assert caller.arrived.wait(10)
    assert [update["eta_seconds"] for update in caller.updates] == [None, 3]


@pytest.mark.parametrize(("known", "expected"), [(False, None), (True, 78.5)])
def test_the_first_step_of_the_sampling_tells_nothing_of_the_time_left(known: bool, expected: float | None) -> None:
    """It is heard of when it is done, so that no time has passed since, and one step of four seems to take none."""
    caller, pace = Caller(), Pace()
    if known:
        pace.learn(Work(1e15, 1e15), {Stage.SAMPLE: 100.0})
    with Reporter(caller, pause=0) as report:
        report.expect(pace.forecast(Work(1e15, 1e15)))
        report(Stage.SAMPLE, Position(1, 1, 1, 4))
        assert caller.arrived.wait(10)
    assert caller.updates[0]["eta_seconds"] == pytest.approx(expected, abs=1)


def test_nothing_is_sent_once_the_job_is_left() -> None:
    begun, released, finished = threading.Event(), threading.Event(), threading.Event()

    def slow(_: dict[str, Any]) -> None:
        begun.set()
        assert released.wait(20)
        finished.set()

    with Reporter(slow, pause=0) as report:
        report(Stage.FETCH)
        assert begun.wait(20)
        threading.Timer(0.1, released.set).start()
    assert finished.is_set(), "leaving the block waits for the update that is on its way"
    calls = threading.active_count()
    report(Stage.UPLOAD)
    assert threading.active_count() == calls


def test_the_log_has_one_line_for_each_stage_and_window(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with Reporter() as report:
        report(Stage.FETCH)
        report(Stage.FETCH)
        for window in (1, 2):
            for step in (1, 2):
                report(Stage.SAMPLE, Position(window, 2, step, 2))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert lines[0].endswith("% fetch")
    assert lines[1].endswith("sample, window 1 of 2")
    assert lines[2].endswith("sample, window 2 of 2")


class Listener(logging.Handler):
    """Hears lines of the log, and tells when a number of them has come."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self._wanted, self.lines, self.enough = wanted, list[str](), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line."""
        if "still loading" in record.getMessage():
            self.lines.append(record.getMessage())
            if len(self.lines) >= self._wanted:
                self.enough.set()


@pytest.mark.parametrize("send", [None, lambda _: None], ids=["local", "on RunPod"])
def test_weights_that_load_without_a_word_are_told_again_and_again(
    send: Callable[[dict[str, Any]], None] | None,
) -> None:
    listener, pace = Listener(3), Pace()
    pace.learn(Work(1e15, 1e15), {Stage.LOAD: 50.0})
    log = logging.getLogger("job.reporter")
    log.addHandler(listener)
    level = log.level
    log.setLevel(logging.INFO)
    try:
        with Reporter(send, pause=0, heartbeat=0.001) as report:
            report.expect(pace.forecast(Work(1e15, 1e15)))
            report(Stage.LOAD)
            assert listener.enough.wait(20)
            report(Stage.SAMPLE, Position(1, 2, 1, 4))
    finally:
        log.setLevel(level)
        log.removeHandler(listener)
    assert all(line.startswith("still loading weights: 0 s, about 40 s expected") for line in listener.lines)


def test_nothing_but_loading_is_told_so() -> None:
    listener = Listener(1)
    log = logging.getLogger("job.reporter")
    log.addHandler(listener)
    try:
        with Reporter(None, heartbeat=0.001) as report:
            for stage in (Stage.FETCH, Stage.PREPARE, Stage.SAMPLE):
                report(stage)
                assert not listener.enough.wait(0.02)
    finally:
        log.removeHandler(listener)
