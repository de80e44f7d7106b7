"""Where workers come for jobs and tell how they went: what RunPod's side of the SDK's requests does with them."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from contract.job import Job

HOLD_SECONDS = 20.0  # RunPod holds a request for a job for up to 90 s
FEW_TURNS = 3  # of the event loop, after which a connection that was closed is known to be closed

Given = TypeVar("Given")
Gone = asyncio.Task[None]  # ends when the worker has closed the connection of its request


class Desk(ABC):
    """Holds the requests of workers until there is something to say. Lives in one event loop.

    Args:
        hold_seconds: how long a request for a job, or for what to stop, waits at most.
    """

    def __init__(self, hold_seconds: float = HOLD_SECONDS) -> None:
        self._hold = hold_seconds
        self._closed = False
        self._news = asyncio.Event()
        self._asking: Counter[str] = Counter()

    @abstractmethod
    def next_jobs(self, worker: str, most: int) -> Sequence[Job]:
        """The jobs to hand out to this worker now. They are handed out."""

    @abstractmethod
    def next_stops(self, worker: str) -> Sequence[str]:
        """The ids of the jobs that this worker should end now. It is told once."""

    @abstractmethod
    async def told(self, worker: str, job_id: str, body: dict[str, Any], headers: Mapping[str, str]) -> int:
        """Take a job's progress (`status` is IN_PROGRESS) or its result; returns the HTTP status to answer."""

    @abstractmethod
    def beat(self, worker: str, job_ids: Sequence[str], query: Mapping[str, str]) -> None:
        """Take a heartbeat: the jobs that the worker has, and what a failed fitness check adds."""

    @property
    def asking(self) -> frozenset[str]:
        """The workers that wait for a job."""
        return frozenset(worker for worker, requests in self._asking.items() if requests)

    def changed(self) -> None:
        """Let every waiting request look again."""
        self._news.set()
        self._news = asyncio.Event()

    def close(self) -> None:
        """Let nobody wait any more, so that workers can end."""
        self._closed = True
        self.changed()

    async def take(self, worker: str, most: int, gone: Gone) -> Sequence[Job]:
        """Up to `most` jobs as soon as there are any, or none."""
        with self._counted(worker):
            return await self._held(lambda: self.next_jobs(worker, most), gone)

    async def stops(self, worker: str, gone: Gone) -> Sequence[str]:
        """Ids of jobs to stop as soon as there are any, or none."""
        return await self._held(lambda: self.next_stops(worker), gone)

    @contextmanager
    def _counted(self, worker: str) -> Iterator[None]:
        self._asking[worker] += 1
        self.on_asking(worker)
        try:
            yield
        finally:
            self._asking[worker] -= 1

    def on_asking(self, worker: str) -> None:  # noqa: B027 - nothing to do is a good default
        """A worker has begun to wait for a job."""

    async def _held(self, look: Callable[[], Sequence[Given]], gone: Gone) -> Sequence[Given]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._hold
        while True:
            for _ in range(FEW_TURNS):
                await asyncio.sleep(0)
            if gone.done():  # what it was told now would be lost
                return []
            found, left = look(), end - loop.time()
            if found or self._closed or left <= 0:
                return found
            news = asyncio.ensure_future(self._news.wait())
            await asyncio.wait({news, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
