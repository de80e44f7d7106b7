"""The proxies that the environment names, where the operator allows them."""

import urllib.request
from dataclasses import dataclass, field

from urllib3.exceptions import LocationParseError
from urllib3.util import make_headers, parse_url

from sources.places import Place
from sources.transfer import UnavailableError


@dataclass(frozen=True)
class Proxy:
    """An http proxy; `headers` are for it alone. Its repr shows no password."""

    host: str
    port: int
    headers: dict[str, str] = field(repr=False)
    url: str = field(repr=False)


def proxy_for(place: Place) -> Proxy | None:
    """The proxy for a place, or None where the environment names none or excepts the host.

    Raises:
        UnavailableError: it is no http proxy.
    """
    if urllib.request.proxy_bypass(place.host):
        return None
    named = urllib.request.getproxies()
    text = named.get(place.scheme) or named.get("all")
    if not text:
        return None
    try:
        parts = parse_url(text if "://" in text else f"http://{text}")
    except LocationParseError as error:
        raise UnavailableError("the worker's proxy setting cannot be used") from error
    if parts.scheme != "http" or not parts.host:
        raise UnavailableError("the worker's proxy setting cannot be used")
    user = ":".join(part or "" for part in parts.auth_decoded) if parts.auth else None
    headers = make_headers(proxy_basic_auth=user) if user else {}
    return Proxy(parts.host.strip("[]"), parts.port or 80, {**headers}, parts.url)
