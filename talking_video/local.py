"""The endpoint on this machine: the one that runs, or one that is started for as long as it is needed."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import httpx

from talking_video.errors import UnreachableError

ORIGIN = "http://127.0.0.1:8000"
PROBE_SECONDS = 2.0
START_SECONDS = 60.0
END_SECONDS = 30.0
LAST_LINES = 5
FOLDER = "TALKING_VIDEO_WORKER"  # a variable: where the worker's files are


def about(origin: str, key: str | None = None) -> dict[str, object] | None:
    """What an endpoint says of itself, or None where none answers there."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(trust_env=False, timeout=PROBE_SECONDS) as http:
            answer = http.get(f"{origin}/endpoint", headers=headers)
            found = answer.json() if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError):
        return None
    return found if isinstance(found, dict) and "id" in found else None


@contextlib.contextmanager
def started(folder: Path | None = None) -> Iterator[str]:
    """Start one, for as long as the block lasts; gives the address of its job API.

    Args:
        folder: where the worker's files are (with handler.py and endpoint/); None: they are looked for.

    Raises:
        UnreachableError: they are not found, or it does not start.
    """
    where = folder or _worker_folder()
    python = next((one for one in (where / ".venv/bin/python",) if one.exists()), Path(sys.executable))
    alone = _is_free(ORIGIN) and _is_unused(where / "output" / "endpoint")
    port = [] if alone else ["--port", "0", "--folder", str(where / "output" / f"endpoint-{os.getpid()}")]
    process = subprocess.Popen(
        [str(python), "-m", "endpoint", *port],
        cwd=where,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the job, which needs its endpoint to be cancelled
    )
    last: deque[str] = deque(maxlen=LAST_LINES)
    reader = threading.Thread(target=_read, args=(process, last), daemon=True)
    reader.start()
    try:
        yield _address(process, last)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _address(process: "subprocess.Popen[str]", last: deque[str]) -> str:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    watch = threading.Timer(START_SECONDS, process.kill)
    watch.start()
    line = process.stdout.readline()
    watch.cancel()
    if not line.startswith("listening on "):
        process.wait(END_SECONDS)
        why = " | ".join(last) or f"it ended with code {process.returncode}"
        raise UnreachableError(f"the endpoint did not start: {why}. `make endpoint` in the worker's folder shows more")
    return line.removeprefix("listening on ").strip()


def _read(process: "subprocess.Popen[str]", last: deque[str]) -> None:
    """Keep the pipe empty, and the last lines for an error."""
    assert process.stderr is not None  # noqa: S101
    for line in process.stderr:
        last.append(line.rstrip())


def _worker_folder() -> Path:
    named = os.environ.get(FOLDER)
    here = Path(__file__).resolve().parent.parent
    places = [Path(named).expanduser()] if named else [Path.cwd(), *Path.cwd().parents, here]
    for place in places:
        if (place / "handler.py").is_file() and (place / "endpoint" / "__main__.py").is_file():
            return place.resolve()
    raise UnreachableError(
        "no endpoint runs on this machine, and the worker's files are not here. Call this in the folder of the project,"
        f" or name that folder in {FOLDER}, or start one there: make endpoint"
    )


def _is_free(origin: str) -> bool:
    host, port = origin.removeprefix("http://").split(":")
    with socket.socket() as probe:
        probe.settimeout(PROBE_SECONDS)
        return probe.connect_ex((host, int(port))) != 0


def _is_unused(folder: Path) -> bool:
    """Whether no endpoint, on whatever port, has its files there (it locks them: docs/endpoint.md)."""
    with contextlib.suppress(FileNotFoundError), (folder / "lock").open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
