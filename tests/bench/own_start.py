"""What the worker itself takes until it asks for its first job: a server is running, and has nothing to load."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import requests

from tests.bench.encoding import REPOSITORY
from tests.bench.figures import Figure
from tests.programs import SIMULATOR, FreshProgram
from tests.serverless.control_plane import ControlPlane
from tests.serverless.worker import Worker
from tests.worker.bench import Bench

GOAL = 0.8  # seconds
TIMES = 7
WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.05


def figures() -> Iterator[Figure]:
    """Of starts in the SDK's production mode, after one whose files come from the disk."""
    with tempfile.TemporaryDirectory() as folder, _simulator(Path(folder)) as url:
        _start(Path(folder), url)
        starts = [_start(Path(folder), url) for _ in range(TIMES)]
    seconds, processor = (median(one[part] for one in starts) for part in (0, 1))
    shown = f"{seconds:.2f} s, {processor:.2f} s of processor"
    yield Figure("seconds from the worker's start to its first job-take, beside a running server", seconds, shown, GOAL)


def _start(folder: Path, url: str) -> tuple[float, float]:
    """Seconds of one start, and seconds of processor in it."""
    with ControlPlane() as plane:
        begun = time.monotonic()
        with Worker(plane, Bench(folder), FreshProgram, ENGINE="comfyui", COMFYUI_URL=url) as worker:
            plane.wait_until_asked()
            seconds = time.monotonic() - begun
            fields = Path(f"/proc/{worker.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return seconds, sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _simulator(folder: Path) -> Iterator[str]:
    """The URL of one that runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, environment = f"http://127.0.0.1:{port}", {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(REPOSITORY)}
    process = FreshProgram(SIMULATOR, "--port", str(port), environment=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(round(WAIT_SECONDS / LOOK_SECONDS)):
            try:
                requests.get(f"{url}/prompt", timeout=WAIT_SECONDS)
                break
            except requests.ConnectionError:
                time.sleep(LOOK_SECONDS)
        yield url
    finally:
        process.terminate()
        process.wait(WAIT_SECONDS)
