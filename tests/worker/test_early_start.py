"""What keeps ComfyUI from being started at all is told as a sentence that names the place or the setting."""

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from contract.errors import ErrorCode, Stage, WorkerError
from worker.early_start import EarlyComfyUI, volumes_of
from worker.settings import Settings
from workflows.models import read_models


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Of a machine with all models, and a ComfyUI that ends at once."""
    for model in read_models():
        place = tmp_path / "models" / model.folder / model.file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    (tmp_path / "comfyui" / "custom_nodes").mkdir(parents=True)
    return {
        "model_roots": (tmp_path / "models",),
        "comfyui_dir": tmp_path / "comfyui",
        "comfyui_python": Path("/bin/true"),
        "work_dir": tmp_path / "work",
        "read_ahead": False,
    }


def start(settings: dict[str, Any]) -> None:
    chosen = Settings(**settings)
    with closing(EarlyComfyUI(chosen, volumes_of(chosen))) as early:
        early.begin()
        early.modes()


@pytest.mark.parametrize("name", ["comfyui", "comfyui/models", "comfyui/nodes", "comfyui/user"])
def test_a_work_folder_with_something_else_in_it_is_named(settings: dict[str, Any], name: str) -> None:
    """As another worker of this machine may have left it."""
    place = settings["work_dir"] / name
    place.parent.mkdir(parents=True)
    place.touch()
    with pytest.raises(WorkerError) as caught:
        start(settings)
    error = caught.value
    assert (error.code, error.stage) == (ErrorCode.WORKER_UNFIT, Stage.START)
    assert error.message.startswith("ComfyUI's folders in WORK_DIR cannot be made: ")
    assert f"by user {os.geteuid()} of group {os.getegid()}" in error.message
    assert error.message.endswith(f"mv {place} {place}.old")


def test_a_folder_of_node_packs_that_is_not_there_is_named(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(
        WorkerError, match=f"COMFYUI_NODE_FOLDERS names what is no folder here: {tmp_path}/absent$"
    ) as caught:
        start({**settings, "comfyui_node_folders": (tmp_path / "comfyui", tmp_path / "absent")})
    assert caught.value.code is ErrorCode.SETTINGS_INVALID


def test_a_node_pack_that_is_nowhere_is_named(
    settings: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "comfyui" / "custom_nodes" / "there").mkdir()
    start({**settings, "comfyui_node_packs": ("there", "nowhere")})
    (said,) = [line for line in caplog.messages if "COMFYUI_NODE_PACKS" in line]
    assert said == f"COMFYUI_NODE_PACKS names nowhere, which is in none of {tmp_path}/comfyui/custom_nodes"
