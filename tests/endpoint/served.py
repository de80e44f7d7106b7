"""The endpoint's application on 127.0.0.1 without its worker processes: a test takes their part, by HTTP as they do."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from endpoint.app import make_app
from endpoint.dispatch import Dispatch
from endpoint.guard import Guard
from endpoint.limits import MEGABYTE, Rates
from endpoint.links import Links
from endpoint.runpod import Remote, RunPod
from endpoint.server import bound, serving
from endpoint.store import Store, StoreLimits

ENDPOINT, KEY = "ep-1", "key-of-the-workers"
PATIENCE = 30.0


@dataclass
class Served:
    """One that runs."""

    base: str
    store: Store
    name: str = ENDPOINT

    @property
    def api(self) -> str:
        """Where its job API is."""
        return f"{self.base}/v2/{self.name}"

    def ask(self, method: str, what: str, **more: Any) -> requests.Response:
        """A caller's request, such as `POST run`."""
        where = what if what.startswith("http") else f"{self.base}{what}" if what[0] == "/" else f"{self.api}/{what}"
        return requests.request(method, where, timeout=PATIENCE, allow_redirects=False, **more)

    def submit(self, **beside: Any) -> str:
        """A job's id."""
        answer = self.ask("POST", "run", json={"input": {"image_url": "a"}, **beside})
        assert (answer.status_code, answer.json()["status"]) == (200, "IN_QUEUE")
        return str(answer.json()["id"])

    def status(self, job_id: str) -> dict[str, Any]:
        """What /status tells."""
        found: dict[str, Any] = self.ask("GET", f"status/{job_id}").json()
        return found

    def take(self, worker: str = "w") -> dict[str, Any]:
        """A worker's request for a job; empty where there is none."""
        answer = self.ask("GET", f"job-take/{worker}", headers={"Authorization": KEY})
        return answer.json() if answer.status_code == 200 else {}

    def tell(self, job_id: str, body: dict[str, Any], worker: str = "w") -> None:
        """A worker's word on a job."""
        answer = self.ask("POST", f"job-done/{worker}/{job_id}", json=body, headers={"Authorization": KEY})
        assert answer.status_code == 200

    def stops(self, worker: str = "w") -> list[str]:
        """What a worker is told to stop."""
        found: list[str] = self.ask("GET", f"job-stop/{worker}", headers={"Authorization": KEY}).json()["jobsToStop"]
        return found


@contextmanager
def served(
    folder: Path,
    *,
    token: str | None = None,
    any_host: bool = False,
    largest: int = MEGABYTE,
    runpod: RunPod | None = None,
    endpoint_id: str = ENDPOINT,
) -> Iterator[Served]:
    """One on a free port, as long as the block lasts. Requests of workers are answered at once."""
    listener = bound("127.0.0.1", 0)
    name = f"127.0.0.1:{listener.getsockname()[1]}"
    store = Store(folder, StoreLimits(file_bytes=largest, all_bytes=2 * largest))
    hosts = None if any_host else frozenset({name, name.replace("127.0.0.1", "localhost")})
    loop, end, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def run() -> None:
        dispatch = Dispatch(hold_seconds=0)
        links, health = Links(f"http://{name}", store, hosts), lambda: {"jobs": dispatch.health()}
        rates = Rates(time.monotonic)
        remote = Remote(runpod, store) if runpod else None
        app = make_app(dispatch, links, rates, health, endpoint_id=endpoint_id, worker_key=KEY, remote=remote)
        async with serving(Guard(app, hosts, token), listener):
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield Served(f"http://{name}", store, endpoint_id)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()
