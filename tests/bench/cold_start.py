"""A start with a cold page cache: ComfyUI loads while 4 GB of weights are read ahead, beside each of the two alone."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import IO

from tests.bench.encoding import REPOSITORY
from tests.bench.figures import Figure
from tests.bench.real_worker import real_place
from tests.bench.start import alone
from tests.real.engine import real_environment
from worker.early_start import in_order
from worker.model_search import find_models
from worker.read_ahead import ReadAhead
from worker.settings import Settings
from workflows.models import read_models

GOAL = 1.15
TIMES = 2
# Of a file; with three of "talk" and one of each other role they are 4 GB.
BYTES = {"base": 2_200_000_000, "text_encoder": 800_000_000, "talk": 300_000_000}
OTHER_BYTES = 20_000_000
BLOCK = 1 << 24
DONE = (re.compile(r"ready for jobs "), re.compile(r"read ahead (\d+) of \1 files"))


def figures() -> Iterator[Figure]:
    """Until it takes jobs and all weights are in memory; weights and programs are cold."""
    with real_place() as tiny:
        settings = tiny.model_copy(update={"model_roots": (tiny.work_dir.parent / "weights",)})
        size = _write_weights(tiny, settings.model_roots[0])
        weights = in_order(find_models(settings)[1])
        cold = [*weights, *_programs(settings)]
        rounds = [_round(settings, weights, cold) for _ in range(TIMES)]
    both, boot, read = (median(one[part] for one in rounds) for part in range(3))
    longer = max(boot, read)
    shown = f"{both / longer:.2f} ({both:.1f} s; ComfyUI {boot:.1f} s, {size / 1e9:.1f} GB {read:.1f} s)"
    yield Figure("cold start with reading ahead, of the longer of the two alone", both / longer, shown, GOAL)


def _write_weights(tiny: Settings, root: Path) -> int:
    """Files with the names of the tiny ones and bytes that nothing can make smaller; how many bytes in all."""
    roles = {model.file: model.role for model in read_models()}
    files = [path for path in tiny.model_roots[0].glob("*/*") if path.name in roles]
    for path in files:
        target = root / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        left = BYTES.get(roles[path.name], OTHER_BYTES)
        with target.open("wb") as file:
            while left:
                left -= file.write(os.urandom(min(BLOCK, left)))
            file.flush()
            os.fsync(file.fileno())
    return sum(path.stat().st_size for path in root.glob("*/*"))


def _programs(settings: Settings) -> list[Path]:
    """What ComfyUI's start reads: its own files, and the packages of its interpreter."""
    folders = (settings.comfyui_dir, settings.comfyui_python.parent.parent)
    return [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _forget(files: Iterable[Path]) -> None:
    """Nothing of these stays in the page cache, unless a process has it mapped."""
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _round(settings: Settings, weights: list[Path], cold: list[Path]) -> tuple[float, float, float]:
    """Seconds of a worker that does both, of ComfyUI alone, and of reading alone."""
    _forget(cold)
    both = _worker(settings)
    _forget(cold)
    boot = alone(settings)
    _forget(cold)
    begun = time.monotonic()
    ahead = ReadAhead(weights)
    ahead.start()
    ahead.wait()
    return both, boot, time.monotonic() - begun


def _worker(settings: Settings) -> float:
    """Seconds of a worker's process until it has said both; then it is ended."""
    environment = {**os.environ, **real_environment(settings), "LOG_FORMAT": "text"}
    command = [sys.executable, "handler.py", "--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", "0"]
    begun = time.monotonic()
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            return _said(process.stderr) - begun
        finally:
            process.terminate()


def _said(log: IO[str]) -> float:
    """When the last of `DONE` was said."""
    waits, lines = list(DONE), list[str]()
    for line in log:
        lines.append(line)
        waits = [wait for wait in waits if not wait.search(line)]
        if not waits:
            return time.monotonic()
    raise RuntimeError(f"the worker did not start:\n{''.join(lines[-40:])}")
