"""A worker that serves the SDK's local API, and a bench whose jobs go there."""

import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.programs import HANDLER, Program
from tests.worker.bench import LONGEST_SECONDS, Bench, Run

LOOK_SECONDS = 0.05


@contextmanager
def serving_api(bench: Bench, port: int) -> Iterator[Program]:
    """`python handler.py --rp_serve_api` on a port of this machine."""
    arguments = ("--rp_serve_api", "--rp_api_port", str(port), "--rp_api_host", "127.0.0.1")
    with (bench.folder / "api.log").open("w") as log:
        process = Program(HANDLER, *arguments, environment=bench.environment, stdout=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=30)


@dataclass
class ApiBench(Bench):
    """One whose jobs go to one worker, through its local API."""

    url: str = ""

    def run(self, job_input: dict[str, Any], beside: Mapping[str, Any] | None = None, /, **environment: str) -> Run:
        """As `Bench.run`, with the settings that the worker was started with."""
        assert not environment
        job = {"input": job_input, **(beside or {})}
        answer = requests.post(f"{self.url}/runsync", json=job, timeout=LONGEST_SECONDS)
        body: dict[str, Any] = answer.json()
        log = (self.folder / "api.log").read_text()
        return Run(0 if body["status"] == "COMPLETED" else 1, body.get("output", {}), log, answer.text)


@contextmanager
def api_bench(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[ApiBench]:
    """A running one, in a folder that is made where there is none."""
    folder.mkdir(exist_ok=True)
    bench = ApiBench(folder, dict(environment or {}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    bench.url = f"http://127.0.0.1:{port}"
    with serving_api(bench, port) as process:
        while process.poll() is None:
            try:
                requests.get(bench.url, timeout=LONGEST_SECONDS)
            except requests.ConnectionError:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_SECONDS)
                continue
            yield bench
            return
    raise AssertionError((folder / "api.log").read_text())
