"""Connections to a place that a caller names: made by a guard, which alone knows where they may go."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import NewConnectionError, ProtocolError
from urllib3.response import BaseHTTPResponse

from contract.errors import ErrorCode, Stage, WorkerError

ANSWER_BYTES = 1 << 20  # what a store has to say are a few lines


class Guard(Protocol):
    """Judges places by their addresses. A place that it refuses is a WorkerError SOURCE_REFUSED, one that is not
    reached a ConnectionError; the texts of both are for the caller."""

    def check(self, url: str) -> None:
        """Whether the place may be talked to; nothing is sent."""

    def proxies(self, url: str) -> dict[str, str]:
        """The proxy for this place by the URL's scheme, or none; the place has then been judged."""

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to an address that was judged just now."""


@contextmanager
def judged(called: str, stage: Stage) -> Iterator[None]:
    """Turn a guard's refusal into STORAGE_MISCONFIGURED, and a place that is not reached into STORAGE_FAILED.

    Args:
        called: what names the place, as the caller knows it.
    """
    try:
        yield
    except ConnectionError as error:
        raise WorkerError(ErrorCode.STORAGE_FAILED, f"The {called} cannot be used: {error}.", stage=stage) from None
    except WorkerError as error:
        if error.code is not ErrorCode.SOURCE_REFUSED:
            raise
        message = f"The {called} cannot be used: {error.message}."
        raise WorkerError(ErrorCode.STORAGE_MISCONFIGURED, message, stage=stage) from None


def guarded_session(guard: Guard, answer_seconds: float) -> requests.Session:
    """A session that connects through the guard and knows neither proxies nor netrc of the environment. Redirects are
    answers like others; `answer_seconds` as in `guarded_pools`."""
    session = _Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _GuardedAdapter(guard, answer_seconds))
    return session


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the base class has it
        """None: requests reads the whole body of a redirect, and unpacks it, also of one that it does not follow."""
        return None


def guarded_pools(
    pools: Mapping[str, type[HTTPConnectionPool]], guard: Guard, answer_seconds: float
) -> dict[str, type[HTTPConnectionPool]]:
    """The same urllib3 pools by scheme, their connections made by the guard. What it refuses passes through urllib3.

    A connection breaks where the head of an answer, or its body, takes longer than `answer_seconds` in all, or a body
    has more than `ANSWER_BYTES`. Not so behind a proxy, which is the operator's.
    """

    def new_conn(connection: HTTPConnection) -> socket.socket:
        try:
            # The name as it was given: a dot at its end keeps search domains out of a look-up.
            sock = guard.connect(connection._dns_host, connection.port)
        except ConnectionError as error:
            raise NewConnectionError(connection, str(error)) from error
        for option in connection.socket_options or ():
            sock.setsockopt(*option)
        sock.settimeout(connection.timeout)
        return sock

    def guarded(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
        # the one place where urllib3 opens sockets; names for TLS and Host are set elsewhere
        members = {"_new_conn": new_conn, "getresponse": _bounded(pool.ConnectionCls, answer_seconds)}
        connection = type("GuardedConnection", (pool.ConnectionCls,), members)
        return type("GuardedPool", (pool,), {"ConnectionCls": connection})

    return {scheme: guarded(pool) for scheme, pool in pools.items()}


def _bounded(kind: type[Any], seconds: float) -> Callable[[HTTPConnection], BaseHTTPResponse]:
    """A `getresponse` whose answers are short and come in time. A socket's own limit is for each piece, and here a
    stranger chooses their number."""

    def getresponse(connection: HTTPConnection) -> BaseHTTPResponse:
        sock = connection.sock
        with _time_limit(sock, seconds):
            answer: BaseHTTPResponse = kind.getresponse(connection)
        pieces = answer.stream

        def stream(*args: Any, **named: Any) -> Iterator[bytes]:
            received = 0
            with _time_limit(sock, seconds):
                for piece in pieces(*args, **named):
                    received += len(piece)
                    if received > ANSWER_BYTES:
                        raise ProtocolError("an answer that is too long")
                    yield piece

        answer.stream = stream  # type: ignore[method-assign]
        return answer

    return getresponse


@contextmanager
def _time_limit(sock: socket.socket | None, seconds: float) -> Iterator[None]:
    """Cuts the connection after so many seconds. Raises ProtocolError then: what was cut can look whole."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):
            # not TLS's own shutdown: the thread that reads would trip over it
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # type: ignore[arg-type]

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if late.is_set():
        raise ProtocolError("an answer that takes too long")


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, guard: Guard, answer_seconds: float) -> None:
        super().__init__()
        manager = self.poolmanager
        manager.pool_classes_by_scheme = guarded_pools(manager.pool_classes_by_scheme, guard, answer_seconds)
