"""ComfyUI is begun before the checks: the real one comes up with the worker, and ends with a check that fails."""

import shutil
from pathlib import Path

from tests.programs import FreshProgram
from tests.real.engine import real_environment
from tests.serverless.control_plane import ControlPlane
from tests.serverless.test_fitness import alive_with, unhealthy
from tests.serverless.worker import Worker
from tests.worker.bench import Bench
from worker.settings import Settings

SMALL = {"image_url": "portrait.png", "audio_urls": ["short.wav"], "width": 256, "height": 256}


def environment_of(settings: Settings, folder: Path) -> dict[str, str]:
    """Of a worker whose own files are in this folder."""
    return {**real_environment(settings), "WORK_DIR": str(folder / "work"), "OUTPUT_DIR": str(folder / "output")}


def test_a_check_that_fails_ends_the_comfyui_that_loads_meanwhile(settings: Settings, tmp_path: Path) -> None:
    """The first check waits until ComfyUI has said something; of two faults the one that is looked at first is told."""
    go, ffmpeg = tmp_path / "go", tmp_path / "ffmpeg"
    ffmpeg.write_text(f"#!/bin/sh\nwhile [ ! -e {go} ]; do sleep 0.05; done\nexit 1\n")
    ffmpeg.chmod(0o755)
    faults = {"IMAGEIO_FFMPEG_EXE": str(ffmpeg), "MIN_DISK_GB": "1000000", "LOG_LEVEL": "DEBUG"}
    environment = {**environment_of(settings, tmp_path), **faults}
    with ControlPlane() as plane, Worker(plane, Bench(tmp_path), FreshProgram, **environment) as worker:
        worker.wait_for_log(lambda line: "[comfyui] " in line)
        assert len(alive_with(str(tmp_path))) > 1
        go.touch()
        assert worker.ended() == 1
        (told,) = unhealthy(plane.pings)
        assert (told["check"], told["reason"]) == ("ffmpeg", "WorkerError: ffmpeg does not run")
        assert alive_with(str(tmp_path)) == []


def test_a_worker_without_a_gpu_is_refused_on_runpod_and_leaves_no_comfyui(settings: Settings, tmp_path: Path) -> None:
    environment = environment_of(settings, tmp_path)
    with ControlPlane() as plane, Worker(plane, Bench(tmp_path), FreshProgram, **environment) as worker:
        assert worker.ended() == 1
        (told,) = unhealthy(plane.pings)
        assert (told["check"], told["reason"]) == ("comfyui", "WorkerError: No GPU can be used on this worker")
        assert alive_with(str(tmp_path)) == []


def test_a_warm_up_that_fails_stops_the_start(settings: Settings, tmp_path: Path) -> None:
    """A file of weights is there, has its name, and is damaged: no other check finds that."""
    bench = Bench(tmp_path)
    bench.picture("portrait.png", (256, 256))
    bench.voice("short.wav", [(0.6, 0.5)])
    damaged = tmp_path / "models"
    shutil.copytree(settings.model_roots[0], damaged)
    (vae,) = damaged.glob("vae/*")
    vae.write_bytes(vae.read_bytes()[:100])
    run = bench.run(SMALL, **{**environment_of(settings, tmp_path), "WARM_UP": "1", "MODEL_ROOTS": str(damaged)})
    assert run.code == 1
    assert run.reply["error"].startswith("The warm-up failed: Video generation failed: WanVideoVAELoader")
    assert alive_with(str(tmp_path)) == []
    assert list(tmp_path.rglob("*.mp4")) == []
