"""`make setup` installs a lock as it was written: a package whose bytes are others, or are not told, is refused. What
starts a real ComfyUI shares the processors with it, and `make demo` takes any names of files."""

import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "tiny_package-1.0-py3-none-any.whl"
FILES = {
    "tiny_package.py": "",
    "imageio_ffmpeg.py": "def get_ffmpeg_exe():\n    return '/bin/true'\n",  # which the Makefile links
    "tiny_package-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0\n",
    "tiny_package-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny_package-1.0.dist-info/RECORD": "".join(f"{name},,\n" for name in ("tiny_package.py", "imageio_ffmpeg.py")),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What `make setup` reads, and a wheel to install."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    shutil.copytree(REPOSITORY / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("*.py", "gpu"))
    with zipfile.ZipFile(tmp_path / NAME, "w") as wheel:
        for name, text in FILES.items():
            wheel.writestr(name, text)
    return tmp_path


def _setup(folder: Path, lock: str) -> subprocess.CompletedProcess[str]:
    (folder / "requirements.txt").write_text(f"tiny-package==1.0 {lock}\n", encoding="utf-8")
    places = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}
    command = ["make", "--no-print-directory", "setup"]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **places}, capture_output=True, text=True, check=False, timeout=240
    )


@pytest.mark.slow
def test_only_the_bytes_of_the_lock_are_installed(folder: Path) -> None:
    right = hashlib.sha256((folder / NAME).read_bytes()).hexdigest()
    for lock, told in (("", "Hashes are required"), (f"--hash=sha256:{'0' * 64}", "DO NOT MATCH THE HASHES")):
        done = _setup(folder, lock)
        assert done.returncode != 0
        assert told in done.stderr
        assert not list((folder / ".venv").glob("lib/python*/site-packages/tiny_package.py"))
    done = _setup(folder, f"--hash=sha256:{right}")
    assert done.returncode == 0, done.stderr
    assert list((folder / ".venv").glob("lib/python*/site-packages/tiny_package.py"))


@pytest.mark.parametrize("target", ["test-real", "test-real-long", "facts"])
def test_a_real_comfyui_and_its_tests_do_not_spin_each_other_to_a_standstill(target: str) -> None:
    """Two torch processes on the same processors: their threads must not spin while they wait."""
    done = subprocess.run(["make", "-n", target], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    started = [line for line in done.stdout.splitlines() if " -m pytest " in line or " -m tests.recording " in line]
    assert started
    assert all(line.startswith("OMP_WAIT_POLICY=passive ") for line in started)


@pytest.mark.parametrize("voices", [["my voice.ogg"], ["a.wav", "b.wav"], []], ids=" and ".join)
def test_the_demo_takes_names_with_blanks_and_several_voices(folder: Path, voices: list[str]) -> None:
    for name in voices:
        (folder / name).touch()
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    python.chmod(0o755)
    command = ["make", "-s", "--old-file=setup", "demo", "IMAGE=my face.jpg", f"AUDIO={' '.join(voices)}"]
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    given = "".join(f"<{name}>" for name in ("my face.jpg", *voices))
    assert printed == f"<-m><talking_video><run>{given}<--local><-o><output/demo.mp4>"
