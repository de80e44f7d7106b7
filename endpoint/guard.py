"""Who may talk to the endpoint: it stands on one person's machine, beside a browser full of strangers' pages.

A page of another site can send requests here, and by a name that it points to 127.0.0.1 (DNS rebinding) even read the
answers. So the Host must be one of ours, and an Origin, which browsers send, must be that host; nobody else is allowed
to read anything (no CORS). With a token, whoever shows it may call from any host.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders

from endpoint.worker_api import PLACES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OF_WORKERS = re.compile(rf"/v2/[^/]+/({'|'.join(PLACES)})/")  # these show a key of their own
WITH_TOKEN = re.compile(r"/v2/|/files/?$")  # an address of a file carries its permission
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True)
class Guard:
    """Around an application.

    Args:
        hosts: what the Host header may be, in lower case, with the port; None: anything.
        token: what every call must show; None: nothing.
    """

    app: App
    hosts: frozenset[str] | None
    token: str | None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] != "http":
            return

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope, Headers(scope=scope))
        await (refusal or self.app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "").lower()
        if self.hosts is not None and host not in self.hosts:
            return _refused(403, f"this endpoint is called {' or '.join(sorted(self.hosts))}")
        if not _is_own(headers, host, scope["method"]):
            return _refused(403, "pages of other sites may not use this endpoint")
        path = scope["path"]
        if self.token is None or OF_WORKERS.match(path) or not WITH_TOKEN.match(path):
            return None
        shown = headers.get("authorization", "").removeprefix("Bearer ").strip()
        if secrets.compare_digest(shown.encode(), self.token.encode()):
            return None
        return _refused(401, "send the endpoint's token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})


def _is_own(headers: Headers, host: str, method: str) -> bool:
    """Whether no page, or a page of this endpoint, sends this; a link to a file may be followed from anywhere."""
    origin = headers.get("origin")
    if origin is not None and _host_of(origin) != host:
        return False
    navigates = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return navigates or headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin.lower()).netloc
    except ValueError:
        return ""


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status, headers)
