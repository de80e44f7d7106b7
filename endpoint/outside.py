"""How this endpoint asks others, for the page."""

import httpx


def client_for(url: str, timeout: httpx.Timeout) -> httpx.AsyncClient:
    """A client for this one address, which follows no redirect. Authorities are read where TLS is used alone: each
    reading takes a tenth of a second."""
    return httpx.AsyncClient(timeout=timeout, verify=url.startswith("https:"))
