"""Where the jobs go: a worker of this repository, started for the bench, or an endpoint of RunPod."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

REPOSITORY = Path(__file__).resolve().parents[2]
NODES = Path(__file__).parent / "nodes"
TINY_NODES = REPOSITORY / "tests/real/nodes"
POLL_SECONDS, STOP_SECONDS = 2.0, 30.0
SPEED_SETTINGS = (
    "ATTENTION_MODE",
    "BASE_PRECISION",
    "FORCE_OFFLOAD",
    "READ_AHEAD",
    "TALK_MODEL",
    "VAE_PRECISION",
    "WARM_UP",
    "WAV2VEC_PRECISION",
)
ENDPOINTS = "https://api.runpod.ai/v2"
OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")


class JobError(Exception):
    """The job did not end well; the text is the worker's own."""


@dataclass(frozen=True)
class Place:
    """A server of RunPod's protocol. `probe` is the file that the probe writes to, where there is one."""

    url: str
    key: str | None = None
    pid: int | None = None
    probe: Path | None = None
    start_seconds: float | None = None

    def run(self, job: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a job and wait for its reply.

        Raises:
            JobError: it failed, or took longer than `seconds`.
        """
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        deadline, ask = time.monotonic() + seconds, "GET" if self.key else "POST"
        policy = {"executionTimeout": round(seconds * 1000)}
        with requests.Session() as http:
            http.trust_env = self.key is not None
            http.headers.update(headers)
            sent = http.post(f"{self.url}/run", json={"input": job, "policy": policy}, timeout=60)
            sent.raise_for_status()
            while time.monotonic() < deadline:
                # The SDK's own server takes POST here and runs the job meanwhile; RunPod takes GET and answers at once.
                left = max(deadline - time.monotonic(), 1.0)
                try:
                    answer = http.request(ask, f"{self.url}/status/{sent.json()['id']}", timeout=left)
                except requests.Timeout:
                    break
                answer.raise_for_status()
                told = answer.json()
                if told.get("status") in OVER:
                    return _reply(told)
                time.sleep(POLL_SECONDS)
        raise JobError(f"no end within {seconds:.0f} s")

    def records(self) -> list[dict[str, Any]]:
        """What the probe has written so far."""
        if self.probe is None or not self.probe.exists():
            return []
        return [json.loads(line) for line in self.probe.read_text(encoding="utf-8").splitlines()]


def _reply(told: dict[str, Any]) -> dict[str, Any]:
    output = told.get("output") or {}
    if told["status"] != "COMPLETED" or output.get("error"):
        raise JobError(str(told.get("error") or output.get("error") or told["status"]))
    return dict(output)


def speed_settings() -> dict[str, str]:
    """What the environment tells a local worker that its speed depends on; what it leaves out is as by default."""
    return {name: os.environ[name] for name in SPEED_SETTINGS if os.environ.get(name)}


def endpoint(name: str) -> Place:
    """A RunPod endpoint by its id; RUNPOD_API_KEY is the key."""
    return Place(f"{ENDPOINTS}/{name}", key=os.environ["RUNPOD_API_KEY"])


@contextlib.contextmanager
def local_worker(comfyui: Path, python: Path, models: Path, folder: Path, *, tiny: bool) -> Iterator[Place]:
    """The worker of this repository on this machine's ComfyUI, with the probe in it, for as long as the block lasts.

    Args:
        comfyui: the folder of ComfyUI, with its node pack.
        python: the interpreter to start ComfyUI with.
        models: ComfyUI's models folder.
        folder: takes its files and its log, worker.log.
        tiny: whether the weights are the tiny ones.

    Raises:
        JobError: it did not start; its log says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    probe, port = folder / "probe.jsonl", _free_port()
    probe.unlink(missing_ok=True)
    environment = _environment(folder, probe, tiny=tiny) | {
        "COMFYUI_DIR": str(comfyui),
        "COMFYUI_PYTHON": str(python),
        "MODEL_ROOTS": str(models),
    }
    begun = time.monotonic()
    command = [sys.executable, "-u", "handler.py", "--rp_serve_api", "--rp_api_port", str(port)]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=subprocess.STDOUT)
    with Ended(process):
        _wait_for(port, process)
        url, took = f"http://127.0.0.1:{port}", time.monotonic() - begun
        yield Place(url, pid=process.pid, probe=probe, start_seconds=round(took, 1))


def _environment(folder: Path, probe: Path, *, tiny: bool) -> dict[str, str]:
    """The worker's, save what names its ComfyUI: this process's own, with the nodes of the bench."""
    packs, folders = ("gpu_probe", "tiny_configs")[: 1 + tiny], (NODES, TINY_NODES)[: 1 + tiny]
    return {
        **os.environ,
        "COMFYUI_NODE_PACKS": ":".join(packs),
        "COMFYUI_NODE_FOLDERS": ":".join(map(str, folders)),
        "GPU_PROBE_LOG": str(probe),
        "WORK_DIR": str(folder / "work"),
        "OUTPUT_DIR": str(folder / "videos"),
        "STORAGE": "local",
        "STALL_SECONDS": "1800",
        "LOG_FORMAT": "text",
        "LOG_LEVEL": "DEBUG",
    }


class Ended:
    """Ends the process with the `with` block."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        killer = threading.Timer(STOP_SECONDS, self._process.kill)
        killer.start()
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        killer.cancel()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise JobError(f"the worker ended with {process.returncode} before it took a job")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
