"""The endpoint's side of the SDK (`endpoint/`), with a desk that a test stands behind, and faults of the connection.

The test says what is handed out and when, what is answered, and when connections break. All that a worker says is kept
in its order, and a test waits for an event of it, never for time to pass.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from contract.job import Job
from endpoint.desk import Desk
from endpoint.server import bound, serving
from endpoint.worker_api import environment, worker_routes
from tests.serverless.records import DROPPED, Ping, Post

ENDPOINT = "endpoint-1"
WORKER = "worker-1"
API_KEY = "MARKED-API-KEY"
PATIENCE = 120.0  # only a test that fails waits so long
UNKNOWN = (401, 404, 405)

Found = TypeVar("Found")
Message = MutableMapping[str, Any]


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
        self._changed = threading.Condition()
        self._desk = _Desk(self, hold_seconds)
        self._connections = _Connections()
        self._listener = bound("127.0.0.1", 0)
        self._port = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "ControlPlane":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._desk.close)
        self._do(self._desk.answers_progress.set)
        self._do(self._end.set)
        self._thread.join()

    def environment(self) -> dict[str, str]:
        """What RunPod puts into the environment of a worker."""
        base = f"http://127.0.0.1:{self._port}"
        return {**environment(base, ENDPOINT, WORKER, API_KEY), "RUNPOD_PING_INTERVAL": "1000"}

    def give(self, *jobs: Job) -> None:
        """Hand these out with one answer. The SDK runs several one after the other, without its pause of 1 s."""
        self._do(lambda: self._desk.give(jobs))

    def stop(self, *job_ids: str) -> None:
        """Tell the worker to stop these, as a cancel or a timeout does; the same id again is told again."""
        self._do(lambda: self._desk.stop(job_ids))

    def answer_polls_at_once(self) -> None:
        """Let nobody wait for a job or a stop any more, so that a worker can end."""
        self._do(self._desk.close)

    def answer_results(self, status: int, times: float = float("inf")) -> None:
        """Answer the next `times` results with `status` (`DROPPED`: hang up)."""
        self._desk.answer = (status, times)

    def answer_progress(self, status: int) -> None:
        """Answer every update with `status`."""
        self._desk.answer_to_progress = status

    def hang_up(self) -> None:
        """Cut every connection, without a word."""
        self._do(self._connections.cut_all)

    @contextmanager
    def holding_progress(self) -> Iterator[None]:
        """Meanwhile no update gets an answer."""
        self._do(self._desk.answers_progress.clear)
        try:
            yield
        finally:
            self._do(self._desk.answers_progress.set)

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
        self.wait_until(lambda: bool(self._desk.asking), seconds)

    def results(self, job_id: str) -> list[Post]:
        """Every POST of a job's result, answered or not."""
        return [post for post in self.posts if post.job_id == job_id and not post.is_progress]

    def progress(self, job_id: str) -> list[dict[str, Any]]:
        """What was told of a job on its way, in the order of arrival."""
        return [post.body["output"] for post in self.posts if post.job_id == job_id and post.is_progress]

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Something happens that a test may wait for."""
        with self._changed:
            yield
            self._changed.notify_all()

    def _do(self, what: Callable[[], object]) -> None:
        """In the server's own thread, at once. A worker that outlives the plane is told nothing."""
        done = threading.Event()

        def act() -> None:
            what()
            done.set()

        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(act)
            assert done.wait(PATIENCE)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_end())

    async def _until_end(self) -> None:
        app = FastAPI(openapi_url=None)
        app.include_router(worker_routes(self._desk, ENDPOINT, API_KEY))
        connections = self._connections
        protocol = type("Protocol", (_Tracked,), {"tracked": connections})
        async with serving(_Faults(self, app, connections), self._listener, http=protocol):
            await self._end.wait()


class _Desk(Desk):
    """Hands out what the test gives, and answers as the test says."""

    def __init__(self, plane: ControlPlane, hold_seconds: float) -> None:
        super().__init__(hold_seconds)
        self.answer: tuple[int, float] = (200, float("inf"))
        self.answer_to_progress = 200
        self.answers_progress = asyncio.Event()
        self.answers_progress.set()
        self._plane = plane
        self._batches: list[Sequence[Job]] = []
        self._ids: list[str] = []

    def give(self, jobs: Sequence[Job]) -> None:
        """For the next request."""
        self._batches.append(jobs)
        self.changed()

    def stop(self, job_ids: Sequence[str]) -> None:
        """For the next request."""
        self._ids.extend(job_ids)
        self.changed()

    def next_jobs(self, _worker: str, most: int) -> Sequence[Job]:
        """What was given together, and what else there is room for."""
        if not self._batches:
            return []
        jobs = list(self._batches.pop(0))
        while self._batches and len(jobs) + len(self._batches[0]) <= most:
            jobs.extend(self._batches.pop(0))
        with self._plane.noting():
            self._plane.taken.extend(str(job.get("id")) for job in jobs)
        return jobs

    def next_stops(self, _worker: str) -> Sequence[str]:
        """All."""
        ids, self._ids = self._ids, []
        return ids

    def on_asking(self, _worker: str) -> None:
        """Tests wait for it."""
        with self._plane.noting():
            pass

    async def told(self, _worker: str, job_id: str, body: dict[str, Any], headers: Mapping[str, str]) -> int:
        """Kept as it came."""
        status, times = self.answer
        if body.get("status") == "IN_PROGRESS":
            status = self.answer_to_progress
        elif times < 1:
            status = 200
        else:
            self.answer = (status, times - 1)
        with self._plane.noting():
            post = Post(job_id, body, headers, time.monotonic(), status)
            self._plane.posts.append(post)
        if post.is_progress:
            await self.answers_progress.wait()
        return status

    def beat(self, _worker: str, job_ids: Sequence[str], query: Mapping[str, str]) -> None:
        """Kept as it came."""
        with self._plane.noting():
            self._plane.pings.append(Ping(tuple(job_ids), query))


class _Connections:
    """Those that are open, by the address of the other end."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.Transport] = {}

    def opened(self, transport: asyncio.Transport) -> None:
        """A worker has connected."""
        self._open[transport.get_extra_info("peername")] = transport

    def cut(self, client: tuple[str, int]) -> None:
        """Without a word."""
        if transport := self._open.pop(client, None):
            transport.abort()

    def cut_all(self) -> None:
        """Without a word."""
        for client in list(self._open):
            self.cut(client)


class _Tracked(H11Protocol):
    tracked: _Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """One more."""
        super().connection_made(transport)
        self.tracked.opened(transport)


class _Faults:
    """Around the application: notes what it does not know, and hangs up instead of answering `DROPPED`."""

    def __init__(self, plane: ControlPlane, app: FastAPI, connections: _Connections) -> None:
        self._plane, self._app, self._connections = plane, app, connections

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        dropped = False

        async def watched(message: Message) -> None:
            nonlocal dropped
            status = message.get("status")
            if status == DROPPED:
                dropped = True
                self._connections.cut(tuple(scope["client"]))
            elif status in UNKNOWN:
                with self._plane.noting():
                    self._plane.strange.append(f"{scope['method']} {scope['path']}")
            if not dropped:
                await send(message)

        await self._app(scope, receive, watched)
        if dropped:
            await receive()  # the server knows that it is over, and answers nothing of its own
