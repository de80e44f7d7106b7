"""The look at the GPU: what it says of SageAttention, and where what Triton compiles for it lies."""

import subprocess
import sys
from pathlib import Path

import pytest

from comfy_client.gpu import probe_gpu
from comfy_client.server import ComfyInstall, comfyui_command
from tests.serverless.disks import small_disk

TORCH = """
import types
__version__, float16 = "2.9.1+cu128", None
card = types.SimpleNamespace(name="RTX 4090", total_memory=25.4e9, major=8, minor=9)
cuda = types.SimpleNamespace(
    is_available=lambda: True, get_device_properties=lambda _: card, synchronize=lambda: None
)
randn = lambda *_, **__: None
isfinite = lambda _: types.SimpleNamespace(all=lambda: True)
"""
SAGE = """
import os, subprocess
def sageattn(*_):
    {happens}
"""
COMPILES = 'os.makedirs(os.environ["TRITON_CACHE_DIR"]); open(os.environ["TRITON_CACHE_DIR"] + "/code", "w").close()'


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter with a torch that sees a card, and without SageAttention."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "torch.py").write_text(TORCH, encoding="utf-8")
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path}/packages exec {sys.executable} -S "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


def install_sage(python: Path, happens: str) -> None:
    (python.parent / "packages" / "sageattention.py").write_text(SAGE.format(happens=happens), encoding="utf-8")


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        ('raise OSError(30, "Read-only file system", "/home/worker/.triton")', "OSError: [Errno 30] Read-only file"),
        ('raise subprocess.CalledProcessError(1, "gcc")', "CalledProcessError: Command 'gcc'"),
        ('raise RuntimeError("no kernel image\\\\nCompile with more")', "RuntimeError: no kernel image"),
        ("import triton", "ModuleNotFoundError(\"No module named 'triton'\")"),
        (None, None),
    ],
    ids=["no-place", "no-compiler", "no-kernel", "no-triton", "not-installed"],
)
def test_why_sage_attention_is_left_out_is_told(
    python: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, happens: str | None, said: str | None
) -> None:
    """Jobs take longer without it."""
    if happens:
        install_sage(python, happens)
    facts = probe_gpu(python, tmp_path / "cache")
    assert (facts.name, facts.sage) == ("RTX 4090", False)
    assert [line.startswith(f"SageAttention does not work here: {said}") for line in caplog.messages] == [True] * bool(
        said
    )


@pytest.fixture
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None that could be made."""
    (tmp_path / "file").touch()
    monkeypatch.delenv("TRITON_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))


def cache_of(python: Path, state: Path) -> str:
    """What ComfyUI would be told of it; empty where that is nothing."""
    command = comfyui_command(ComfyInstall(state, python, state, state, (), cpu=False))
    shown = ("/bin/sh", "-c", 'echo "$TRITON_CACHE_DIR"')
    words = [shown if word == str(python) else (word,) for word in command.arguments]
    flat = [part for word in words for part in word]
    return subprocess.run(flat, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.usefixtures("no_home")
def test_without_a_home_that_can_be_written_it_works_all_the_same(python: Path, tmp_path: Path) -> None:
    """As in a container with a root that cannot be written, and something to write mounted at WORK_DIR."""
    install_sage(python, COMPILES)
    assert probe_gpu(python, tmp_path).sage
    assert (tmp_path / "triton" / "code").is_file()
    assert cache_of(python, tmp_path) == f"{tmp_path}/triton"


@pytest.mark.usefixtures("no_home")
def test_where_it_was_told_to_it_lies(python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", "/mine")
    assert cache_of(python, tmp_path) == "/mine"


def test_where_nothing_may_run_it_does_not_lie(python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker mounts a --tmpfs without leave to run what is on it. Where no place gives it, Triton itself says why."""
    monkeypatch.delenv("TRITON_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_of(python, tmp_path / "state") == "", "the home outlives a worker"
    with small_disk(tmp_path / "home", "1m") as home:
        subprocess.run(["mount", "-o", "remount,noexec", str(home)], check=True)
        monkeypatch.setenv("HOME", str(home))
        assert cache_of(python, tmp_path / "state") == f"{tmp_path}/state/triton"
        assert cache_of(python, home / "state") == ""
