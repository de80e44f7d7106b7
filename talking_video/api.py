"""The job API of one endpoint, as flows: what to ask, what to ask again, and what each refusal means."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from talking_video.download import downloaded
from talking_video.errors import (
    JobError,
    RefusedError,
    RequestError,
    TalkingVideoError,
    UnknownJobError,
    UnreachableError,
)
from talking_video.flow import Answer, Call, Flow, Pause, Tell
from talking_video.queue import waits_for
from talking_video.reply import WAITING, Quote, Result, outcome_of, progress_of
from talking_video.request import Request
from talking_video.sources import Uploaded, Uploads, prepared, put_call

KEY = "RUNPOD_API_KEY"
RUNPOD = "https://api.runpod.ai/v2"
TRIES = 6
LONGEST_PAUSE = 30.0
SLOWEST_LOOK = 5.0  # seconds between two looks at a job
FIRST_LOOK_AT_QUEUE, LOOKS_PER_LOOK_AT_QUEUE = 3, 4  # looks at a job that waits
MAY_PASS = (408, 425, 429)
Envelope = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """One endpoint.

    Args:
        base: such as https://api.runpod.ai/v2/ID.
        key: RunPod's API key, or the token of an endpoint on another machine.
        uploads: where files go that are too large for a request; None: nowhere.
        look_seconds: between two looks at a job, at first.
        pause_seconds: before the first repetition of a request, then twice as long each time.
    """

    base: str
    key: str | None = None
    uploads: Uploads | None = None
    look_seconds: float = 1.0
    pause_seconds: float = 1.0

    @property
    def name(self) -> str:
        """Of the endpoint."""
        return self.base.rstrip("/").rsplit("/", 1)[-1]

    @property
    def is_own(self) -> bool:
        """Whether it is one of `make endpoint`, wherever that runs."""
        return isinstance(self.uploads, EndpointStore) or self.is_local

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return urlsplit(self.base).hostname in ("127.0.0.1", "localhost", "::1")

    def submit(self, request: Request) -> Flow[str]:
        """Send a job; its id.

        Raises:
            RequestError: what cannot be sent.
            UnreachableError: no usable answer.
            RefusedError: the key or the endpoint.
        """
        body = yield from prepared(request, self.uploads, self._put)
        answer = yield from self._ask("POST", "run", body, again=False)
        if not isinstance(answer.get("id"), str):
            raise UnreachableError(f"the endpoint gave the job no id: {str(answer)[:200]}")
        return str(answer["id"])

    def status(self, job_id: str) -> Flow[Envelope]:
        """What /status tells."""
        return (yield from self._ask("GET", f"status/{quote(job_id, safe='')}"))

    def cancel(self, job_id: str) -> Flow[Envelope]:
        """End a job that waits or runs."""
        return (yield from self._ask("POST", f"cancel/{quote(job_id, safe='')}"))

    def retry(self, job_id: str) -> Flow[Envelope]:
        """Queue a failed job again, under its id."""
        return (yield from self._ask("POST", f"retry/{quote(job_id, safe='')}"))

    def health(self) -> Flow[Envelope]:
        """What the endpoint is doing."""
        return (yield from self._ask("GET", "health"))

    def result(self, job_id: str, retries: int) -> Flow[Result | Quote]:
        """Follow a job to its end, and tell its progress; a failure that may pass is tried again.

        Raises:
            JobError: it has no video.
        """
        for attempt in range(retries + 1):
            envelope = yield from self._followed(job_id)
            try:
                return outcome_of(envelope, job_id)
            except JobError as error:
                saved = isinstance(envelope.get("output"), dict) and "video_base64" in envelope["output"]
                if not error.retryable or saved or attempt == retries:
                    raise
                yield Tell(error)
            yield Pause(self.pause_seconds * 2 ** (attempt + 1))
            yield from self.retry(job_id)
        raise AssertionError

    def download(self, result: Result, target: Path) -> Flow[Path]:
        """Fetch a video, and look whether it is whole."""
        return (yield from downloaded(result, target, self.pause_seconds))

    def _followed(self, job_id: str) -> Flow[Envelope]:
        pause, last, waited, why = self.look_seconds, None, 0, None
        while True:
            envelope = yield from self.status(job_id)
            if envelope.get("status") not in WAITING:
                return envelope
            progress = progress_of(envelope)
            if progress.status == "IN_QUEUE":
                if waited % LOOKS_PER_LOOK_AT_QUEUE == FIRST_LOOK_AT_QUEUE:
                    why = yield from self._waits_for()
                progress, waited = replace(progress, waits_for=why), waited + 1
            if progress != last:
                yield Tell(progress)
            last = progress
            yield Pause(pause)
            pause = min(pause * 1.2, max(SLOWEST_LOOK, self.look_seconds))

    def _waits_for(self) -> Flow[str | None]:
        """What a job in the queue waits for, where the endpoint tells it at once."""
        answer = yield from _asked(self._call("GET", "health"), self.pause_seconds, again=False)
        return waits_for(_object(answer)) if answer.status == 200 else None

    def _put(self, place: Uploaded, file: Path) -> Flow[None]:
        answer = yield from _asked(put_call(place, file), self.pause_seconds)
        if answer.status // 100 != 2:
            why = answer.reason or f"HTTP {answer.status}"
            raise UnreachableError(f"{file.name} could not be uploaded to {urlsplit(place.put).hostname} ({why})")

    def _call(self, method: str, what: str, body: Any = None) -> Call:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return Call(method, f"{self.base}/{what}", json=body, headers=headers)

    def _ask(self, method: str, what: str, body: Any = None, *, again: bool = True) -> Flow[Envelope]:
        answer = yield from _asked(self._call(method, what, body), self.pause_seconds, again=again)
        if answer.status != 200:
            raise self._refusal(answer, what)
        return _object(answer)

    def _refusal(self, answer: Answer, what: str) -> TalkingVideoError:
        """What an answer that is no success means, and what to do."""
        host, said, status = urlsplit(self.base).netloc, _said(answer), answer.status
        if status == 0:
            return self._unreached(answer, host, doubt=what == "run" and answer.sent)
        if status in (401, 403):
            name = (
                "token: set TALKING_VIDEO_TOKEN" if self.is_own else f"key: set {KEY} to one that may use {self.name!r}"
            )
            return RefusedError(f"{host} does not accept the {name} ({status}){said}")
        if status == 404:
            return self._unknown(what, host)
        if status == 429 or status >= 500:
            why = "takes no more requests at present" if status == 429 else "has a fault of its own"
            return UnreachableError(f"{host} {why} (HTTP {status}): try again in a while")
        why = "the request is too large for the endpoint" if status == 413 else "the endpoint refused the request"
        return RequestError(f"{why} (HTTP {status}){said}")

    def _unreached(self, answer: Answer, host: str, *, doubt: bool) -> UnreachableError:
        start = "; start it with `make endpoint`, or use --local" if self.is_local else ""
        after = "; the job may have been submitted all the same" if doubt else ""
        return UnreachableError(f"{host} does not answer ({answer.reason}){after}{start}")

    def _unknown(self, what: str, host: str) -> TalkingVideoError:
        kind, _, job_id = what.partition("/")
        if job_id:
            return UnknownJobError(
                f"the endpoint knows no job {job_id!r}: results are kept for 30 minutes after the end"
            )
        if "/v2/" not in self.base:
            return RefusedError(f"{self.base} is no job API ({kind}: 404): the address of one ends in /v2/ID")
        where = "`make endpoint` tells its address first" if self.is_own else "its id stands in RunPod's console"
        return RefusedError(f"{host} has no endpoint {self.name!r} ({kind}: 404): {where}")


@dataclass(frozen=True)
class EndpointStore:
    """The file store of an endpoint on this machine, or of one's own (docs/endpoint.md)."""

    origin: str
    key: str | None
    largest: int | None

    def place(self, file: Path) -> Flow[Uploaded]:
        """One address for one file. Raises RequestError where the endpoint does not take it."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        asked = {"name": file.name, "size": file.stat().st_size}
        answer = yield from _asked(Call("POST", f"{self.origin}/files", json=asked, headers=headers), 1.0)
        if answer.status != 200:
            raise RequestError(f"{file.name} was not taken by the endpoint{_said(answer) or f' ({answer.status})'}")
        found = _object(answer)
        return Uploaded(found["upload"]["url"], found["url"])


def _asked(call: Call, pause: float, *, again: bool = True) -> Flow[Answer]:
    """The answer; what may pass is tried again. `again`: also where the request may have had its effect."""
    for attempt in range(TRIES):
        answer = yield call
        assert answer is not None  # noqa: S101 - a call is always answered
        passing = answer.status in MAY_PASS or (again and answer.status >= 500)
        if answer.status == 0:
            passing = again or not answer.sent
        if not passing or attempt == TRIES - 1:
            return answer
        longest = min(LONGEST_PAUSE, pause * 2**attempt)
        yield Pause(max(_retry_after(answer.headers), longest * random.uniform(0.5, 1.0)))  # noqa: S311
    raise AssertionError


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After", "")
    return min(float(text), LONGEST_PAUSE) if text.isascii() and text.isdigit() else 0.0


def _object(answer: Answer) -> Envelope:
    try:
        found = json.loads(answer.content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UnreachableError("the answer is no JSON: is this the address of a job API?")
    return found


def _said(answer: Answer) -> str:
    """What the endpoint said itself, to stand at the end of a sentence."""
    try:
        found = json.loads(answer.content)
    except ValueError:
        return ""
    text = found.get("error") or found.get("detail") if isinstance(found, dict) else None
    return f": {str(text)[:300]}" if text else ""
