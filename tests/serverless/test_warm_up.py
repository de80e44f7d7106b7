"""WARM_UP=1: one smallest window is made before jobs are taken; nobody gets it, and a worker that cannot takes none."""

import json
import re
import signal
from pathlib import Path

from tests.serverless.control_plane import ControlPlane
from tests.serverless.stand import standing
from tests.serverless.test_fitness import unhealthy
from tests.serverless.worker import END_SECONDS, Worker
from tests.worker.bench import Bench

NO_NODE = "error:node=WanVideoSampler,times=always,message=burnt"
HANGS = "hang:node=WanVideoSampler"


def test_the_first_job_comes_after_the_warm_up_of_which_nothing_is_left(tmp_path: Path) -> None:
    with standing(tmp_path, SIMULATOR_SPEED="4", WARM_UP="1") as stand:
        assert "Running 6 fitness check(s)" in stand.worker.log
        assert list(tmp_path.rglob("*.mp4")) == []
        stand.assert_clean()
        stand.assert_next_works()
        assert [path.name for path in tmp_path.rglob("*.mp4")] == ["next-0.mp4"]
        assert {post.job_id for post in stand.plane.posts} == {"next-0"}
        lines = [json.loads(line) for line in stand.worker.log.splitlines() if line.startswith("{")]
    told = [line for line in lines if line.get("job_id") in ("warm-up", "next-0")]
    assert [line["job_id"] for line in told] == sorted((line["job_id"] for line in told), reverse=True)
    warm = [line["message"] for line in told if line["job_id"] == "warm-up"]
    assert warm[0] == "warm-up: one window of multitalk at 256x256, which nobody gets"
    assert any("sample, window 1 of 1" in text for text in warm)
    assert re.fullmatch(r"warm-up done in [\d.]+ s: load [\d.]+ s, sample [\d.]+ s", warm[-1])


def test_a_worker_whose_warm_up_fails_takes_no_job_and_says_why(tmp_path: Path) -> None:
    with ControlPlane() as plane, Worker(plane, Bench(tmp_path), WARM_UP="1", SIMULATOR_FAULTS=NO_NODE) as worker:
        plane.give({"id": "early", "input": {}})
        engine = worker.wait_for_engine()
        assert worker.ended() == 1
        assert engine.ended(END_SECONDS)
        engine.close()
        (told,) = unhealthy(plane.pings)
        assert told["check"] == "warm_up"
        assert "The warm-up failed: " in told["reason"]
        assert "burnt" in told["reason"]
        assert plane.taken == []
        assert worker.leftovers() == []


def test_a_worker_that_is_ended_during_its_warm_up_leaves_nothing(tmp_path: Path) -> None:
    with ControlPlane() as plane, Worker(plane, Bench(tmp_path), WARM_UP="1", SIMULATOR_FAULTS=HANGS) as worker:
        plane.give({"id": "early", "input": {}})
        engine = worker.wait_for_engine()
        worker.wait_for_log(lambda line: "% load" in line)
        worker.wait_for_prompt()
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 128 + signal.SIGTERM
        assert "the prompt could not be withdrawn in 8 s" in worker.log  # not in the minute that a job may take for it
        assert engine.ended(END_SECONDS)
        engine.close()
        assert plane.taken == []
        assert unhealthy(plane.pings) == []
        assert worker.leftovers() == []
        assert list((tmp_path / "tmp").iterdir()) == []
