"""The stand-ins at full size beside what ComfyUI and the node pack build for them, without values or running."""

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LORA = "loras/lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors"


def _script(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [os.environ["COMFYUI_PYTHON"], str(REPOSITORY / "scripts" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Headers and sizes; the files are holes."""
    folder = tmp_path_factory.mktemp("full")
    made = _script("make_tiny_models.py", str(folder), "--full-size", "--holes")
    assert made.returncode == 0, made.stderr
    return folder


def test_the_files_have_the_real_sizes_and_take_no_room(full_size: Path) -> None:
    sizes = {file.name: file.stat() for file in full_size.glob("*/*")}
    assert 32e9 < sum(size.st_size for size in sizes.values()) < 35e9
    assert sum(size.st_blocks * 512 for size in sizes.values()) < 10e6


def test_every_tensor_fits_the_structure_that_is_built_for_it(full_size: Path) -> None:
    checked = _script("check_models.py", os.environ["COMFYUI_DIR"], str(full_size))
    assert checked.returncode == 0, checked.stdout + checked.stderr[-2000:]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    nowhere = _script("check_models.py", str(tmp_path), str(tmp_path))
    assert (nowhere.returncode, f"{tmp_path} is no ComfyUI with " in nowhere.stderr) == (2, True)
    nothing = _script("check_models.py", os.environ["COMFYUI_DIR"], str(tmp_path))
    assert (nothing.returncode, f"{tmp_path} lacks diffusion_models/" in nothing.stderr) == (2, True)


def test_files_of_another_size_are_told(full_size: Path, tmp_path: Path) -> None:
    made = _script("make_tiny_models.py", str(tmp_path), "--holes")
    assert made.returncode == 0, made.stderr
    (tmp_path / LORA).unlink()
    (tmp_path / LORA).symlink_to(full_size / LORA)
    checked = _script("check_models.py", os.environ["COMFYUI_DIR"], str(tmp_path))
    assert checked.returncode == 1
    assert "umt5_xxl_fp8_e4m3fn_scaled.safetensors: shared.weight is (512, 4096), not (256384, 4096)" in checked.stdout
