"""One guarded HTTP GET: checked places only, counted bytes, limited time, repeated when that may help."""

import http.client
import io
import random
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from time import time
from typing import Any

import certifi
import urllib3

from sources.dial import Dialer, Resolver, TransientError, explained, look_up
from sources.places import Place, WebPolicy, place_of, redirected
from sources.proxies import Proxy, proxy_for
from sources.transfer import Transfer, UnavailableError, save_pieces

CHUNK_BYTES = 1 << 16
ATTEMPTS = 3
REDIRECTS_MOST = 5
SERVER_ERRORS = 5  # hundred
MAY_PASS = (http.client.REQUEST_TIMEOUT, http.client.TOO_EARLY, http.client.TOO_MANY_REQUESTS)
REDIRECT_STATUS = (301, 302, 303, 307, 308)
HEADERS = {
    "User-Agent": "talking-video-worker",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


@dataclass(frozen=True)
class Times:
    """Seconds: to look a name up, and again to connect to each address; between two pieces; before the first
    repetition, twice as long before the next."""

    connect: float = 10
    read: float = 30
    back_off: float = 0.5


class Web:
    """The one way to the web.

    Args:
        policy: where it may go.
        resolve: gives every address of a name; raises OSError.
        times: limits of single steps; `policy.total_seconds` is that of the whole.
        tls: whose certificates are believed; default: this machine's and the usual authorities'.
    """

    def __init__(
        self,
        policy: WebPolicy,
        *,
        resolve: Resolver = look_up,
        times: Times | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._times = times or Times()
        self._dialer = Dialer(policy, resolve, self._times.connect)
        self._tls = tls

    @cached_property
    def _context(self) -> ssl.SSLContext:
        if self._tls is not None:
            return self._tls
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        return context

    def save(self, url: str, target: Path, most: int, transfer: Transfer) -> None:
        """Download `url` to `target`; connection errors, 408, 425, 429 and 5xx are tried three times.

        Raises:
            UnavailableError: with the reason, for the caller.
            WorkerError: SOURCE_REFUSED, SOURCE_TOO_LARGE beyond `most` bytes, CANCELLED.
        """
        place = place_of(url)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._save_once(place, target, most, transfer)
            except TransientError as error:
                pause = max(error.wait_seconds, self._times.back_off * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311
                if attempt == ATTEMPTS or pause >= transfer.left:
                    raise
            transfer.wait(pause)
        return None

    def _save_once(self, place: Place, target: Path, most: int, transfer: Transfer) -> None:
        for _ in range(REDIRECTS_MOST + 1):
            with self._answer(place, transfer) as answer:
                location = answer.headers.get("Location") if answer.status in REDIRECT_STATUS else None
                if location is None:
                    _check_status(answer)
                    if save_pieces(_pieces(answer, transfer), target, most, transfer) == 0:
                        raise TransientError("the server sent no bytes")
                    return
            place = redirected(place, location)
        raise UnavailableError(f"the server redirected more than {REDIRECTS_MOST} times", lasting=True)

    @contextmanager
    def _answer(self, place: Place, transfer: Transfer) -> Iterator[urllib3.HTTPResponse]:
        """The head of the answer to one GET, its body still to come."""
        self._policy.check_port(place)
        proxy = proxy_for(place) if self._policy.allow_proxy else None
        with explained(transfer):
            connection = self._connection(place, proxy)
        try:
            with explained(transfer):
                # http.client's own hook for other ways to connect; it would look the name up again
                connection._create_connection = lambda *_: self._dialer.dial(place, proxy, transfer)  # type: ignore[attr-defined]
                connection.connect()
                connection.sock.settimeout(self._times.read)
                if proxy and place.scheme == "http":
                    connection.request("GET", place.url, headers={**HEADERS, **proxy.headers})
                else:
                    connection.request("GET", place.target, headers=HEADERS)
                raw = connection.getresponse()
            with closing(raw):
                transfer.check()  # headers that were cut off look like headers that ended
                with explained(transfer):
                    answer = _decoding(raw)
                yield answer
        finally:
            transfer.release()
            connection.close()

    def _connection(self, place: Place, proxy: Proxy | None) -> http.client.HTTPConnection:
        name = place.host.rstrip(".")  # certificates have no dot at the end
        host, port = (proxy.host, proxy.port) if proxy else (name, place.port)
        connection = http.client.HTTPConnection(host, port)
        if place.scheme == "https":
            connection = http.client.HTTPSConnection(host, port, context=self._context)
            if proxy:
                connection.set_tunnel(name, place.port, proxy.headers)
        connection.response_class = _Response
        return connection


class _Response(http.client.HTTPResponse):
    """Reads its connection with care."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fp = _Careful(self.fp.detach())


class _Careful(io.BufferedReader):
    """Does not read all there is: a chunk length of -1 would ask for it."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Raises HTTPException without a size."""
        if size is None or size < 0:
            raise http.client.HTTPException("a read without a size")
        return super().read(size)


def _decoding(raw: http.client.HTTPResponse) -> urllib3.HTTPResponse:
    """The answer with its Content-Encoding undone piece by piece."""
    return urllib3.HTTPResponse(
        body=raw,
        headers=urllib3.HTTPHeaderDict(raw.headers.items()),
        status=raw.status,
        original_response=raw,
        request_method="GET",
        preload_content=False,
    )


def _pieces(answer: urllib3.HTTPResponse, transfer: Transfer) -> Iterator[bytes]:
    with explained(transfer):
        yield from answer.stream(CHUNK_BYTES, decode_content=True)


def _check_status(answer: urllib3.HTTPResponse) -> None:
    if answer.status == http.client.OK:
        return
    message = f"the server answered HTTP {answer.status}"
    if answer.status in MAY_PASS or answer.status // 100 == SERVER_ERRORS:
        raise TransientError(message, _retry_after(answer.headers.get("Retry-After", "")))
    raise UnavailableError(message, lasting=True)


def _retry_after(text: str) -> float:
    """Seconds, from a number or a date; 0 from anything else."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except (ValueError, OverflowError):
        return 0.0
