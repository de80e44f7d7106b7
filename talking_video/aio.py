"""The same for programs with an event loop: `async with AsyncTalkingVideo("ENDPOINT_ID") as endpoint`."""

import os
from collections.abc import AsyncIterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from talking_video import endpoints
from talking_video.api import Api
from talking_video.client import RETRIES, Event
from talking_video.errors import JobError, TalkingVideoError
from talking_video.flow import Outcome, follow_async, run_async
from talking_video.reply import Quote, Result
from talking_video.request import Request


class AsyncTalkingVideo:
    """One endpoint; arguments and errors as those of `TalkingVideo`."""

    def __init__(self, endpoint: str | None = None, *, key: str | None = None, api: Api | None = None) -> None:
        self.api = api or endpoints.named(endpoint, os.environ, key=key)
        self.http = httpx.AsyncClient(trust_env=not self.api.is_local)

    async def __aenter__(self) -> "AsyncTalkingVideo":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self.http.aclose()

    async def submit(self, request: Request, *, retries: int = RETRIES) -> "AsyncJob":
        """Send a job. Files that are too large for the request are uploaded first."""
        return AsyncJob(self, await run_async(self.api.submit(request), self.http), retries)

    def job(self, job_id: str, *, retries: int = 0) -> "AsyncJob":
        """One that was sent before."""
        return AsyncJob(self, job_id, retries)

    async def quote(self, request: Request) -> Quote:
        """What a job would take; nothing is made. Errors as `TalkingVideo.quote`."""
        found = await (await self.submit(request.but(dry_run=True))).result()
        if not isinstance(found, Quote):
            raise TalkingVideoError("the worker made the video: it is too old for quotes")
        return found

    async def health(self) -> dict[str, Any]:
        """What the endpoint is doing."""
        return await run_async(self.api.health(), self.http)


class AsyncJob:
    """One job of an endpoint; methods and errors as those of `Job`."""

    def __init__(self, endpoint: AsyncTalkingVideo, job_id: str, retries: int) -> None:
        self._api, self._http, self._retries = endpoint.api, endpoint.http, retries
        self.id = job_id
        self._outcome: Result | Quote | JobError | None = None

    async def events(self) -> AsyncIterator[Event]:
        """Its progress, whenever that is new, until it has ended; a `JobError` is a failure that is tried again."""
        outcome: Outcome[Result | Quote] = Outcome()
        try:
            async for event in follow_async(self._api.result(self.id, self._retries), self._http, outcome):
                yield event
            self._outcome = outcome.value
        except JobError as error:
            self._outcome = error

    async def result(self) -> Result | Quote:
        """Wait for its end."""
        if self._outcome is None:
            async for _ in self.events():
                pass
        if isinstance(self._outcome, JobError):
            raise self._outcome
        assert self._outcome is not None  # noqa: S101 - events end with an outcome, or raise
        return self._outcome

    async def download(self, target: str | PathLike[str]) -> Path:
        """Wait for its end, and fetch the video."""
        found = await self.result()
        if isinstance(found, Quote):
            raise TalkingVideoError("a dry run makes no video")
        return await run_async(self._api.download(found, Path(target)), self._http)

    async def status(self) -> dict[str, Any]:
        """What /status tells."""
        return await run_async(self._api.status(self.id), self._http)

    async def cancel(self) -> None:
        """End it."""
        await run_async(self._api.cancel(self.id), self._http)

    async def retry(self) -> None:
        """Queue it again, after a failure."""
        await run_async(self._api.retry(self.id), self._http)
        self._outcome = None
