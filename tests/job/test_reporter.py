"""Progress updates: paced, rising, and none after the job."""

import base64
import io
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from comfy_client.progress import Position
from contract.errors import Stage
from job.cards import Work
from job.pace import Pace
from job.reporter import Reporter

KEYS = {"stage", "percent", "window", "windows", "step", "steps", "eta_seconds"}


class Caller:
    """Takes updates."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.arrived = threading.Event()

    def __call__(self, update: dict[str, Any]) -> None:
        self.updates.append(update)
        self.arrived.set()


def steps_of(windows: int, steps: int) -> list[Position]:
    """Every step of a sampling."""
    return [Position(window, windows, step, steps) for window in range(1, windows + 1) for step in range(1, steps + 1)]


def test_nothing_is_sent_in_the_pause_after_an_update() -> None:
    """Nor does the end of a job wait for the end of the pause."""
    caller = Caller()
    with Reporter(caller, pause=3600) as report:
        for position in steps_of(3, 40):
            report(Stage.SAMPLE, position)
            assert caller.arrived.wait(20)
    assert [set(update) for update in caller.updates] == [KEYS]


def test_after_the_pause_the_newest_one_is_sent() -> None:
    """The caller is not done with the first update until all the others were reported."""
    caller, reported = Caller(), threading.Event()

    def send(update: dict[str, Any]) -> None:
        caller(update)
        assert reported.wait(20)

    with Reporter(send, pause=0.01) as report:
        first, *_, last = positions = steps_of(3, 40)
        report(Stage.SAMPLE, first)
        assert caller.arrived.wait(20)
        caller.arrived.clear()
        for position in positions[1:]:
            report(Stage.SAMPLE, position)
        reported.set()
        assert caller.arrived.wait(20)
    assert [(update["window"], update["step"]) for update in caller.updates] == [(1, 1), (last.window, last.step)]


def test_a_frame_to_show_is_in_one_update_and_small() -> None:
    """Each new one once, the newest only, and noise as well as a plain picture; what is no picture harms nobody."""
    caller, noise = Caller(), Image.effect_noise((720, 1280), 90)
    with Reporter(caller, pause=0, beat=3600) as report:
        report(Stage.SAMPLE, Position(1, 2, 1, 4))
        assert caller.arrived.wait(10)
        for frame in (png(Image.new("RGB", (400, 704), "red")), png(noise), b"no picture", None):
            caller.arrived.clear()
            if frame:
                report.show(frame)
            else:
                report(Stage.ENCODE)
            assert caller.arrived.wait(10)
    _, plain, noisy, *_ = caller.updates
    assert [set(update) - KEYS for update in caller.updates] == [set(), {"preview"}, {"preview"}, set(), set()]
    assert [picture_of(update).size for update in (plain, noisy)] == [(182, 320), (180, 320)]
    assert len(noisy["preview"]) <= 12_000
    assert picture_of(plain).getpixel((90, 160)) == pytest.approx((254, 0, 0), abs=2)


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def picture_of(update: dict[str, Any]) -> Image.Image:
    head, data = update["preview"].split(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.format == "JPEG"
    return picture.convert("RGB")


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
        report.expect(Pace().forecast(Work(1e15, 1, 1)))
        caller.arrived.clear()
        report(Stage.UPLOAD)
        assert caller.arrived.wait(10)
    assert [update["eta_seconds"] for update in caller.updates] == [None, 3]


@pytest.mark.parametrize(("known", "expected"), [(False, None), (True, 78.5)])
def test_the_first_step_of_the_sampling_tells_nothing_of_the_time_left(known: bool, expected: float | None) -> None:
    """It is heard of when it is done, so that no time has passed since, and one step of four seems to take none."""
    caller, pace = Caller(), Pace()
    if known:
        pace.learn(Work(1e15, 1, 1), {Stage.SAMPLE: 100.0})
    with Reporter(caller, pause=0) as report:
        report.expect(pace.forecast(Work(1e15, 1, 1)))
        report(Stage.SAMPLE, Position(1, 1, 1, 4))
        assert caller.arrived.wait(10)
    assert caller.updates[0]["eta_seconds"] == pytest.approx(expected, abs=1)


def test_time_moves_it_on_where_nothing_is_reported() -> None:
    caller = Caller()
    with Reporter(caller, pause=0, beat=0.01) as report:
        report(Stage.LOAD)
        while len(caller.updates) < 5:
            caller.arrived.clear()
            assert caller.arrived.wait(20)
    assert {update["stage"] for update in caller.updates} == {"load"}
    percents = [update["percent"] for update in caller.updates]
    assert percents == sorted(percents)


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
    pace.learn(Work(1e15, 1, 1), {Stage.LOAD: 50.0})
    log = logging.getLogger("job.reporter")
    log.addHandler(listener)
    level = log.level
    log.setLevel(logging.INFO)
    try:
        with Reporter(send, pause=0, heartbeat=0.001) as report:
            report.expect(pace.forecast(Work(1e15, 1, 1)))
            report(Stage.LOAD)
            assert listener.enough.wait(20)
            report(Stage.SAMPLE, Position(1, 2, 1, 4))
    finally:
        log.setLevel(level)
        log.removeHandler(listener)
    assert all(line.startswith("still loading weights: 0 s, about 50 s expected") for line in listener.lines)


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


def test_a_thread_that_ended_too_early_is_told_and_started_again_at_the_next_report(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caller, failed = Caller(), threading.Event()

    def send(update: dict[str, Any]) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("can't start new thread")
        caller(update)

    with Reporter(send, pause=0) as report:
        report(Stage.FETCH)
        assert failed.wait(20)
        for _ in range(400):
            report(Stage.PREPARE)
            if caller.arrived.wait(0.05):
                break
    assert caller.updates[0]["stage"] == "prepare"
    assert "can't start new thread" in caplog.text
