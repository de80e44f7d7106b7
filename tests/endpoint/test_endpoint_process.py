"""`python -m endpoint` with the real worker: from two files to a video that opens, and what is left when it ends."""

import contextlib
import hashlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.endpoint.endpoint_process import PATIENCE, RunningEndpoint, running_endpoint
from tests.endpoint.hooks import hooked
from tests.programs import REPOSITORY
from tests.worker.bench import Bench

LONG = {"steps": 40, "scheduler": "dpm++_sde", "window_frames": 33}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(tmp_path_factory.mktemp("files"))
    made.picture("portrait.png", (256, 256))
    made.voice("voice.wav", [(0.6, 0.5)])
    made.voice("long.wav", [(60, 0.5)])
    return made


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    with running_endpoint(tmp_path_factory.mktemp("endpoint")) as running:
        running.wait_for_log("worker-1 is ready for jobs")
        yield running


def uploaded(endpoint: RunningEndpoint, file: Path) -> str:
    """The address of a file that was put into the store."""
    store = f"{endpoint.api.split('/v2/')[0]}/files"
    asked = {"name": file.name, "size": file.stat().st_size}
    offer = requests.post(store, json=asked, timeout=PATIENCE).json()
    assert requests.put(offer["upload"]["url"], data=file.read_bytes(), timeout=PATIENCE).status_code == 201
    return str(offer["url"])


def small(endpoint: RunningEndpoint, bench: Bench, voice: str = "voice.wav", **more: Any) -> dict[str, Any]:
    """The input of the smallest job, its files in the store."""
    image, voice = (uploaded(endpoint, bench.folder / name) for name in ("portrait.png", voice))
    return {"image_url": image, "audio_urls": [voice], "width": 256, "height": 256, **more}


def test_two_files_become_a_video_that_opens_and_the_webhook_is_told(endpoint: RunningEndpoint, bench: Bench) -> None:
    with hooked() as (address, told):
        body = {"input": small(endpoint, bench, output_key="talks/a.mp4"), "webhook": address}
        job_id = endpoint.post("run", body)["id"]
        called = told.get(timeout=PATIENCE)
    status = endpoint.status(job_id)
    assert status["status"] == "COMPLETED", status
    assert {name: called[name] for name in ("id", "status", "webhook")} == {
        "id": job_id,
        "status": "COMPLETED",
        "webhook": address,
    }
    output = status["output"]
    assert output == called["output"]
    video = requests.get(output["output_video_url"], timeout=PATIENCE)
    assert (video.status_code, video.headers["Content-Type"]) == (200, "video/mp4")
    assert hashlib.sha256(video.content).hexdigest() == output["video_info"]["sha256"]
    assert "talks/a.mp4?signature=" in output["output_video_url"]


@pytest.mark.parametrize(
    "source", ["http://127.0.0.1:9/a.png", "http://localhost/a.png", "http://10.0.0.1/a.png", "/etc/passwd"]
)
def test_no_other_private_place_is_read(endpoint: RunningEndpoint, bench: Bench, source: str) -> None:
    reply = endpoint.post("runsync", {"input": small(endpoint, bench, image_url=source)})
    assert (reply["status"], reply["output"]["error_code"]) == ("FAILED", "source_refused")


def test_a_worker_that_dies_is_replaced_and_nothing_outlives_the_endpoint(tmp_path: Path, bench: Bench) -> None:
    with running_endpoint(tmp_path, SIMULATOR_SPEED="1") as endpoint:
        endpoint.wait_for_log("worker-1 is ready for jobs")
        # Windows for most of a minute: it is not over before the worker is killed, however late this process is.
        job_id = endpoint.post("run", {"input": small(endpoint, bench, "long.wav", **LONG)})["id"]
        endpoint.wait_for_log("window 1 of")
        (worker,) = [process for process in endpoint.family() if "handler.py" in process.command][:1]
        worker.signal(signal.SIGKILL)
        endpoint.wait_for_log("worker-1.2 is ready for jobs")
        endpoint.wait_for_log(f"job {job_id} goes to worker-1.2")
        family = endpoint.family()
        assert {"handler.py", "simulator"} <= {word for process in family for word in process.command}
        endpoint.process.kill()
        for process in [worker, *family]:
            with contextlib.closing(process):
                assert process.ended(PATIENCE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "192.0.2.1"], "--token"),
        (["--workers", "0"], "--workers"),
        (["--id", "a/b"], "--id"),
        (["--port", "70000"], "--port"),
        (["--runpod", "far"], "RUNPOD_API_KEY"),
    ],
)
def test_a_command_line_that_cannot_be_used_is_refused_in_words(options: list[str], said: str) -> None:
    command = [sys.executable, "-m", "endpoint", *options]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_a_port_or_a_folder_that_cannot_be_had_is_told(endpoint: RunningEndpoint, tmp_path: Path) -> None:
    port = endpoint.api.split("/v2/")[0].rsplit(":", 1)[-1]
    store = endpoint.wait_for_log("files: ").rsplit("files: ", 1)[-1]
    (tmp_path / "file").touch()
    for options, said in (
        (["--port", port, "--folder", str(tmp_path / "free")], "choose another --port"),
        (["--port", "0", "--folder", store], "another --folder"),
        (["--port", "0", "--folder", str(tmp_path / "file" / "store")], f"mv {tmp_path}/file {tmp_path}/file.old"),
    ):
        command = [sys.executable, "-m", "endpoint", *options]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr
