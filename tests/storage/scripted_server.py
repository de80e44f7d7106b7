"""A server on 127.0.0.1 whose every answer the test chooses, and what it has been asked."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)


NO_LENGTH = -1
RECEIVE_BYTES = 131_072  # left to itself, Linux lets a receiver hold up to 32 MiB that it has not read


@dataclass(frozen=True)
class Answer:
    """What to send back.

    `length` replaces the true Content-Length (for HEAD), `NO_LENGTH` leaves it out; `hang_up` sends nothing at all;
    `after` is awaited before anything is sent.
    """

    status: int = 200
    body: bytes = b""
    length: int | None = None
    hang_up: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    after: threading.Event | None = None


@dataclass
class Scripted:
    """A running server and what it has been asked, in order.

    `broken` are requests whose body ended before its time; they are neither in `seen` nor answered.
    """

    answer: Callable[[Seen], Answer]
    pace: Callable[[int], object]
    keeps: bool = False
    url: str = ""
    connections: int = 0
    seen: list[Seen] = field(default_factory=list)
    broken: list[Seen] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def methods(self) -> list[str]:
        return [request.method for request in self.seen]

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Returns as soon as this is true; it is asked after each request, and fails the test after 20 s."""
        with self.news:
            assert self.news.wait_for(true, timeout=20)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    scripted: Scripted

    def setup(self) -> None:
        """Count the connection."""
        super().setup()
        with self.scripted.news:
            self.scripted.connections += 1

    def _serve(self) -> None:
        self.close_connection = not self.scripted.keeps
        headers = {name.lower(): value for name, value in self.headers.items()}
        expected = int(headers.get("content-length", 0))
        seen = Seen(self.command, self.path, headers, self._body(expected))
        with self.scripted.news:
            whole = len(seen.body) == expected
            (self.scripted.seen if whole else self.scripted.broken).append(seen)
            reply = self.scripted.answer(seen) if whole else Answer(hang_up=True)
            self.scripted.news.notify_all()
        if reply.after is not None:
            reply.after.wait(30)
        if not reply.hang_up:
            self._send(reply)

    def _body(self, length: int) -> bytes:
        body = bytearray()
        with suppress(ConnectionError):
            while len(body) < length and (piece := self.rfile.read(min(65_536, length - len(body)))):
                body += piece
                if self.command == "PUT":
                    self.scripted.pace(len(body))
        return bytes(body)

    def _send(self, reply: Answer) -> None:
        with suppress(ConnectionError):
            (self.send_response_only if "Date" in reply.headers else self.send_response)(reply.status)
            if reply.length != NO_LENGTH and reply.status != 204:
                self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_CONNECT = _serve  # noqa: N815 - http.server's spelling

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has it
        """Keep the test's output free of a line for every request."""


@contextmanager
def scripted_server(
    answer: Callable[[Seen], Answer], *, pace: Callable[[int], object] = lambda _: None, keeps: bool = False
) -> Iterator[Scripted]:
    """A server that reads each request whole and then sends what `answer` returns for it.

    `pace` is called after each 64 KiB of a PUT's body, with the number of bytes that have been read. What it does not
    let the server read stays with the sender, but for what a socket holds back on Linux: at most 4 MiB as a rule.
    Connections end with their first answer, unless it `keeps` them.
    """
    served = Scripted(answer, pace, keeps)

    class Handler(_Handler):
        scripted = served

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)  # connections inherit it
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
