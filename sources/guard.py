"""The rules for sources, for connections that others make: to the places that a job names for its result."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from contract.cancel import Cancellation
from sources.dial import Dialer, Resolver, explained, look_up
from sources.places import Place, WebPolicy, place_of
from sources.proxies import Proxy, proxy_for
from sources.transfer import Transfer, UnavailableError

CONNECT_SECONDS = 10.0
ALL_SECONDS = 60.0


class Guard:
    """Says whether a place may be talked to, and connects to it.

    Args:
        policy: where.
        resolve: gives every address of a name; raises OSError.
        seconds: for a look-up, and again for each address.
    """

    def __init__(self, policy: WebPolicy, *, resolve: Resolver = look_up, seconds: float = CONNECT_SECONDS) -> None:
        self._policy = policy
        self._dialer = Dialer(policy, resolve, seconds)

    def check(self, url: str) -> None:
        """Look the place up; nothing is sent to it.

        Raises:
            WorkerError: SOURCE_REFUSED for what is no http(s) URL, its port, or one of its addresses.
            ConnectionError: the name cannot be looked up; the text is for the caller.
        """
        place = place_of(url)
        with _told() as transfer:
            if self._proxy(place) is None:
                self._dialer.find(place, transfer)

    def proxies(self, url: str) -> dict[str, str]:
        """The proxy that connections to this place go through, by the URL's scheme; empty for none.

        Raises as `check`.
        """
        place = place_of(url)
        with _told():
            proxy = self._proxy(place)
        return {} if proxy is None else {place.scheme: proxy.url}

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to an address that was checked.

        Args:
            host: a name in ASCII, or an address, with or without brackets.

        Raises:
            WorkerError: SOURCE_REFUSED for the port, or one of the addresses.
            ConnectionError: none was reached; the text is for the caller.
        """
        place = Place("http", host.lower().strip("[]"), port, "/")
        self._policy.check_port(place)
        with _told() as transfer:
            return self._dialer.dial(place, None, transfer)

    def _proxy(self, place: Place) -> Proxy | None:
        """Raises SOURCE_REFUSED for what can be told without looking a name up, UnavailableError as `proxy_for`."""
        self._policy.check_port(place)
        if not self._policy.allow_proxy:
            return None
        proxy = proxy_for(place)
        if proxy is not None:
            self._dialer.check_numbers(place)
        return proxy


@contextmanager
def _told() -> Iterator[Transfer]:
    transfer = Transfer(Cancellation(), ALL_SECONDS)
    try:
        with explained(transfer):
            yield transfer
    except UnavailableError as error:
        raise ConnectionError(str(error)) from error
    finally:
        transfer.release()
