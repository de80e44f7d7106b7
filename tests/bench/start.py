"""A worker's start on a real ComfyUI, beside that of ComfyUI alone."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from statistics import median

from comfy_client.model_paths import write_extra_model_paths
from comfy_client.server import ComfyInstall, EngineProcess, comfyui_command
from contract.cancel import Cancellation
from tests.bench.encoding import REPOSITORY
from tests.bench.figures import Figure
from tests.bench.real_worker import real_place
from tests.real.engine import real_environment
from worker.early_start import WRAPPER, own_node_folder
from worker.model_search import find_models
from worker.settings import Settings

GOAL = 1.15
TIMES = 3
WAIT_SECONDS = 600.0
READY = re.compile(r"ready for jobs ([\d.]+) s after the start")
ANSWERS = re.compile(r"comfyui answers ([\d.]+) s after its start")


def figures() -> Iterator[Figure]:
    """Start to ready, in turns with ComfyUI that has the machine for itself. There is no GPU, and nobody probes one.

    Both have the same node packs, models and switches. The goal is held against ComfyUI alone: beside the worker its
    own part takes longer, which would flatter the worker.
    """
    with real_place() as settings:
        alone(settings)  # what is on the disk comes out of memory from now on
        starts, by_itself = zip(*((worker(settings), alone(settings)) for _ in range(TIMES)), strict=True)
    ready, own, plain = median(one[0] for one in starts), median(one[1] for one in starts), median(by_itself)
    shown = f"{ready / plain:.2f} ({ready:.1f} of {plain:.1f} s; ComfyUI's own part beside the worker {own:.1f} s)"
    yield Figure("start to ready, of ComfyUI's start by itself", ready / plain, shown, GOAL)


def worker(settings: Settings, **more: str) -> tuple[float, float]:
    """Seconds of a worker's process until it takes jobs, and of ComfyUI until it answers, in the same start."""
    job = json.dumps({"input": {"dry_run": True, "image_url": "portrait.png", "audio_urls": ["hello.wav"]}})
    command = [sys.executable, "handler.py", "--test_input", job]
    sources = {"INPUT_ROOTS": f"{REPOSITORY / 'examples'}", "LOG_FORMAT": "text"}
    environment = {**os.environ, **real_environment(settings), **sources, **more}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    ready, answers = READY.search(done.stderr), ANSWERS.search(done.stderr)
    if done.returncode or not (ready and answers):
        raise RuntimeError(f"the worker did not start:\n{done.stderr[-3000:]}")
    return float(ready[1]), float(answers[1])


def alone(settings: Settings) -> float:
    """Seconds of ComfyUI until it answers, with nothing beside it."""
    install = ComfyInstall(
        folder=settings.comfyui_dir,
        python=settings.comfyui_python,
        state=settings.work_dir / "alone",
        frames=settings.work_dir,
        node_packs=(WRAPPER, "comfy_nodes", *settings.comfyui_node_packs),
        cpu=True,
    )
    install.state.mkdir(parents=True, exist_ok=True)
    folders = (own_node_folder(install.state), *settings.comfyui_node_folders)
    write_extra_model_paths(find_models(settings)[1], folders, install.search_paths)
    with EngineProcess(comfyui_command(install)) as process:
        return process.wait_until_ready(WAIT_SECONDS, Cancellation())
