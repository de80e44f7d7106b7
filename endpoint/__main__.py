"""`python -m endpoint [--port 8000] [--workers 1] …`: docs/endpoint.md."""

import asyncio
import contextlib
import fcntl
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contract.unwritable import unwritable
from endpoint.app import make_app
from endpoint.dispatch import Dispatch
from endpoint.guard import Guard
from endpoint.jobs import JobRecord
from endpoint.limits import Rates
from endpoint.links import Links
from endpoint.options import Options, engine_of, read_options, worker_settings
from endpoint.runpod import Remote
from endpoint.server import bound, serving
from endpoint.store import Store
from endpoint.webhook import Webhooks
from endpoint.worker_api import environment
from endpoint.workers import Workers

log = logging.getLogger("endpoint")


class Endpoint:
    """Everything that serves one API.

    Args:
        port: the one that is listened on.
    """

    def __init__(self, options: Options, port: int) -> None:
        self._options, self._base, self._key = options, options.inner_base(port), secrets.token_urlsafe(24)
        self._store, self._webhooks = Store(options.folder, options.limits), Webhooks()
        self._links = Links(self._base, self._store, options.hosts(port))
        self._dispatch = Dispatch(execution_seconds=options.execution_seconds, on_end=self._call_back)
        self._workers = Workers(options.workers, self._environment, self._dispatch.worker_ended, _say)
        app = make_app(
            self._dispatch,
            self._links,
            Rates(time.monotonic),
            self._health,
            endpoint_id=options.endpoint_id,
            worker_key=self._key,
            remote=Remote(options.runpod, self._store) if options.runpod else None,
        )
        self.app = Guard(app, options.hosts(port), options.token)

    def start(self) -> None:
        """Start the workers."""
        self._workers.start()

    async def end(self) -> None:
        """Cancel what runs, and end the workers."""
        self._dispatch.stop_all()
        self._dispatch.close()
        await self._workers.end()
        self._webhooks.close()

    def _call_back(self, record: JobRecord) -> None:
        if record.submission.webhook is not None:
            body = self._links.outward({**record.envelope, **record.submission.body})
            self._webhooks.send(record.submission.webhook, {k: v for k, v in body.items() if k != "s3Config"})

    def _health(self) -> dict[str, Any]:
        alive, busy = self._workers.alive, self._dispatch.busy & self._workers.alive
        idle = (self._dispatch.ready & alive) - busy
        unfit = {"unfit": self._dispatch.unfit} if self._dispatch.unfit else {}
        return {
            **unfit,
            "jobs": self._dispatch.health(),
            "workers": {
                "idle": len(idle),
                "initializing": len(alive - idle - busy),
                "ready": len(idle),
                "running": len(busy),
                "throttled": 0,
                "unhealthy": self._options.workers - len(alive),
            },
        }

    def _environment(self, number: int, worker: str) -> dict[str, str]:
        return {
            **worker_settings(os.environ, self._store, self._base, number),
            **environment(self._base, self._options.endpoint_id, worker, self._key),
        }


def main() -> None:
    """Serve until SIGINT or SIGTERM; a second one ends at once."""
    options = read_options(sys.argv[1:], os.environ)
    logging.basicConfig(level=logging.INFO, format="endpoint | %(message)s", stream=sys.stderr, force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with _alone_in(options.folder):
        asyncio.run(_serve(options))


async def _serve(options: Options) -> None:
    try:
        listener = bound(options.host, options.port)
    except OSError as error:
        sys.exit(f"{options.host}:{options.port} cannot be listened on ({error.strerror}): choose another --port")
    port = listener.getsockname()[1]
    endpoint, told = Endpoint(options, port), asyncio.Event()

    def tell() -> None:
        if told.is_set():
            os._exit(130)  # the kernel ends the workers
        told.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, tell)
    async with serving(endpoint.app, listener):
        endpoint.start()
        base = options.inner_base(port)
        sys.stdout.write(f"listening on {base}/v2/{options.endpoint_id}\n")
        sys.stdout.flush()
        log.info("page: %s", base)
        log.info("engine: %s, workers: %d, files: %s", engine_of(os.environ), options.workers, options.folder)
        await told.wait()
        log.info("ending; once more ends at once")
        await endpoint.end()


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two endpoints would remove each other's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        sys.exit(f"--folder cannot be written: {unwritable(folder, error)}")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"another endpoint runs with {folder}: use that one, or name another --folder and --port")
        yield


def _say(worker: str, line: str) -> None:
    sys.stderr.write(f"{worker} | {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
