"""`python -m endpoint` as a user starts it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.programs import REPOSITORY
from tests.serverless.processes import Process, descendants

PATIENCE = 120.0
END_SECONDS = 60.0


@dataclass
class RunningEndpoint:
    """One process with its workers."""

    process: subprocess.Popen[str]
    api: str
    log: list[str] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def wait_for_log(self, part: str) -> str:
        """The first line that has this; AssertionError where none comes."""

        def look() -> list[str]:
            return [line for line in self.log if part in line]

        with self.news:
            found = self.news.wait_for(lambda: look() or self.process.poll() is not None, PATIENCE)
        assert found, self.log
        assert look(), self.log
        return look()[0]

    def read(self) -> None:
        """Keep what it writes until its end."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.news:
                self.log.append(line.rstrip())
                self.news.notify_all()
        with self.news:
            self.news.notify_all()

    def post(self, what: str, body: object = None) -> dict[str, Any]:
        """A caller's request."""
        answer = requests.post(f"{self.api}/{what}", json=body, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def status(self, job_id: str) -> dict[str, Any]:
        """What /status tells."""
        found: dict[str, Any] = requests.get(f"{self.api}/status/{job_id}", timeout=PATIENCE).json()
        return found

    def family(self) -> list[Process]:
        """Everything that it has started, and what that has. The caller closes them."""
        found = []
        for number in descendants(self.process.pid):
            with contextlib.suppress(OSError):
                found.append(Process(number))
        return found


@contextlib.contextmanager
def running_endpoint(folder: Path, *options: str, **environment: str) -> Iterator[RunningEndpoint]:
    """On a free port, with the simulator; ends with the block, and must end well unless it was killed."""
    command = [sys.executable, "-m", "endpoint", "--port", "0", "--folder", str(folder / "store"), *options]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RUNPOD_", "S3_", "AWS_"))}
    settings = {**clean, "SIMULATOR_SPEED": "0", "MIN_DISK_GB": "0", "TMPDIR": str(folder), **environment}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=REPOSITORY, env=settings, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    running = RunningEndpoint(process, first.rsplit(" ", 1)[-1].strip())
    reader = threading.Thread(target=running.read)
    reader.start()
    try:
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = process.wait(END_SECONDS)
        reader.join()
        process.stdout.close()
        assert process.stderr is not None
        process.stderr.close()
    assert code in (0, -signal.SIGKILL), running.log
