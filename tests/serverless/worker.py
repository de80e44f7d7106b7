"""`python handler.py` as RunPod starts it: a process that takes jobs from a control plane until it is told to end."""

import contextlib
import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests

from tests.programs import HANDLER, FreshProgram, Program
from tests.serverless.control_plane import PATIENCE, ControlPlane
from tests.serverless.processes import Process, descendants
from tests.worker.bench import Bench

Start = type[Program] | type[FreshProgram]
END_SECONDS = 60.0
LOOK_SECONDS = 0.02
STAGES = ("validate", "fetch", "prepare", "load", "sample", "encode", "upload")


class Worker:
    """Ends with its `with` block, and everything that it started with it.

    Args:
        plane: where it gets its jobs.
        bench: its folders. Temporary files go to `bench.folder / "tmp"`, the log to `bench.folder / "worker.log"`.
        start: how the process is made.
        environment: settings that differ from those of the bench.
    """

    def __init__(self, plane: ControlPlane, bench: Bench, start: Start = Program, /, **environment: str) -> None:
        self._plane, self._bench = plane, bench
        self._news = threading.Condition()
        self._lines: list[str] = []
        self._started: list[Process] = []  # by the worker, as of its last signal
        self._log = bench.folder / "worker.log"
        settings = {**_environment(plane, bench), **_place(environment), **environment}
        self._process = start(HANDLER, environment=settings, stdout=subprocess.PIPE)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.signal(signal.SIGTERM)
        self._plane.answer_polls_at_once()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in self._started:
            process.signal(signal.SIGKILL)
            process.close()
        self._reader.join()
        with self._log.open("a") as log:
            log.writelines(f"{line}\n" for line in self._lines)

    def signal(self, number: int) -> None:
        """Send a signal to the worker's own process, if it has not ended."""
        self._started.extend(self.family())
        self._process.send_signal(number)

    def kill(self) -> None:
        """End the worker's own process by force, and wait for it."""
        self.signal(signal.SIGKILL)
        self._process.wait()

    def ended(self, seconds: float = PATIENCE) -> int:
        """The exit code; AssertionError where it does not end in time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker goes on\n{self.log}") from None

    @property
    def log(self) -> str:
        """All that it has written so far."""
        with self._news:
            return "\n".join(self._lines)

    def wait_for_log(self, accept: Callable[[str], bool], seconds: float = PATIENCE) -> None:
        """Until some line is accepted; AssertionError where none is in time, or the worker ended before."""
        with self._news:
            self._news.wait_for(lambda: any(map(accept, self._lines)) or self._process.poll() is not None, seconds)
            found = any(map(accept, self._lines))
        assert found, self.log

    def wait_for_stage(self, job_id: str, stage: str, window: int | None = None) -> None:
        """Until the job has begun a stage of `STAGES`, or a window (from 1) of its sampling."""
        assert stage in STAGES
        ends = stage if window is None else f"{stage}, window {window} of "

        def accept(line: str) -> bool:
            told = _entry(line)
            return told.get("job_id") == job_id and f"% {ends}" in str(told.get("message"))

        self.wait_for_log(accept)

    def family(self) -> list[Process]:
        """The processes it has started, and theirs. The caller closes them."""
        found = []
        for number in descendants(self.pid):
            with contextlib.suppress(OSError):  # it ended while we looked
                found.append(Process(number))
        return found

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Meanwhile neither the worker nor anything that it started runs, as in a snapshot."""
        everything = [Process(self.pid), *self.family()]
        try:
            for process in everything:
                process.freeze()
            yield
        finally:
            for process in everything:
                process.signal(signal.SIGCONT)
                process.close()

    @contextlib.contextmanager
    def child(self, argument: str) -> Iterator[Process]:
        """The one process it has started with this argument. ValueError where there is none."""
        family = self.family()
        try:
            (found,) = [process for process in family if argument in process.command]
            yield found
        finally:
            for process in family:
                process.close()

    def engine(self) -> contextlib.AbstractContextManager[Process]:
        """The process that makes the frames."""
        return self.child("simulator")

    def wait_for_engine(self) -> Process:
        """The process that makes the frames, as soon as it is there. The caller closes it."""
        for _ in range(round(END_SECONDS / LOOK_SECONDS)):
            with contextlib.suppress(ValueError), self.engine() as found:
                return Process(found.pid)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(LOOK_SECONDS)
        raise AssertionError(f"there is no engine\n{self.log}")

    @property
    def engine_url(self) -> str:
        """Where the engine answers."""
        with self.engine() as process:
            return f"http://127.0.0.1:{process.command[process.command.index('--port') + 1]}"

    def engine_holds(self) -> dict[str, int]:
        """How many prompts the engine remembers, runs, and has waiting."""
        queue = requests.get(f"{self.engine_url}/queue", timeout=PATIENCE).json()
        history = requests.get(f"{self.engine_url}/history", timeout=PATIENCE).json()
        waiting, running = len(queue["queue_pending"]), len(queue["queue_running"])
        return {"remembered": len(history), "running": running, "waiting": waiting}

    def wait_for_prompt(self) -> None:
        """Until the engine runs one."""
        for _ in range(round(END_SECONDS / LOOK_SECONDS)):
            if self.engine_holds()["running"]:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(LOOK_SECONDS)
        raise AssertionError(f"the engine runs no prompt\n{self.log}")

    def leftovers(self) -> list[Path]:
        """What jobs have left on the disk: in the work folder, among temporary files, and of videos not delivered."""
        temporary = [path for path in self._bench.folder.glob("tmp/*") if not path.name.startswith("simulator-")]
        return [*self._bench.leftovers(), *temporary, *self._bench.folder.glob("keep/kept/*")]

    def _read_log(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            for line in pipe:
                with self._news:
                    self._lines.append(line.decode("utf-8", "replace").rstrip())
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()


def _environment(plane: ControlPlane, bench: Bench) -> dict[str, str]:
    (bench.folder / "tmp").mkdir(exist_ok=True)
    machine = {name: value for name, value in bench.environment.items() if not name.upper().endswith("_PROXY")}
    return {
        **machine,
        **plane.environment(),
        "HOME": str(bench.folder),  # an API key of the SDK's own settings file would come before RunPod's
        "TMPDIR": str(bench.folder / "tmp"),
        "KEEP_DIR": str(bench.folder / "keep"),
        "VOLUME_DIR": str(bench.folder / "no-volume"),
        "LOG_FORMAT": "json",
        "PYTHONUNBUFFERED": "1",
    }


def _place(environment: dict[str, str]) -> dict[str, str]:
    """The local folder, which a worker on RunPod takes only when it is told to, unless the test has another place."""
    others = {"S3_BUCKET", "BUCKET_ENDPOINT_URL", "STORAGE"}
    return {} if others & set(environment) else {"STORAGE": "local"}


def _entry(line: str) -> dict[str, Any]:
    """A line of the worker's log, as it was before it became JSON; empty for other lines."""
    if not line.startswith("{"):
        return {}
    entry: dict[str, Any] = json.loads(line)
    return entry
