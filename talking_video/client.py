"""Send jobs and get videos."""

import os
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from talking_video import endpoints
from talking_video.api import Api
from talking_video.errors import JobError, TalkingVideoError
from talking_video.flow import Outcome, follow, run
from talking_video.reply import Progress, Quote, Result
from talking_video.request import Request

RETRIES = 2
Event = Progress | JobError


class TalkingVideo:
    """One endpoint.

        with TalkingVideo("ENDPOINT_ID") as endpoint:
            job = endpoint.submit(Request("me.jpg", "me.m4a"))
            for event in job.events():
                print(event)
            job.download("me.mp4")

    Args:
        endpoint: its id at RunPod, or the address of a job API (`http://127.0.0.1:8000/v2/local`).
        key: RunPod's API key, or the endpoint's token; default: RUNPOD_API_KEY, or TALKING_VIDEO_TOKEN.
        api: in place of both: an endpoint that is described already.

    Raises:
        RefusedError: there is no key for RunPod.
    """

    def __init__(self, endpoint: str | None = None, *, key: str | None = None, api: Api | None = None) -> None:
        self.api = api or endpoints.named(endpoint, os.environ, key=key)
        self._http = httpx.Client(trust_env=not self.api.is_local)

    def __enter__(self) -> "TalkingVideo":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def submit(self, request: Request, *, retries: int = RETRIES) -> "Job":
        """Send a job. Files that are too large for the request are uploaded first.

        Args:
            retries: further attempts after a failure that the worker calls retryable.

        Raises:
            RequestError, RefusedError, UnreachableError.
        """
        return Job(self, run(self.api.submit(request), self._http), retries)

    def job(self, job_id: str, *, retries: int = 0) -> "Job":
        """One that was sent before."""
        return Job(self, job_id, retries)

    def quote(self, request: Request) -> Quote:
        """What a job would take; nothing is made. Raises JobError where it would be refused."""
        found = self.submit(request.but(dry_run=True)).result()
        if not isinstance(found, Quote):
            raise TalkingVideoError("the worker made the video: it is too old for quotes")
        return found

    def health(self) -> dict[str, Any]:
        """What the endpoint is doing."""
        return run(self.api.health(), self._http)

    def do(self, flow: Any) -> Any:
        """What a flow returns."""
        return run(flow, self._http)

    def follow(self, flow: Any, outcome: Outcome[Any]) -> Iterator[Any]:
        """What a flow tells, with what it returns in `outcome`."""
        return follow(flow, self._http, outcome)


class Job:
    """One job of an endpoint."""

    def __init__(self, endpoint: TalkingVideo, job_id: str, retries: int) -> None:
        self._endpoint, self._api, self._retries = endpoint, endpoint.api, retries
        self.id = job_id
        self._outcome: Result | Quote | JobError | None = None

    def events(self) -> Iterator[Event]:
        """Its progress, whenever that is new, until it has ended; a `JobError` is a failure that is tried again."""
        outcome: Outcome[Result | Quote] = Outcome()
        try:
            yield from self._endpoint.follow(self._api.result(self.id, self._retries), outcome)
            self._outcome = outcome.value
        except JobError as error:
            self._outcome = error

    def result(self) -> Result | Quote:
        """Wait for its end.

        Raises:
            JobError: it has no video. UnknownJobError, UnreachableError, RefusedError.
        """
        if self._outcome is None:
            for _ in self.events():
                pass
        if isinstance(self._outcome, JobError):
            raise self._outcome
        assert self._outcome is not None  # noqa: S101 - events end with an outcome, or raise
        return self._outcome

    def download(self, target: str | PathLike[str]) -> Path:
        """Wait for its end, and fetch the video. Raises as `result`, and DownloadError."""
        found = self.result()
        if isinstance(found, Quote):
            raise TalkingVideoError("a dry run makes no video")
        return Path(self._endpoint.do(self._api.download(found, Path(target))))

    def status(self) -> dict[str, Any]:
        """What /status tells."""
        return dict(self._endpoint.do(self._api.status(self.id)))

    def cancel(self) -> None:
        """End it."""
        self._endpoint.do(self._api.cancel(self.id))

    def retry(self) -> None:
        """Queue it again, after a failure."""
        self._endpoint.do(self._api.retry(self.id))
        self._outcome = None
