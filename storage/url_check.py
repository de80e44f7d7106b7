"""Whether a URL opens: one byte of it is fetched as its reader would, without keys."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from contract.background import StoppedError
from contract.errors import WorkerError
from storage.address import ELSEWHERE, named_region
from storage.s3_client import S3Client

MOST_REDIRECTS = 5
ERROR_BYTES = 65_536
ANSWER_SECONDS = 5.0
LONGEST_PAUSE = 4.0
CLOCK_SECONDS = 60.0
# Networks in front of stores turn away clients that they do not know by name.
AGENT = "Mozilla/5.0 (compatible; talking-video-worker)"


@dataclass(frozen=True)
class Opening:
    """What came of a URL.

    Args:
        status: of the answer; 0: there was none.
        first: the first byte, of an answer that is no error.
        code: the store's own word for an error, or the name of what broke the connection.
        region: the one that the error names.
        clock_seconds: how far this machine's clock is ahead of the server's.
    """

    status: int
    first: bytes = b""
    code: str = ""
    region: str | None = None
    clock_seconds: float = 0.0

    @property
    def passing(self) -> bool:
        """Whether the same may go well later, whatever the settings."""
        return self.status == 0 or self.status >= 500 or self.status in {408, 425, 429}

    @property
    def is_refusal(self) -> bool:
        """Whether the URL is not as the store wants it, for all that can be told."""
        return self.status >= 300 and self.status != 404 and not self.passing

    def holds(self, first: bytes) -> bool:
        """Whether it opens, with this byte."""
        return 200 <= self.status < 300 and self.first == first

    @property
    def in_words(self) -> str:
        """For a sentence: "answered 403 (AccessDenied)"."""
        named = f" ({self.code})" if self.code else ""
        return f"answered {self.status}{named}" if self.status else f"was not reached{named}"


def open_url(client: S3Client, url: str) -> Opening:
    """Ask for the first byte, through this client's connections, which are judged where the client's are.

    Redirects are followed, as by every reader. Raises WorkerError for a place that a guard refuses.
    """
    for _ in range(MOST_REDIRECTS):
        try:
            with _answer(client, url) as answer:
                location = answer.headers.get("Location", "")
                if answer.status_code not in ELSEWHERE or not location:
                    return _opening(answer)
                following = urljoin(url, location)
        except BotoCoreError as error:
            refusal = getattr(error, "kwargs", {}).get("error")
            if isinstance(refusal, WorkerError):
                raise refusal from None
            return Opening(0, code=type(error).__name__)
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            return Opening(0, code=type(error).__name__)
        if urlsplit(following).scheme not in {"http", "https"}:
            break
        url = following
    return Opening(answer.status_code, code="redirect")


def until_it_holds(
    look: Callable[[], Opening], first: bytes, *, public: bool, seconds: float, stop: threading.Event
) -> Opening:
    """Ask until the URL opens with this byte, with growing pauses, for so many seconds.

    What answers 404 may be there in a moment, as behind a content delivery network; in front of a `public` address
    so may anything else that is no success. A refused signature stays refused.

    Args:
        stop: once it is set, StoppedError is raised.
    """
    pause, latest = 0.25, monotonic() + seconds
    while True:
        seen = look()
        lasting = not (public or seen.passing or seen.status == 404)
        if seen.holds(first) or lasting or monotonic() + pause > latest:
            return seen
        if stop.wait(pause):
            raise StoppedError
        pause = min(2 * pause, LONGEST_PAUSE)


@contextmanager
def _answer(client: Any, url: str) -> Iterator[Any]:
    request = AWSRequest("GET", url, {"Range": "bytes=0-0", "User-Agent": AGENT}, stream_output=True)
    request.context["read_timeout"] = ANSWER_SECONDS
    # Not a session of our own: here proxies, certificates and guard are what they are for the store's other requests,
    # and the connection is open already. botocore has no public place for it.
    answer = client._endpoint.http_session.send(request.prepare())
    with closing(answer.raw):
        yield answer


def _opening(answer: Any) -> Opening:
    status, headers = int(answer.status_code), answer.headers
    wanted = 1 if status < 300 else ERROR_BYTES
    body = b""
    with closing(answer.raw.stream(wanted, decode_content=False)) as pieces:
        for piece in pieces:
            body += piece
            if len(body) >= wanted:
                break
    if status < 300:
        return Opening(status, first=body[:1])
    told = {name: _element(body, name) for name in ("Code", "Message", "Region", "Endpoint")}
    plain = {name.lower(): value for name, value in headers.items()}
    return Opening(
        status,
        code=told["Code"] if re.fullmatch(r"[A-Za-z0-9.]{1,64}", told["Code"]) else "",
        region=named_region(plain, told),
        clock_seconds=_ahead(plain),
    )


def _element(body: bytes, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), body)
    return found[1].decode("utf-8", "replace").replace("&apos;", "'").replace("&#39;", "'") if found else ""


def _ahead(headers: Mapping[str, str]) -> float:
    try:
        theirs = parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        return 0.0
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return (datetime.now(UTC) - theirs).total_seconds()
