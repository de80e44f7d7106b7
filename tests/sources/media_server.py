"""An HTTP server on 127.0.0.1 whose every answer a test writes itself."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from sources.fetch import FetchLimits, Inputs, fetch_inputs
from sources.places import WebPolicy
from sources.web import Times, Web

Answer = Callable[[BaseHTTPRequestHandler], None]
PATIENCE = 60.0  # only a test that fails waits so long
LIMIT = 100_000
HERE = WebPolicy(allow_private_hosts=frozenset({"127.0.0.1"}))
AT_ONCE = Times(connect=PATIENCE, read=PATIENCE, back_off=0.001)


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Talk to 127.0.0.1 and not to a proxy of this machine."""
    for name in list(os.environ):
        if name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


@contextmanager
def serving(**answers: Answer) -> Iterator[str]:
    """Answers GET /<name>; gives the address with a slash at its end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers[self.path.strip("/")](self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(body: bytes = b"", status: int = 200, *, length: int | None = None, **headers: str) -> Answer:
    """A fixed answer; `length` is what Content-Length says, whatever the body has."""

    def write(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return write


def refused_address() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/voice"


def fetched(
    tmp_path: Path,
    image: str,
    *voices: str,
    roots: tuple[Path, ...] = (),
    most: int = LIMIT,
    cancel: Cancellation | None = None,
) -> Inputs:
    """Through the code under test, into a folder of its own."""
    folder = tmp_path / "job"
    folder.mkdir(exist_ok=True)
    limits = FetchLimits(roots, most, most, HERE)
    return fetch_inputs(image, voices, folder, limits, cancel or Cancellation(), web=Web(HERE, times=AT_ONCE))
