"""`make facts` as it is called, with the simulator in place of a ComfyUI."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.engine import REPOSITORY
from workflows.models import read_models

VERSIONS, INTERRUPTED = "tests/simulator/recorded_with.json", "tests/simulator/traces/interrupted.json"
OTHER_COMMIT = "1234567890" * 4
START = """
import os, sys
port = sys.argv[sys.argv.index("--port") + 1]
os.chdir({repository!r})
os.execv(sys.executable, [sys.executable, "-m", "simulator", "--port", port, "--speed", "0", *{arguments!r}])
"""


def comfyui(folder: Path, *arguments: str) -> Path:
    """What looks like a checkout, and starts the simulator; beside it, models of no size."""
    (folder / "comfyui").mkdir()
    (folder / "comfyui/main.py").write_text(START.format(repository=str(REPOSITORY), arguments=arguments))
    for model in read_models():
        path = folder / "models" / model.folder / model.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder / "comfyui"


def record(folder: Path, checkout: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tests.recording", str(checkout), sys.executable, "--keep", str(folder / "kept")],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "TINY_MODELS": str(folder / "models"), "TMPDIR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def kept(folder: Path) -> set[str]:
    """The recordings that differ, less the one that needs a slower server."""
    files = {path.relative_to(folder / "kept").as_posix() for path in (folder / "kept").rglob("*.json")}
    return files - {INTERRUPTED}


def test_what_differs_is_shown_and_kept(tmp_path: Path) -> None:
    commits = {"COMFYUI_COMMIT": OTHER_COMMIT, "WANVIDEOWRAPPER_COMMIT": OTHER_COMMIT}
    done = record(tmp_path, comfyui(tmp_path), **commits)
    assert done.returncode == 1, done.stdout + done.stderr
    assert kept(tmp_path) == {VERSIONS}
    assert f'+ "ComfyUI commit": "{OTHER_COMMIT}",' in done.stdout
    assert json.loads((tmp_path / "kept" / VERSIONS).read_text())["ComfyUI commit"] == OTHER_COMMIT
    assert "simulator/object_info.json: the same" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        ((), {}, "set COMFYUI_COMMIT to its commit"),
        (("--no-such-flag",), {"COMFYUI_COMMIT": "a", "WANVIDEOWRAPPER_COMMIT": "b"}, "exit code 2"),
    ],
    ids=["no_commit", "no_start"],
)
def test_a_recording_that_ends_early_says_why(
    arguments: tuple[str, ...], environment: dict[str, str], told: str, tmp_path: Path
) -> None:
    done = record(tmp_path, comfyui(tmp_path, *arguments), **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert told in done.stdout


def test_without_a_comfyui_it_says_what_it_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.recording", "", ""], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "COMFYUI_DIR must be a ComfyUI" in done.stderr
