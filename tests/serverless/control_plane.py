"""A control plane of RunPod on 127.0.0.1: hands out jobs and stop signals, takes results, progress and pings.

The SDK talks to it in production mode (docs/facts/runpod.md). All that a worker says is kept in its order,
and a test waits for an event of it, never for time to pass.
"""

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from contract.job import Job
from tests.serverless.records import DROPPED, Ping, Post

ENDPOINT = "endpoint-1"
WORKER = "worker-1"
API_KEY = "MARKED-API-KEY"
PATIENCE = 120.0  # only a test that fails waits so long
PLACES = {  # what follows /v2/ENDPOINT/: its method, and the number of parts of the whole path
    "job-take": ("GET", 4),
    "job-take-batch": ("GET", 4),
    "job-stop": ("GET", 4),
    "ping": ("GET", 4),
    "job-done": ("POST", 5),
}

Found = TypeVar("Found")


class ControlPlane:
    """Serves until its `with` block ends.

    `posts`, `pings`, `taken` (ids of the jobs handed out) and `strange` (requests it does not know) only grow.

    Args:
        hold_seconds: how long job-take and job-stop wait for something to say. A worker that was told to end asks no
            more, but waits for these answers; after a job-stop without an id the SDK does not ask for 1 s.
    """

    def __init__(self, hold_seconds: float = 1.0) -> None:
        self.posts: list[Post] = []
        self.pings: list[Ping] = []
        self.taken: list[str] = []
        self.strange: list[str] = []
        self._hold = hold_seconds
        self._changed = threading.Condition()
        self._answer: tuple[int, float] = (200, float("inf"))
        self._answer_to_progress = 200
        self._answers_progress = threading.Event()
        self._answers_progress.set()
        self._jobs: list[Sequence[Job]] = []
        self._stops: list[str] = []
        self._waiting: list[socket.socket] = []
        self._connections: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"plane": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> "ControlPlane":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def environment(self) -> dict[str, str]:
        """What RunPod puts into the environment of a worker."""
        base = f"http://127.0.0.1:{self._server.server_port}/v2/{ENDPOINT}"
        return {
            "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID?gpu=none",
            "RUNPOD_AI_API_KEY": API_KEY,
            "RUNPOD_POD_ID": WORKER,
            "RUNPOD_ENDPOINT_ID": ENDPOINT,
            "RUNPOD_PING_INTERVAL": "1000",
        }

    def give(self, *jobs: Job) -> None:
        """Hand these out with one answer. The SDK runs several one after the other, without its pause of 1 s."""
        with self._changed:
            self._jobs.append(jobs)
            self._changed.notify_all()

    def stop(self, *job_ids: str) -> None:
        """Tell the worker to stop these, as a cancel or a timeout does; the same id again is told again."""
        with self._changed:
            self._stops.extend(job_ids)
            self._changed.notify_all()

    def answer_polls_at_once(self) -> None:
        """Let nobody wait for a job or a stop any more, so that a worker can end."""
        with self._changed:
            self._hold = 0.0
            self._changed.notify_all()

    def answer_results(self, status: int, times: float = float("inf")) -> None:
        """Answer the next `times` results with `status` (`DROPPED`: hang up)."""
        with self._changed:
            self._answer = (status, times)

    def hang_up(self) -> None:
        """Cut every connection, without a word."""
        with self._changed:
            for connection in self._connections:
                connection.shutdown(socket.SHUT_RDWR)

    def note(self, connection: socket.socket, *, over: bool) -> None:
        """A worker has connected, or its connection is over."""
        with self._changed:
            (self._connections.discard if over else self._connections.add)(connection)

    def answer_progress(self, status: int) -> None:
        """Answer every update with `status`."""
        with self._changed:
            self._answer_to_progress = status

    @contextmanager
    def holding_progress(self) -> Iterator[None]:
        """Meanwhile no update gets an answer."""
        self._answers_progress.clear()
        try:
            yield
        finally:
            self._answers_progress.set()

    def wait_until(self, look: Callable[[], Found | None], seconds: float = PATIENCE) -> Found:
        """What `look` finds in the end; it is asked again after each request. AssertionError after `seconds`."""
        with self._changed:
            found = self._changed.wait_for(look, seconds)
        assert found, f"waited {seconds:g} s; handed out {self.taken}, got {self.posts}"
        return found

    def wait_for_result(self, job_id: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The body of a job's first result that was accepted."""
        taken = self.wait_until(lambda: [post for post in self.results(job_id) if post.answered == 200], seconds)
        return taken[0].body

    def wait_for_progress(
        self, job_id: str, accept: Callable[[Any], bool] = bool, seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """The first progress of a job that `accept` takes."""

        def look() -> list[dict[str, Any]]:
            return [told for told in self.progress(job_id) if accept(told)]

        return self.wait_until(look, seconds)[0]

    def wait_until_asked(self, seconds: float = PATIENCE) -> None:
        """Until a worker asks for a job: it is up, and the job it had before, if any, is over."""
        self.wait_until(lambda: any(not _hung_up(waiting) for waiting in self._waiting), seconds)

    def results(self, job_id: str) -> list[Post]:
        """Every POST of a job's result, answered or not."""
        return [post for post in self.posts if post.job_id == job_id and not post.is_progress]

    def progress(self, job_id: str) -> list[dict[str, Any]]:
        """What was told of a job on its way, in the order of arrival."""
        return [post.body["output"] for post in self.posts if post.job_id == job_id and post.is_progress]

    def take_job(self, connection: socket.socket, most: int) -> list[Job]:
        """A job-take: up to `most` jobs, or those that were given together, or none."""
        with self._changed:
            self._waiting.append(connection)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._jobs or not self._hold, self._hold)
            self._waiting.remove(connection)
            if not self._jobs or _hung_up(connection):
                return []
            jobs = list(self._jobs.pop(0))
            while self._jobs and len(jobs) + len(self._jobs[0]) <= most:
                jobs.extend(self._jobs.pop(0))
            self.taken.extend(str(job.get("id")) for job in jobs)
            self._changed.notify_all()
            return jobs

    def take_stops(self, connection: socket.socket) -> list[str]:
        """A job-stop: ids, or none."""
        with self._changed:
            self._changed.wait_for(lambda: self._stops or not self._hold, self._hold)
            if _hung_up(connection):
                return []
            ids, self._stops = self._stops, []
            return ids

    def take_post(self, job_id: str, body: dict[str, Any], headers: Mapping[str, str]) -> int:
        """A job-done; returns the status to answer."""
        with self._changed:
            status, times = self._answer
            if body.get("status") == "IN_PROGRESS":
                status = self._answer_to_progress
            elif times < 1:
                status = 200
            else:
                self._answer = (status, times - 1)
            post = Post(job_id, body, headers, time.monotonic(), status)
            self.posts.append(post)
            self._changed.notify_all()
        if post.is_progress:
            self._answers_progress.wait(PATIENCE)
        return status

    def take_ping(self, query: Mapping[str, str]) -> None:
        """A heartbeat."""
        with self._changed:
            self.pings.append(Ping(tuple(filter(None, query.get("job_id", "").split(","))), query))
            self._changed.notify_all()

    def take_strange(self, line: str) -> None:
        """Anything else."""
        with self._changed:
            self.strange.append(line)
            self._changed.notify_all()


def _hung_up(connection: socket.socket) -> bool:
    """Whether the worker has closed this connection: what it is told now would be lost."""
    readable = bool(select.select([connection], [], [], 0)[0])
    return readable and connection.recv(1, socket.MSG_PEEK) == b""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a worker."""

    protocol_version = "HTTP/1.1"
    plane: ControlPlane

    def setup(self) -> None:
        super().setup()
        self.plane.note(self.connection, over=False)

    def finish(self) -> None:
        self.plane.note(self.connection, over=True)
        super().finish()

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        kind = self._kind(address.path.split("/")[1:])
        if kind == "ping":
            self.plane.take_ping(query)
            self._answer(200, {})
        elif kind == "job-stop":
            self._answer(200, {"jobsToStop": self.plane.take_stops(self.connection)})
        elif kind in ("job-take", "job-take-batch"):
            jobs = self.plane.take_job(self.connection, int(query.get("batch_size", 1)))
            single = kind == "job-take" and len(jobs) == 1
            self._answer(200 if jobs else 204, jobs[0] if single else jobs)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        place = urlsplit(self.path).path.split("/")[1:]
        if self._kind(place) == "job-done":
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = self.plane.take_post(place[4], json.loads(body), headers)
            if status == DROPPED:
                self.close_connection = True
            else:
                self._answer(status, {})

    def _kind(self, place: list[str]) -> str:
        """The kind of a request that is in order; any other one is answered here."""
        kind = place[2] if place[:2] == ["v2", ENDPOINT] and place[3:4] == [WORKER] else ""
        if PLACES.get(kind) == (self.command, len(place)) and self.headers["Authorization"] == API_KEY:
            return kind
        self.plane.take_strange(f"{self.command} {self.path}")
        self._answer(404, {})
        return ""

    def _answer(self, status: int, body: object) -> None:
        data = b"" if status == 204 else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """No line for every request."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A worker that ends hangs up; that is no news."""
