"""Where a URL may point: what its text may be, which ports, which addresses."""

import re
import urllib.parse
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from contract.errors import ErrorCode, WorkerError
from sources.addresses import METADATA, Address, is_public, plain

URL_MAX_CHARS = 8192
DEFAULT_PORTS = {"http": 80, "https": 443}
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
AUTHORITY = re.compile(r"[^/?#]*//([^/?#]*)")
HOST = re.compile(r"[a-z0-9._-]{1,254}|\[[0-9a-f:.]+\]")
WITH_PORT = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:/\[\]]+)):([0-9]{1,5})")


@dataclass(frozen=True)
class Place:
    """Where one request goes. `host` is in lower case and ASCII, without brackets; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str
    called: str = "the address"

    @property
    def url(self) -> str:
        """The whole as a URL, the port where it is not the usual one: signatures may cover the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"


@dataclass(frozen=True)
class WebPolicy:
    """What the worker may fetch from the web.

    Args:
        allow_private_hosts: host names, addresses and networks that may be private; a host that is listed as it
            stands in the URL may be on any port. Metadata services must be listed by their own address.
            With a port (`127.0.0.1:8000`, `[::1]:8000`) an entry is for that port alone.
        allowed_ports: of every other host.
        allow_proxy: use the proxies that the environment names. Names are then looked up by the proxy.
        total_seconds: for one source, with its redirects and repetitions.
    """

    allow_private_hosts: frozenset[str] = frozenset()
    allowed_ports: frozenset[int] = frozenset(DEFAULT_PORTS.values())
    allow_proxy: bool = False
    total_seconds: float = 120

    def check_port(self, place: Place) -> None:
        """Raises WorkerError SOURCE_REFUSED for a port that is not allowed."""
        if place.port not in self.allowed_ports and not self._lists(place):
            raise refused(f"{place.called} has a port that is not allowed")

    def check_address(self, address: Address, place: Place) -> None:
        """Raises WorkerError SOURCE_REFUSED unless the address is public or excepted."""
        if not is_public(address) and not self._excepts(address, place):
            raise refused(f"{place.called} is not public")

    def _lists(self, place: Place) -> bool:
        try:
            return self._has(ip_address(place.host), place.port)
        except ValueError:
            return place.host.rstrip(".") in self._names(place.port)

    def _excepts(self, address: Address, place: Place) -> bool:
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return False
        end, name = plain(address), place.host.rstrip(".")
        return self._has(end, place.port) or (end not in METADATA and name in self._names(place.port))

    def _has(self, address: Address, port: int) -> bool:
        return any(
            address in network and (address not in METADATA or network.num_addresses == 1)
            for network in map(_network, self._entries(port))
            if network is not None
        )

    def _names(self, port: int) -> set[str]:
        return {entry.lower().rstrip(".") for entry in self._entries(port) if _network(entry) is None}

    def _entries(self, port: int) -> list[str]:
        """What is excepted on this port, without ports."""
        split = map(split_port, self.allow_private_hosts)
        return [host for host, only in split if only in (None, port)]


def split_port(entry: str) -> tuple[str, int | None]:
    """A host, address or network, and the port behind it where there is one."""
    match = WITH_PORT.fullmatch(entry)
    return (match[1] or match[2], int(match[3])) if match else (entry, None)


def refused(message: str) -> WorkerError:
    """The error for a place this worker does not read from."""
    return WorkerError(ErrorCode.SOURCE_REFUSED, message)


def place_of(url: str, called: str = "the address") -> Place:
    """Take a URL apart; the one reading of it that everything else uses.

    Raises:
        WorkerError: SOURCE_REFUSED for what is no http(s) URL, names a user, or has a host that cannot be one.
    """
    if len(url) > URL_MAX_CHARS:
        raise refused(f"{called} has more than {URL_MAX_CHARS} characters")
    if FORBIDDEN.search(url):
        raise refused(f"{called} has a backslash or control characters")
    try:
        parts = parse_url(url)
    except (LocationParseError, UnicodeError) as error:
        raise refused(f"{called} is not a valid URL") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise refused(f"{called} is not an http(s) URL")
    authority = AUTHORITY.match(url)
    if authority is None or "@" in authority[1]:
        raise refused(f"{called} names a user, or no host")
    host = (parts.host or "").lower()
    if "%" in authority[1] or not HOST.fullmatch(host):
        raise refused(f"{called} is not a valid URL")
    port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    return Place(parts.scheme, host.strip("[]"), port, parts.request_uri, called)


def redirected(place: Place, location: str) -> Place:
    """Where the Location of an answer from `place` leads.

    Raises:
        WorkerError: SOURCE_REFUSED as `place_of`, and for a way from https to http.
    """
    called = "the address it redirects to"
    # http.client gives header bytes as Latin-1; what servers mean is UTF-8
    text = location.encode("latin-1", "replace").decode("utf-8", "replace")
    if FORBIDDEN.search(text):
        raise refused(f"{called} has a backslash or control characters")
    try:
        joined = urllib.parse.urljoin(place.url, text)
    except ValueError as error:
        raise refused(f"{called} is not a valid URL") from error
    there = place_of(joined, called)
    if (place.scheme, there.scheme) == ("https", "http"):
        raise refused(f"{called} leads from https to http")
    return there


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None
