"""The ComfyUI process: started in its own process group, its log drained, ended with the worker."""

import collections
import contextlib
import logging
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import requests

from comfy_client.compiled import with_triton_cache
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
STOP_SECONDS = 10
LAST_WORDS_SECONDS = 1.0
KEPT_LINES = 200
# Nothing in there needs them, and what it says in an error goes to callers.
NOT_FOR_ENGINES = (
    *("RUNPOD_AI_API_KEY", "RUNPOD_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"),
    *("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "BUCKET_ACCESS_KEY_ID", "BUCKET_SECRET_ACCESS_KEY"),
    *("C2PA_CERT", "C2PA_KEY"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)
# What Python says when the thread that runs the prompts ends by an error that is no Exception: HTTP goes on answering,
# and no prompt runs any more (docs/facts/comfyui.md#errors-of-a-node).
THREAD_DIED = re.compile(r"Exception in thread .*\(prompt_worker\)")
REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class EngineCommand:
    """A program that serves ComfyUI's protocol on `port` of this machine."""

    name: str
    arguments: tuple[str, ...]
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Where it will answer."""
        return f"http://127.0.0.1:{self.port}"


def simulator_command(speed: float, faults: Sequence[str] = ()) -> EngineCommand:
    """The stand-in, with this interpreter; `faults` as its `--fault` takes them."""
    port = _free_port()
    shown = tuple(text for fault in faults for text in ("--fault", fault))
    arguments = (sys.executable, "-m", "simulator", "--port", str(port), "--speed", f"{speed:g}", *shown)
    return EngineCommand("simulator", arguments, REPOSITORY, port)


@dataclass(frozen=True)
class ComfyInstall:
    """A ComfyUI on this machine. `state` takes its input, output, temp and user folders and its search paths.

    Frames below `frames` are saved by our node pack, away from the sampler.
    """

    folder: Path
    python: Path
    state: Path
    frames: Path
    node_packs: tuple[str, ...]
    cpu: bool

    @property
    def search_paths(self) -> Path:
        """The extra_model_paths file."""
        return self.state / "extra_model_paths.yaml"


def comfyui_command(install: ComfyInstall) -> EngineCommand:
    """ComfyUI with the named node packs only, and folders of its own. `search_paths` must have been written."""
    port = _free_port()
    for name in ("input", "output", "temp", "user"):
        (install.state / name).mkdir(parents=True, exist_ok=True)
    arguments = (
        *("env", f"TALKING_VIDEO_FRAMES_DIR={install.frames}"),
        *with_triton_cache((str(install.python), "main.py"), install.state),
        *("--listen", "127.0.0.1", "--port", str(port), *(["--cpu"] * install.cpu)),
        *("--disable-all-custom-nodes", "--whitelist-custom-nodes", *install.node_packs, "--disable-api-nodes"),
        *("--disable-metadata", "--cache-classic", "--database-url", "sqlite:///:memory:"),
        *("--extra-model-paths-config", str(install.search_paths)),
        *("--input-directory", str(install.state / "input"), "--output-directory", str(install.state / "output")),
        *("--temp-directory", str(install.state / "temp"), "--user-directory", str(install.state / "user")),
    )
    return EngineCommand("comfyui", arguments, install.folder, port)


class EngineProcess:
    """A running engine, in this process's environment less `NOT_FOR_ENGINES`. Leaving the `with` block ends it and
    everything it started."""

    def __init__(self, command: EngineCommand) -> None:
        self._command, self._begun = command, time.monotonic()
        self._lines: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        self._thread_died = threading.Event()
        started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()
        # The kernel ends the engine with the thread that started it: this one lives as long as the engine's log, where
        # that of a job would not.
        self._drain = threading.Thread(target=self._run, args=(started,), name=f"{command.name}-log", daemon=True)
        self._drain.start()
        process = started.get()
        if isinstance(process, OSError):
            message = f"{command.name} cannot be started"
            raise WorkerError(
                ErrorCode.ENGINE_UNAVAILABLE, message, stage=Stage.START, detail=str(process)
            ) from process
        self._process = process

    def __enter__(self) -> "EngineProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._command.url

    @property
    def pid(self) -> int:
        """Of the process, which leads its group."""
        return self._process.pid

    def last_lines(self) -> Sequence[str]:
        """The end of its log, for the operator."""
        return list(self._lines)

    def check(self) -> None:
        """Raises WorkerError ENGINE_UNAVAILABLE once the process, or its thread that runs the prompts, has ended."""
        if self._thread_died.is_set():
            raise WorkerError(
                ErrorCode.ENGINE_UNAVAILABLE,
                f"{self._command.name} can run no job any more",
                detail="\n".join(self.last_lines()),
            )
        code = self._process.poll()
        if code is not None:
            self._drain.join(LAST_WORDS_SECONDS)  # not for ever: what it started may hold its output open
            raise WorkerError(
                ErrorCode.ENGINE_UNAVAILABLE,
                f"{self._command.name} ended unexpectedly (exit code {code})",
                detail="\n".join(self.last_lines()),
            )

    def wait_until_ready(self, seconds: float, cancel: Cancellation) -> float:
        """Wait until it answers HTTP; the seconds since its start.

        Raises:
            WorkerError: ENGINE_UNAVAILABLE when it ends, or does not answer within `seconds`; what `cancel.check`
                raises.
        """
        deadline = time.monotonic() + seconds
        with requests.Session() as http:
            http.trust_env = False  # the server is on this machine; no proxy stands between
            while time.monotonic() < deadline:
                cancel.check()
                self.check()
                with contextlib.suppress(requests.RequestException):
                    if http.get(f"{self.url}/prompt", timeout=5).status_code == requests.codes.ok:
                        took = time.monotonic() - self._begun
                        log.info("%s answers %.1f s after its start", self._command.name, took)
                        return took
                time.sleep(POLL_SECONDS)
        raise WorkerError(
            ErrorCode.ENGINE_UNAVAILABLE,
            f"{self._command.name} did not answer within {seconds:g} s",
            stage=Stage.START,
            detail="\n".join(self.last_lines()),
        )

    def stop(self) -> None:
        """End the process group: politely, then whatever of it is left by force."""
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sent)
                os.killpg(self._process.pid, signal.SIGCONT)  # one that is stopped hears no other signal
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)  # not for ever: a GPU that hangs may hold its process back
        self._drain.join(LAST_WORDS_SECONDS)

    def _run(self, started: "queue.SimpleQueue[subprocess.Popen[bytes] | OSError]") -> None:
        unset = (text for name in NOT_FOR_ENGINES for text in ("-u", name))
        launcher = (sys.executable, str(REPOSITORY / "comfy_client" / "die_with_parent.py"), "env", *unset)
        try:
            process = subprocess.Popen(
                [*launcher, *self._command.arguments],
                cwd=self._command.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            started.put(error)
            return
        started.put(process)
        assert process.stdout is not None  # noqa: S101 - it was asked for
        self._read_log(process.stdout)

    def _read_log(self, pipe: IO[bytes]) -> None:
        with pipe:
            for raw in pipe:
                line = raw.decode("utf-8", "replace").rsplit("\r", 1)[-1].rstrip()
                if line:
                    self._lines.append(line)
                    if THREAD_DIED.search(line):
                        self._thread_died.set()
                    log.debug("[%s] %s", self._command.name, line)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
