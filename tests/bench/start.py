"""A worker's start on a real ComfyUI, beside that of ComfyUI alone."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from comfy_client.model_paths import write_extra_model_paths
from comfy_client.server import ComfyInstall, EngineProcess, comfyui_command
from contract.cancel import Cancellation
from tests.bench.encoding import REPOSITORY
from tests.bench.figures import Figure
from tests.real.engine import real_settings, tiny_models
from worker.early_start import WRAPPER, own_node_folder
from worker.model_search import find_models
from worker.settings import Settings

GOAL = 1.15
TIMES = 3
WAIT_SECONDS = 600.0
NEEDS = ("COMFYUI_DIR", "COMFYUI_PYTHON")
READY = re.compile(r"ready for jobs ([\d.]+) s after the start")
ANSWERS = re.compile(r"comfyui answers ([\d.]+) s after its start")


def figures() -> Iterator[Figure]:
    """Start to ready, of ComfyUI's own start: in the same start, and by itself in turns with it."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(os.environ["COMFYUI_PYTHON"])
        models = tiny_models(python, Path(os.environ.get("TINY_MODELS") or Path(folder, "models")))
        settings = real_settings(Path(os.environ["COMFYUI_DIR"]), python, models, Path(folder))
        _alone(settings)  # what is on the disk comes out of memory from now on
        starts, alone = zip(*((_worker(settings), _alone(settings)) for _ in range(TIMES)), strict=True)
    ready, own = (median(one[part] for one in starts) for part in (0, 1))
    by_itself = median(alone)
    shown = f"{ready / own:.2f} ({ready:.1f} of {own:.1f} s)"
    yield Figure("start to ready, of ComfyUI's own part of it", ready / own, shown, GOAL)
    shown = f"{ready / by_itself:.2f} ({ready:.1f} of {by_itself:.1f} s)"
    yield Figure("start to ready, of ComfyUI by itself", ready / by_itself, shown)


def _worker(settings: Settings) -> tuple[float, float]:
    """Seconds of a worker's process until it takes jobs, and of ComfyUI until it answers, in the same start."""
    fields = ("comfyui_dir", "comfyui_python", "work_dir", "output_dir")
    places = {name.upper(): str(getattr(settings, name)) for name in fields}
    places |= {"MODEL_ROOTS": f"{settings.model_roots[0]}", "INPUT_ROOTS": f"{REPOSITORY / 'examples'}"}
    nodes = {"COMFYUI_NODE_PACKS": ":".join(settings.comfyui_node_packs)}
    nodes["COMFYUI_NODE_FOLDERS"] = ":".join(map(str, settings.comfyui_node_folders))
    job = json.dumps({"input": {"dry_run": True, "image_url": "portrait.png", "audio_urls": ["hello.wav"]}})
    command = [sys.executable, "handler.py", "--test_input", job]
    environment = {**os.environ, **places, **nodes, "LOG_FORMAT": "text", "ENGINE": "comfyui"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    ready, answers = READY.search(done.stderr), ANSWERS.search(done.stderr)
    if not (ready and answers):
        raise RuntimeError(f"the worker did not start:\n{done.stderr[-3000:]}")
    return float(ready[1]), float(answers[1])


def _alone(settings: Settings) -> float:
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
