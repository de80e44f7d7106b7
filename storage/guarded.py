"""Connections to a place that a caller names: made by a guard, which alone knows where they may go."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import NewConnectionError

from contract.errors import ErrorCode, Stage, WorkerError


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


def guarded_session(guard: Guard) -> requests.Session:
    """A session that connects through the guard and knows neither proxies nor netrc of the environment."""
    session = requests.Session()
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _GuardedAdapter(guard))
    return session


def guarded_pools(pools: Mapping[str, type[HTTPConnectionPool]], guard: Guard) -> dict[str, type[HTTPConnectionPool]]:
    """The same urllib3 pools by scheme, their connections made by the guard. What it refuses passes through urllib3."""

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
        connection = type("GuardedConnection", (pool.ConnectionCls,), {"_new_conn": new_conn})
        return type("GuardedPool", (pool,), {"ConnectionCls": connection})

    return {scheme: guarded(pool) for scheme, pool in pools.items()}


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, guard: Guard) -> None:
        super().__init__()
        manager = self.poolmanager
        manager.pool_classes_by_scheme = guarded_pools(manager.pool_classes_by_scheme, guard)
