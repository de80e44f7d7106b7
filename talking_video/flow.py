"""What is done, apart from how: a flow says which requests to make, and a synchronous or an asynchronous driver makes
them. So every step is written once for both."""

import asyncio
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx

PIECE_BYTES = 1 << 16
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One request. `body` is a file to send; the answer goes to the end of the file `into` where that is named."""

    method: str
    url: str
    json: Any = None
    body: Path | None = None
    into: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Tell:
    """Something for whoever follows."""

    event: Any


@dataclass(frozen=True)
class Answer:
    """To a call. `status` 0: none; then `reason` says why, and `sent` whether the request may have arrived."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    reason: str = ""
    sent: bool = True


Flow = Generator[Call | Pause | Tell, Answer | None, T]


class Outcome(Generic[T]):
    """Holds what a flow returns."""

    value: T


def run(flow: Flow[T], http: httpx.Client) -> T:
    """To its end; what it tells is told to nobody."""
    outcome: Outcome[T] = Outcome()
    for _ in follow(flow, http, outcome):
        pass
    return outcome.value


def follow(flow: Flow[T], http: httpx.Client, outcome: Outcome[T] | None = None) -> Iterator[Any]:
    """What a flow tells, until its end."""
    answer: Answer | None = None
    try:
        while True:
            step = flow.send(answer)
            answer = None
            if isinstance(step, Pause):
                time.sleep(step.seconds)
            elif isinstance(step, Tell):
                yield step.event
            else:
                answer = _call(step, http)
    except StopIteration as end:
        if outcome is not None:
            outcome.value = end.value
    finally:
        flow.close()


async def run_async(flow: Flow[T], http: httpx.AsyncClient) -> T:
    """As `run`."""
    outcome: Outcome[T] = Outcome()
    async for _ in follow_async(flow, http, outcome):
        pass
    return outcome.value


async def follow_async(flow: Flow[T], http: httpx.AsyncClient, outcome: Outcome[T] | None = None) -> AsyncIterator[Any]:
    """As `follow`."""
    answer: Answer | None = None
    try:
        while True:
            step = flow.send(answer)
            answer = None
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Tell):
                yield step.event
            else:
                answer = await _call_async(step, http)
    except StopIteration as end:
        if outcome is not None:
            outcome.value = end.value
    finally:
        flow.close()


def _call(call: Call, http: httpx.Client) -> Answer:
    content = b""
    try:
        with ExitStack() as files, http.stream(**_request(call, files, _pieces)) as found:
            target = _target(call, found.status_code, files)
            for piece in found.iter_bytes(PIECE_BYTES):
                if target is None:
                    content += piece
                else:
                    target.write(piece)
            return Answer(found.status_code, found.headers, content)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _no_answer(error)


async def _call_async(call: Call, http: httpx.AsyncClient) -> Answer:
    content = b""
    try:
        with ExitStack() as files:
            async with http.stream(**_request(call, files, _pieces_async)) as found:
                target = _target(call, found.status_code, files)
                async for piece in found.aiter_bytes(PIECE_BYTES):
                    if target is None:
                        content += piece
                    else:
                        target.write(piece)
                return Answer(found.status_code, found.headers, content)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _no_answer(error)


def _request(call: Call, files: ExitStack, pieces: Any) -> dict[str, Any]:
    """For httpx's `stream`. A body is sent piece by piece, with its length: places that are presigned want one."""
    headers, more = dict(call.headers), {}
    if call.body is not None:
        headers["Content-Length"] = str(call.body.stat().st_size)
        more["content"] = pieces(files.enter_context(call.body.open("rb")))
    elif call.json is not None:
        more["json"] = call.json
    return {"method": call.method, "url": call.url, "headers": headers, "timeout": call.seconds, **more}


def _target(call: Call, status: int, files: ExitStack) -> Any:
    if call.into is None or status not in (200, 206):
        return None
    return files.enter_context(call.into.open("ab" if status == 206 else "wb"))


def _pieces(file: Any) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


async def _pieces_async(file: Any) -> AsyncIterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _no_answer(error: Exception) -> Answer:
    not_sent = isinstance(
        error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol | httpx.InvalidURL
    )
    return Answer(0, reason=str(error) or type(error).__name__, sent=not not_sent)
