"""From a place to a connected socket: every address checked, and none but a checked one connected to."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from ipaddress import IPv4Address, ip_address

import urllib3

from sources.addresses import Address
from sources.places import Place, WebPolicy, refused
from sources.proxies import Proxy
from sources.transfer import Transfer, UnavailableError

POLL_SECONDS = 0.05
NO_SUCH_NAME = (socket.EAI_NONAME, socket.EAI_NODATA)
Resolver = Callable[[str], tuple[str, ...]]
# OpenSSL's numbers (x509_vfy.h) for what is wrong with a certificate.
EXPIRED, NOT_YET, OTHER_NAME, OTHER_ADDRESS, SELF_SIGNED, REVOKED = 10, 9, 62, 64, 18, 23
UNKNOWN_ISSUER = (2, 19, 20, 21)
CERTIFICATES = {
    EXPIRED: "the server's certificate has expired",
    NOT_YET: "the server's certificate is not valid yet",
    OTHER_NAME: "the server's certificate is not valid for that name",
    OTHER_ADDRESS: "the server's certificate is not valid for that address",
    SELF_SIGNED: "the server's certificate is signed by itself, so nobody vouches for it",
    REVOKED: "the server's certificate was revoked",
    **dict.fromkeys(
        UNKNOWN_ISSUER,
        "the server's certificate comes from an issuer that is not trusted here, or was sent without its chain",
    ),
}
BY_THE_CLOCK = (EXPIRED, NOT_YET)  # the clock that is wrong may be this machine's
NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


class TransientError(UnavailableError):
    """What may pass when the same is asked again, in `wait_seconds` at the earliest."""

    def __init__(self, message: str, wait_seconds: float = 0) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


@contextmanager
def explained(transfer: Transfer) -> Iterator[None]:
    """Turn what the network raises into a reason for the caller; after a cut, into the reason of the cut."""
    try:
        yield
    except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
        transfer.check()
        raise _reason(error) from error


def _reason(error: Exception) -> UnavailableError:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = CERTIFICATES.get(error.verify_code, "the server's certificate cannot be trusted")
        return UnavailableError(said, lasting=error.verify_code not in BY_THE_CLOCK)
    if isinstance(error, ssl.SSLError) and error.reason in NO_TLS:
        return UnavailableError(
            "the server does not speak https there: send an http:// URL if that is meant", lasting=True
        )
    if isinstance(error, socket.gaierror) and error.errno in NO_SUCH_NAME:
        return UnavailableError("the name of the server is not known")
    if isinstance(error, urllib3.exceptions.DecodeError):
        return UnavailableError("the server sent broken data")
    if isinstance(error, (TimeoutError, urllib3.exceptions.TimeoutError)):
        return TransientError("the server did not answer in time")
    return TransientError("the server could not be reached, or did not send everything")


def look_up(host: str) -> tuple[str, ...]:
    """Every address of a name, best first; numbers in any notation count as names.

    Raises:
        OSError: it has none, or nobody can tell.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Dialer:
    """Opens connections as a policy allows.

    Args:
        resolve: gives every address of a name; raises OSError.
        seconds: for a look-up, and again for each address.
    """

    def __init__(self, policy: WebPolicy, resolve: Resolver, seconds: float) -> None:
        self._policy = policy
        self._resolve = resolve
        self._seconds = seconds

    def dial(self, place: Place, proxy: Proxy | None, transfer: Transfer) -> socket.socket:
        """Connect to the place, or to the proxy that will.

        Raises:
            WorkerError: SOURCE_REFUSED when one address of the name is not public.
            UnavailableError, OSError: nobody can be reached.
        """
        if proxy is None:
            return self._connected(self.find(place, transfer), place.port, transfer)
        self.check_numbers(place)  # of names the proxy alone knows the addresses
        return self._connected(self._addresses(proxy.host, look_up, transfer), proxy.port, transfer)

    def find(self, place: Place, transfer: Transfer) -> list[Address]:
        """Every address of the place, each of them allowed. Raises as `dial`."""
        addresses = self._addresses(place.host, self._resolve, transfer)
        for address in addresses:
            self._policy.check_address(address, place)
        return addresses

    def check_numbers(self, place: Place) -> None:
        """Raises WorkerError SOURCE_REFUSED where the host is an address in itself, and not public."""
        for address in _numbers(place.host):
            self._policy.check_address(address, place)

    def _connected(self, addresses: list[Address], port: int, transfer: Transfer) -> socket.socket:
        problem = OSError("no address")
        for address in addresses:
            transfer.check()
            family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                transfer.hold(sock)
                sock.settimeout(self._seconds)
                sock.connect((str(address), port))
            except OSError as error:
                sock.close()
                problem = error
            else:
                return sock
        raise problem

    def _addresses(self, host: str, resolve: Resolver, transfer: Transfer) -> list[Address]:
        """Look a name up. Nothing can end a look-up: when time is up, it is left alone in a thread of its own."""
        future: Future[tuple[str, ...]] = Future()

        def run() -> None:
            try:
                future.set_result(resolve(host))
            except (OSError, UnicodeError) as error:
                future.set_exception(error)

        threading.Thread(target=run, name="look-up", daemon=True).start()
        end = time.monotonic() + self._seconds
        while not wait([future], timeout=POLL_SECONDS).done:
            transfer.check()
            if time.monotonic() > end:
                raise TransientError("the name of the server could not be looked up in time")
        try:
            found = [ip_address(text) for text in future.result()]
        except UnicodeError as error:  # an empty label, or one that is too long
            raise refused("the address is not a valid URL") from error
        if not found:
            raise UnavailableError("the name of the server is not known")
        return found


def _numbers(host: str) -> list[Address]:
    """The address that a host is in itself, in whatever notation."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [ip_address(str(entry[4][0])) for entry in found]
