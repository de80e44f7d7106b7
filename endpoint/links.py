"""Addresses of the endpoint's own store, as workers know them and as a caller can open them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from endpoint.store import Store

SIGNED = "?signature="


@dataclass(frozen=True)
class Links:
    """Workers always see `inner` as the begin of an address; callers see the host by which they reached the endpoint.

    Args:
        inner: such as http://127.0.0.1:8000.
        hosts: all that this endpoint is called, with the port; None: whatever a caller calls it.
    """

    inner: str
    store: Store
    hosts: frozenset[str] | None = None

    def base_of(self, request: Request) -> str:
        """The endpoint as this caller knows it."""
        return f"{request.url.scheme}://{request.url.netloc}"

    def inward(self, body: dict[str, Any], request: Request) -> dict[str, Any]:
        """A caller's request for a worker: addresses of this store begin with `inner`."""
        names = self.hosts if self.hosts is not None else {request.url.netloc}
        outer = [f"{request.url.scheme}://{name}/files/" for name in names]

        def look(text: str) -> str:
            own = next((address for address in outer if text.startswith(address)), None)
            return text if own is None else f"{self.inner}/files/{text.removeprefix(own)}"

        found: dict[str, Any] = each_text(body, look)
        return found

    def outward(self, envelope: dict[str, Any], request: Request | None = None) -> dict[str, Any]:
        """An answer for a caller: what is in the store has an address that opens, never a path.

        Args:
            request: what is answered; None: a webhook, which gets the address that is known here.
        """
        inner, base = f"{self.inner}/files/", self.inner if request is None else self.base_of(request)

        def look(text: str) -> str:
            if text.startswith("/") and (address := self.store.address_of(text)):
                return base + address
            if not text.startswith(inner):
                return text
            path = text.removeprefix(self.inner)
            return base + (path if SIGNED in path else self.store.signed(path))

        found: dict[str, Any] = each_text(envelope, look)
        return found


def each_text(value: Any, look: Callable[[str], str]) -> Any:
    """The same JSON with every text in it as `look` has it."""
    if isinstance(value, str):
        return look(value)
    if isinstance(value, dict):
        return {name: each_text(inner, look) for name, inner in value.items()}
    if isinstance(value, list):
        return [each_text(inner, look) for inner in value]
    return value
