"""The engine is started again where it failed, with growing pauses, and given up after three times in ten minutes."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from comfy_client.server import EngineCommand, EngineProcess, simulator_command
from comfy_client.supervisor import WATCH_SECONDS, RunningServer, SupervisedEngine
from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError

QUICK_ENGINE = Path(__file__).with_name("quick_engine.py")


@dataclass
class Clock:
    """Time that passes when told to."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def pause(self, seconds: float, cancel: Cancellation) -> None:
        cancel.check()
        self.pauses.append(seconds)
        self.now += seconds


@dataclass
class Shop:
    """Starts engines and remembers them; none where it is broken."""

    started: list[EngineProcess] = field(default_factory=list)
    broken: bool = False
    is_ready: threading.Event = field(default_factory=threading.Event)

    def start(self, cancel: Cancellation) -> EngineProcess:
        if self.broken:
            raise WorkerError(ErrorCode.ENGINE_UNAVAILABLE, "it does not start")
        command = simulator_command(0)
        arguments = (sys.executable, "-S", str(QUICK_ENGINE), str(command.port))
        process = EngineProcess(replace(command, arguments=arguments))
        self.started.append(process)
        process.wait_until_ready(60, cancel)
        self.is_ready.set()
        return process

    def kill_last(self) -> None:
        """And wait until it is dead."""
        process = self.started[-1]
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    for process in shop.started:
        process.stop()


def test_a_healthy_engine_is_left_alone(shop: Shop) -> None:
    with SupervisedEngine(shop.start) as engine:
        engine.ensure_ready(Cancellation())
        engine.check()
    assert len(shop.started) == 1


def test_a_killed_or_distrusted_engine_is_started_again(shop: Shop) -> None:
    clock = Clock()
    with SupervisedEngine(shop.start, clock.time, clock.pause) as engine:
        shop.kill_last()
        with pytest.raises(WorkerError) as caught:
            engine.check()
        assert caught.value.code is ErrorCode.ENGINE_UNAVAILABLE
        engine.ensure_ready(Cancellation())
        engine.check()
        assert engine.client.answers(10)
        engine.distrust()
        engine.ensure_ready(Cancellation())
        assert engine.client.idle(10)
    assert len(shop.started) == 3
    assert clock.pauses == [1.0, 2.0]


def test_between_two_jobs_it_comes_back_at_once_and_during_one_it_is_the_job_s_to_decide(shop: Shop) -> None:
    clock = Clock()
    with SupervisedEngine(shop.start, clock.time, clock.pause) as engine:
        engine.rest()
        shop.is_ready.clear()
        shop.kill_last()
        assert shop.is_ready.wait(60)
        engine.ensure_ready(Cancellation())
        assert (len(shop.started), clock.pauses) == (2, [1.0]), "the next job finds it ready"
        shop.is_ready.clear()
        shop.kill_last()
        assert not shop.is_ready.wait(2 * WATCH_SECONDS)
        engine.rest()
        assert shop.is_ready.wait(60)
    assert len(shop.started) == 3
    assert clock.pauses == [1.0, 2.0], "counted, as any other restart"


def test_three_restarts_in_ten_minutes_are_enough_and_a_job_at_hand_gets_one_more(shop: Shop) -> None:
    clock = Clock()
    with SupervisedEngine(shop.start, clock.time, clock.pause) as engine:
        gave_up = []
        for _ in range(3):
            engine.distrust()
            engine.ensure_ready(Cancellation())
            gave_up.append(engine.gave_up)
        assert gave_up == [False, False, True], "the reply of the job at hand retires the worker"
        engine.distrust()
        engine.ensure_ready(Cancellation())
        assert engine.client.idle(10), "the job after it does not pay for the ones before"
        clock.now += 600
        gave_up.append(engine.gave_up)
    assert gave_up[-1] is False
    assert len(shop.started) == 5


