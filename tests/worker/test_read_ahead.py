"""What is read before ComfyUI asks for it, and how much of it the memory has room for."""

import os
import subprocess
from pathlib import Path

import pytest

from worker.early_start import in_order
from worker.model_search import find_models
from worker.read_ahead import PIECE_BYTES, ReadAhead, free_bytes
from worker.settings import Settings
from workflows.models import read_models

SIZE = PIECE_BYTES + 4096
GIGABYTE = 1_000_000_000
MEMINFO = "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n"


def cold_file(path: Path, size: int = SIZE) -> Path:
    """A file of which the page cache has nothing; skips where the file system is memory itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(os.urandom(size))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if cached(path):
        pytest.skip("this file system keeps its files in memory")
    return path


def cached(path: Path) -> int:
    """Bytes of a file that are in the page cache."""
    command = ["fincore", "--bytes", "--noheadings", "--output", "RES", str(path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_files_are_read_in_their_order_as_far_as_there_is_room(tmp_path: Path) -> None:
    files = [cold_file(tmp_path / name, size) for name, size in (("a", SIZE), ("b", 3 * SIZE), ("c", SIZE))]
    ahead = ReadAhead([tmp_path / "none", *files], room=2 * SIZE)
    ahead.start()
    ahead.wait()
    assert [cached(path) >= path.stat().st_size for path in files] == [True, False, True]
    assert cached(files[1]) == 0, "half of a file is of little use"


def test_a_file_of_which_the_kernel_can_only_give_a_copy_is_read_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """The kernel's own are such."""
    caplog.set_level("INFO", "worker.read_ahead")
    ahead = ReadAhead([Path("/proc/self/maps")])
    ahead.start()
    ahead.wait()
    assert "read ahead 1 of 1 files" in caplog.text


def test_nothing_is_read_once_it_is_stopped(tmp_path: Path) -> None:
    path = cold_file(tmp_path / "a")
    ahead = ReadAhead([path], room=SIZE)
    ahead.stop()
    ahead.start()
    ahead.wait()
    assert cached(path) == 0


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 8_192_000_000),
        ({"memory.max": "max", "memory.current": "5", "memory.stat": ""}, 8_192_000_000),
        ({"memory.max": 9, "memory.current": 8, "memory.stat": "anon 1\ninactive_file 3000000000\n"}, 4 * GIGABYTE),
        ({"memory.max": 8, "memory.current": 9, "memory.stat": "inactive_file 0\n"}, 0),
        (
            {
                "memory/memory.limit_in_bytes": 9,
                "memory/memory.usage_in_bytes": 8,
                "memory/memory.stat": "inactive_file 7\ntotal_inactive_file 2000000000\n",
            },
            3 * GIGABYTE,
        ),
    ],
    ids=["no container", "no limit", "version 2", "nothing left", "version 1"],
)
def test_what_is_free_is_what_the_container_leaves(tmp_path: Path, files: dict[str, object], free: int) -> None:
    (tmp_path / "meminfo").write_text(MEMINFO)
    for name, value in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{value * GIGABYTE if isinstance(value, int) else value}")
    assert free_bytes(tmp_path / "meminfo", tmp_path) == free


def test_a_kernel_that_tells_nothing_leaves_no_room(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "meminfo", tmp_path) == 0


def test_every_file_of_a_job_has_its_place_in_the_order(tmp_path: Path) -> None:
    models = [model for model in read_models() if model.variant in (None, "q4_k_m", "default")]
    for model in models:
        (tmp_path / model.folder).mkdir(exist_ok=True)
        (tmp_path / model.folder / model.file).touch()
    _, files = find_models(Settings.model_validate({"model_roots": (tmp_path,), "comfyui_dir": tmp_path}))
    roles = {model.file: model.role for model in models}
    order = list(dict.fromkeys(roles[path.name] for path in in_order(files)))
    assert order == ["wav2vec", "text_encoder", "clip_vision", "vae", "speed_lora", "base", "talk"]
