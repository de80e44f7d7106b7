"""A worker that is told to end, or is killed: the job it has, its processes, and what the next worker finds."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.marks import slow
from tests.serverless.control_plane import ControlPlane
from tests.serverless.processes import Process
from tests.serverless.stand import standing
from tests.serverless.worker import END_SECONDS, Worker
from tests.worker.bench import Bench


@contextmanager
def watched(worker: Worker) -> Iterator[list[Process]]:
    """The worker's engine and heartbeat, which must end with it."""
    family = worker.family()
    assert len(family) == 2, family
    try:
        yield family
    finally:
        for process in family:
            process.close()


def still_there(family: list[Process]) -> list[Process]:
    return [process for process in family if not process.ended(END_SECONDS)]


def test_an_idle_worker_ends_at_once_and_well(tmp_path: Path) -> None:
    with standing(tmp_path, SIMULATOR_SPEED="4") as stand, watched(stand.worker) as family:
        stand.assert_next_works()
        stand.worker.signal(signal.SIGTERM)
        assert stand.worker.ended() == 0
        assert still_there(family) == []
        assert stand.worker.leftovers() == []
        assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("cancelled", [False, *slow(True)])
def test_a_job_that_an_idle_worker_takes_after_the_signal_is_done(tmp_path: Path, cancelled: bool) -> None:
    """RunPod holds the poll for a job open, and may answer it after the signal."""
    with standing(tmp_path, SIMULATOR_SPEED="4", hold_seconds=60.0) as stand, watched(stand.worker) as family:
        stand.worker.signal(signal.SIGTERM)
        stand.worker.wait_for_log(lambda line: "its last question for jobs" in line)  # the SDK would run none any more
        stand.give("late", audio_urls=["long.wav"], max_audio_duration=5)
        stand.worker.wait_for_stage("late", "sample")
        if cancelled:
            stand.plane.stop("late")
        else:
            assert stand.plane.wait_for_result("late")["output"]["status"] == "completed"
        stand.plane.answer_polls_at_once()
        stand.give("too-late")
        assert stand.worker.ended() == 0
        assert stand.plane.taken == ["late"]
        assert stand.is_stored("late") is not cancelled
        assert still_there(family) == []
        assert stand.worker.leftovers() == []


@pytest.mark.parametrize("signals", [[signal.SIGTERM, signal.SIGTERM], *slow([signal.SIGTERM], [signal.SIGINT])])
def test_a_busy_worker_ends_after_its_job(tmp_path: Path, signals: list[int]) -> None:
    """However it is told, and however often; it takes no other job."""
    with standing(tmp_path, SIMULATOR_SPEED="4") as stand, watched(stand.worker) as family:
        stand.give("last", audio_urls=["long.wav"], max_audio_duration=5)
        stand.worker.wait_for_stage("last", "sample")
        for number in signals:
            stand.worker.signal(number)
        stand.give("too-late")
        assert stand.plane.wait_for_result("last")["output"]["status"] == "completed"
        assert stand.worker.ended() == 0
        assert stand.plane.taken == ["last"]
        assert stand.is_stored("last")
        assert still_there(family) == []
        assert stand.worker.leftovers() == []


def test_a_worker_that_ends_still_stops_its_job(tmp_path: Path) -> None:
    """Long polls of 20 s: one that began before the signal is answered after it."""
    with standing(tmp_path, hold_seconds=20, SIMULATOR_SPEED="2") as stand, watched(stand.worker) as family:
        stand.give("endless", audio_urls=["long.wav"])
        stand.worker.wait_for_stage("endless", "sample")
        stand.worker.signal(signal.SIGTERM)
        stand.plane.stop("endless")
        assert stand.worker.ended() == 0
        assert stand.plane.results("endless") == []
        assert still_there(family) == []
        assert stand.worker.leftovers() == []


def test_a_killed_worker_takes_its_processes_along_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    with standing(tmp_path, SIMULATOR_SPEED="2") as stand, watched(stand.worker) as family:
        stand.give("lost", audio_urls=["long.wav"])
        stand.worker.wait_for_stage("lost", "sample")
        assert stand.worker.leftovers() != []
        stand.worker.kill()
        assert still_there(family) == [], "a heartbeat that goes on tells RunPod that all is well"
        assert stand.plane.results("lost") == []
        with Worker(stand.plane, stand.bench) as stand.worker:
            stand.plane.wait_until_asked()
            assert stand.worker.leftovers() == []
            stand.assert_next_works()


def test_a_worker_that_is_ended_while_it_starts_leaves_no_engine(tmp_path: Path) -> None:
    """By its own doing: the kernel keeps a signal that nobody handles from the first process of a container."""
    with ControlPlane() as plane, Worker(plane, Bench(tmp_path)) as worker:
        engine = worker.wait_for_engine()
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 128 + signal.SIGTERM
        assert engine.ended(END_SECONDS)
        engine.close()
        assert plane.taken == []