def test_one_that_ends_between_two_jobs_again_and_again_is_left_to_the_next_job_and_that_is_said_once(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    with SupervisedEngine(shop.start, clock.time, clock.pause) as engine:
        engine.rest()
        for _ in range(3):
            shop.is_ready.clear()
            shop.kill_last()
            assert shop.is_ready.wait(60)
        shop.is_ready.clear()
        shop.kill_last()
        assert not shop.is_ready.wait(3 * WATCH_SECONDS)
        said = [record.message for record in caplog.records if record.levelname == "ERROR"]
        assert said == ["it ended too often to be started again between two jobs: the next job starts it"]
        engine.ensure_ready(Cancellation())
        assert engine.client.idle(10)
        engine.rest()
        clock.now += 600
        shop.is_ready.clear()
        shop.kill_last()
        assert shop.is_ready.wait(60), "it may end three times again"


def test_an_engine_that_does_not_start_again_is_given_up(shop: Shop) -> None:
    clock = Clock()
    with SupervisedEngine(shop.start, clock.time, clock.pause) as engine:
        shop.kill_last()
        shop.broken = True
        with pytest.raises(WorkerError) as caught:
            engine.ensure_ready(Cancellation())
        assert caught.value.code is ErrorCode.ENGINE_UNAVAILABLE
        assert engine.gave_up
        assert clock.pauses == [1.0, 2.0, 4.0]
        with pytest.raises(WorkerError):
            engine.ensure_ready(Cancellation())
        assert len(clock.pauses) == 4, "one try for each job"


def test_what_cancelled_jobs_left_behind_is_no_failure(shop: Shop) -> None:
    clock = Clock()
    with SupervisedEngine(shop.start, clock.time, clock.pause) as engine:
        for _ in range(4):
            engine.client.lost_track = True
            engine.ensure_ready(Cancellation())
            assert engine.client.idle(10)
    assert len(shop.started) == 5
    assert (engine.gave_up, clock.pauses) == (False, [])


@pytest.mark.parametrize("also", ["ended", "distrusted", "stalled"])
def test_a_failure_counts_whatever_was_left_behind(shop: Shop, also: str) -> None:
    clock = Clock()
    with SupervisedEngine(shop.start, clock.time, clock.pause) as engine:
        engine.client.lost_track = True
        if also == "ended":
            shop.kill_last()
        elif also == "distrusted":
            engine.distrust()
        else:
            engine.client.stalled = True
        engine.ensure_ready(Cancellation())
    assert clock.pauses == [1.0]


def test_nothing_of_it_outlives_the_with_block(shop: Shop) -> None:
    with SupervisedEngine(shop.start):
        pid = shop.started[0].pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_program_that_ends_at_once_is_told_with_its_last_lines() -> None:
    command = EngineCommand("broken", ("/bin/sh", "-c", "echo no luck; exit 3"), Path("/"), 1)
    with EngineProcess(command) as process, pytest.raises(WorkerError) as caught:
        process.wait_until_ready(30, Cancellation())
    assert "exit code 3" in caught.value.message
    assert list(process.last_lines()) == ["no luck"]


def test_a_running_server_that_is_gone_is_told() -> None:
    with pytest.raises(WorkerError) as caught:
        RunningServer("http://127.0.0.1:9").ensure_ready(Cancellation())
    assert caught.value.code is ErrorCode.ENGINE_UNAVAILABLE


def test_a_cancelled_start_is_broken_off_and_made_up_for(shop: Shop) -> None:
    cancel = Cancellation()
    with SupervisedEngine(shop.start, Clock().time) as engine:
        engine.distrust()
        cancel.cancel()
        with pytest.raises(WorkerError) as caught:
            engine.ensure_ready(cancel)
        assert caught.value.code is ErrorCode.CANCELLED
        engine.ensure_ready(Cancellation())
        assert engine.client.idle(10)


def test_dead_connections_do_not_restart_a_healthy_engine(shop: Shop) -> None:
    with SupervisedEngine(shop.start) as engine:
        assert engine.client.idle(10)
        process = shop.started[0]
        for descriptor in Path(f"/proc/{os.getpid()}/fd").iterdir():
            _cut_if_connected_to(int(descriptor.name), int(process.url.rsplit(":", 1)[1]))
        engine.ensure_ready(Cancellation())
    assert len(shop.started) == 1


def _cut_if_connected_to(descriptor: int, port: int) -> None:
    """As a frozen machine finds its connections: closed by nobody that told."""
    try:
        copy = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return
    with copy:
        try:
            if copy.getpeername()[1] == port:
                copy.shutdown(socket.SHUT_RDWR)
        except (OSError, IndexError, TypeError):
            return
