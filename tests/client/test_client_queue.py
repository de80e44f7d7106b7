"""What a job in the queue waits for is told, by RunPod's counts of workers and by an own endpoint's words."""

import signal
from pathlib import Path
from typing import Any

import pytest

from endpoint.dispatch import Dispatch
from talking_video.queue import waits_for
from tests.client.commands import PATIENCE, command, shown
from tests.endpoint.endpoint_process import running_endpoint

NONE = dict.fromkeys(("idle", "initializing", "ready", "running", "throttled", "unhealthy"), 0)


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ({"initializing": 1}, "it is starting"),
        ({"running": 2, "initializing": 1}, "2 busy with other jobs"),
        ({"unhealthy": 1}, "unhealthy"),
        ({"throttled": 3}, "throttled"),
        ({"throttled": 3, "unhealthy": 1}, "unhealthy"),
    ],
)
def test_the_state_of_the_workers_is_told(workers: dict[str, int], said: str) -> None:
    assert said in str(waits_for({"jobs": {"inQueue": 1}, "workers": {**NONE, **workers}}))


@pytest.mark.parametrize(
    "health",
    [
        {"workers": {**NONE, "idle": 1, "running": 2}},
        {"workers": {**NONE, "ready": 1, "unhealthy": 2}},
        {"workers": NONE},
        {"workers": {"initializing": "many"}},
        {"workers": None},
        {"unfit": 5},
        {},
    ],
)
def test_where_nothing_holds_it_up_nothing_is_said(health: dict[str, Any]) -> None:
    assert waits_for(health) is None


@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ({"unhealthy": 1}, "the newest is not fit for jobs: No GPU"),
        ({"initializing": 1}, "the newest is not fit for jobs: No GPU"),
        ({"unhealthy": 1, "running": 1}, "1 busy with other jobs"),
        ({"unhealthy": 1, "idle": 1}, None),
    ],
)
def test_why_a_worker_is_not_fit_is_told_where_no_other_one_works(workers: dict[str, int], said: str | None) -> None:
    assert waits_for({"unfit": "No GPU", "workers": {**NONE, **workers}}) == said


def test_why_the_newest_worker_is_not_fit_is_forgotten_once_one_is() -> None:
    dispatch = Dispatch()
    dispatch.beat("worker-1", [], {"status": "unhealthy", "reason": "WorkerError: No GPU"})
    dispatch.beat("worker-1", [], {})
    assert dispatch.unfit == "No GPU"
    dispatch.on_asking("worker-1.2")
    assert dispatch.unfit is None


def test_what_the_sdk_cut_off_is_told_to_be_cut() -> None:
    dispatch = Dispatch()
    reason = "WorkerError: " + "missing.safetensors, " * 20
    dispatch.beat("worker-1", [], {"status": "unhealthy", "reason": reason[:256]})
    assert dispatch.unfit is not None
    assert dispatch.unfit.startswith("missing.safetensors, ")
    assert dispatch.unfit.endswith(" … (its log has the rest)")
    assert str(waits_for({"unfit": dispatch.unfit})).endswith(dispatch.unfit)
    assert str(waits_for({"unfit": "a, " * 200})).endswith("a …")


def test_a_person_whose_endpoint_has_no_fit_worker_reads_why(tmp_path: Path) -> None:
    sources = ("https://a.test/a.png", "https://a.test/a.wav")
    with running_endpoint(tmp_path, ENGINE="comfyui", COMFYUI_DIR=str(tmp_path)) as endpoint:
        process = command(tmp_path, "run", *sources, "-e", endpoint.api)
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        line = next(line for line in lines if "not fit for jobs" in line)
        assert line.startswith("waiting for a worker: ")
        assert "models are missing" in line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        seen = shown(tmp_path, "run", *sources, "-e", endpoint.api, until="its log has the rest")
    assert process.returncode == 130
    assert "waiting for a worker: the newest is not fit for jobs: Required models are missing" in seen
    assert seen.rstrip().endswith("is cancelled")
