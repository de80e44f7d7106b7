"""A real ComfyUI of this machine with tiny weights: what it needs, and its settings."""

import subprocess
from pathlib import Path

from worker.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
SEPARATION = "voice_separation"  # came later than the others
TINY_NODES = ("tiny_configs", "frame_probe")


def tiny_models(python: Path, folder: Path) -> Path:
    """The folder, with the tiny weights in it: they are made where it has none."""
    make = [str(python), str(REPOSITORY / "scripts/make_tiny_models.py"), str(folder)]
    if not any(folder.glob("*/*.gguf")):
        subprocess.run(make, check=True)
    elif not (folder / SEPARATION).is_dir():
        subprocess.run([*make, "--only", SEPARATION], check=True)
    return folder


def real_settings(comfyui: Path, python: Path, models: Path, work: Path) -> Settings:
    """Of a worker with a ComfyUI in `comfyui`, its interpreter, the tiny weights, and a folder for everything else."""
    return Settings(
        comfyui_dir=comfyui,
        comfyui_python=python,
        comfyui_node_packs=TINY_NODES,
        comfyui_node_folders=(REPOSITORY / "tests/real/nodes",),
        model_roots=(models,),
        model_cache=models / "none",
        work_dir=work / "work",
        output_dir=work / "output",
        load_seconds=1800,
        stall_seconds=900,
    )


def real_environment(settings: Settings) -> dict[str, str]:
    """What the process of a worker needs to have these settings."""
    fields = ("comfyui_dir", "comfyui_python", "model_cache", "work_dir", "output_dir", "load_seconds", "stall_seconds")
    return {
        **{name.upper(): str(getattr(settings, name)) for name in fields},
        "ENGINE": "comfyui",
        "MODEL_ROOTS": ":".join(map(str, settings.model_roots)),
        "COMFYUI_NODE_PACKS": ":".join(settings.comfyui_node_packs),
        "COMFYUI_NODE_FOLDERS": ":".join(map(str, settings.comfyui_node_folders)),
    }
