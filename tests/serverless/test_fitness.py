"""What is looked at before the first job: what is wrong is told to RunPod, and a worker that is well takes jobs."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.programs import FreshProgram, Program
from tests.serverless.control_plane import ControlPlane
from tests.serverless.processes import PROC
from tests.serverless.records import Ping
from tests.serverless.stand import standing
from tests.serverless.stores import Fault, Store, store
from tests.serverless.worker import Worker
from tests.storage.storage_servers import s3_error
from tests.worker.bench import Bench
from workflows.models import read_models

CARD = """echo '{"device": "cuda", "name": "RTX 4090", "memory_gb": 24}'"""
SILENT = "exec sleep 1000"
LAST_WORDS = "echo 'ImportError: no module named torch' >&2; exit 3"


@dataclass
class Machine:
    """What a worker may find: its folder, and a bucket that knows its key."""

    folder: Path
    bucket: Store

    def comfyui(self, server: str, probe: str = CARD) -> dict[str, str]:
        """A ComfyUI whose interpreter does this in place of a server, and of the GPU probe; its models are there."""
        models, python = self.folder / "models", self.folder / "python"
        for model in read_models():
            (models / model.folder).mkdir(parents=True, exist_ok=True)
            (models / model.folder / model.file).touch()
        python.write_text(f'#!/bin/sh\ncase "$*" in *gpu_probe*) {probe}; exit ;; esac\nsleep 1000 &\n{server}\n')
        python.chmod(0o755)
        place = {"COMFYUI_DIR": str(self.folder), "COMFYUI_PYTHON": str(python), "COMFYUI_START_SECONDS": "2"}
        return {"ENGINE": "comfyui", "MODEL_ROOTS": str(models), **place}


def no_ffmpeg(machine: Machine) -> Mapping[str, str]:
    return {"IMAGEIO_FFMPEG_EXE": str(machine.folder / "ffmpeg")}


def no_room(_: Machine) -> Mapping[str, str]:
    return {"MIN_DISK_GB": "1000000"}


def refused_key(machine: Machine) -> Mapping[str, str]:
    return {**machine.bucket.environment(), "S3_ACCESS_KEY_ID": "UNKNOWNKEYID"}


def closed_urls(machine: Machine) -> Mapping[str, str]:
    machine.bucket.faults["storage-check"] = Fault(s3_error(403, "AccessDenied"), ("get",))
    return machine.bucket.environment()


def runpods_store(machine: Machine) -> Mapping[str, str]:
    return {**machine.bucket.environment(), "S3_ENDPOINT_URL": "https://s3api-eu-ro-1.runpod.io"}


def no_volume(machine: Machine) -> Mapping[str, str]:
    return {"STORAGE": "volume", "VOLUME_DIR": str(machine.folder)}


def no_models(machine: Machine) -> Mapping[str, str]:
    return {"ENGINE": "comfyui", "MODEL_ROOTS": str(machine.folder), "COMFYUI_DIR": str(machine.folder)}


def no_server(machine: Machine) -> Mapping[str, str]:
    return machine.comfyui("exit 1")


def no_card(machine: Machine) -> Mapping[str, str]:
    return machine.comfyui(SILENT, probe="exit 1")


def silent_server(machine: Machine) -> Mapping[str, str]:
    return machine.comfyui(SILENT)


def alive_with(text: str) -> list[str]:
    """The commands of the processes that have this in their environment, but for our own."""
    found = []
    for entry in PROC.iterdir():
        try:
            if (
                entry.name.isdecimal()
                and int(entry.name) != os.getpid()
                and text.encode() in (entry / "environ").read_bytes()
            ):
                found.append((entry / "cmdline").read_text())
        except OSError:  # it ended while we looked
            continue
    return found


@pytest.fixture(scope="module")
def bucket() -> Iterator[Store]:
    with store() as bucket:
        yield bucket


def unhealthy(pings: list[Ping]) -> list[Mapping[str, str]]:
    """What was reported as a reason not to take jobs."""
    return [ping.query for ping in pings if ping.query.get("status") == "unhealthy"]


@pytest.mark.parametrize(
    ("fault", "check", "reason"),
    [
        (no_ffmpeg, "ffmpeg", "WorkerError: ffmpeg is not installed"),
        (no_room, "disk", "GB are free, 1000000.00 are needed"),
        (refused_key, "storage", "The storage refused CreateMultipartUpload on bucket 'videos' (InvalidAccessKeyId)"),
        (closed_urls, "storage", "does not open: it answered 403 (AccessDenied)"),
        (
            runpods_store,
            "storage",
            "takes no presigned URLs, so that no reply could name the video: set STORAGE=volume",
        ),
        (no_volume, "storage", "no volume is mounted at "),
        (no_models, "comfyui", "Required models are missing: "),
        (no_server, "comfyui", "comfyui ended unexpectedly (exit code 1)"),
        (no_card, "comfyui", "No GPU can be used on this worker"),
        (silent_server, "comfyui", "comfyui did not answer within 2 s"),
    ],
)
def test_a_worker_that_lacks_something_takes_no_job_and_says_what(
    tmp_path: Path, bucket: Store, fault: Callable[[Machine], Mapping[str, str]], check: str, reason: str
) -> None:
    start = FreshProgram if fault is silent_server else Program  # one shows all that it starts by its environment
    settings = fault(Machine(tmp_path, bucket))
    with ControlPlane() as plane, Worker(plane, Bench(tmp_path), start, **settings) as worker:
        plane.give({"id": "early", "input": {}})
        assert worker.ended() == 1
        (told,) = unhealthy(plane.pings)
        assert len(plane.pings) == 1
        assert told["check"] == check
        assert reason in told["reason"]
        assert plane.taken == []
        assert alive_with(str(tmp_path)) == []
        assert list(tmp_path.glob("work/job-*")) == []
    assert bucket.has == {}
    bucket.faults.clear()


def test_what_comfyui_said_before_it_ended_is_in_the_log(tmp_path: Path, bucket: Store) -> None:
    """RunPod is told one line of at most 256 characters; the operator needs the rest."""
    settings = Machine(tmp_path, bucket).comfyui(LAST_WORDS)
    with ControlPlane() as plane, Worker(plane, Bench(tmp_path), **settings) as worker:
        assert worker.ended() == 1
        (told,) = unhealthy(plane.pings)
        assert "comfyui ended unexpectedly (exit code 3)" in told["reason"]
        assert "ImportError: no module named torch" in worker.log


def test_a_worker_that_is_well_runs_its_own_checks_alone_and_takes_jobs(tmp_path: Path, bucket: Store) -> None:
    """None of the SDK's, which would open a CUDA context, or ask for a way to the outside."""
    with standing(tmp_path, bucket, SIMULATOR_SPEED="0") as stand:
        assert "Running 5 fitness check(s)" in stand.worker.log
        assert "All fitness checks passed" in stand.worker.log
        assert unhealthy(stand.plane.pings) == []
        stand.assert_next_works()


def test_a_worker_that_was_frozen_takes_the_next_job(tmp_path: Path, bucket: Store) -> None:
    """As FlashBoot does between two jobs: when it wakes up, nobody is at the other end of its connections."""
    with standing(tmp_path, bucket, SIMULATOR_SPEED="0") as stand:
        stand.assert_next_works()
        with stand.worker.frozen():
            stand.plane.hang_up()
            stand.give("after")
        assert stand.plane.wait_for_result("after")["output"]["status"] == "completed"
        assert stand.is_stored("after")
        stand.plane.wait_until_asked()
        stand.assert_clean()
        stand.assert_next_works()
