"""A server of model files on 127.0.0.1 whose every answer the test can choose; it notes what it was asked."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue

HOLD_SECONDS = 60  # how long a held answer waits for its test at most


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def start(self) -> int:
        """The first byte that is asked for."""
        asked = re.fullmatch(r"bytes=(\d+)-\d*", self.headers.get("range", ""))
        return int(asked[1]) if asked else 0


@dataclass(frozen=True)
class Answer:
    """What to send back: a status with headers, or a file of which the asked range is cut out.

    `sent` ends the connection after that many bytes; `hold` waits there for the test instead. `ranges=False` ignores
    Range, `sized=False` tells no length.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    ranges: bool = True
    sized: bool = True
    sent: int | None = None
    hold: threading.Event | None = None


Script = Callable[[Seen], Answer]


def linked(content: bytes) -> dict[str, str]:
    """The headers in which the real server tells size and sha256 of a large file."""
    return {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{sha256(content).hexdigest()}"'}


def redirect(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(302, {"Location": url, **(headers or {})}, b"moved")


@dataclass
class ModelServer:
    """A running server. `began` gets each request when its answer begins."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    began: SimpleQueue[Seen] = field(default_factory=SimpleQueue)

    def of(self, method: str) -> list[Seen]:
        return [request for request in self.seen if request.method == method]

    def starts(self) -> list[int]:
        """Where each GET began."""
        return [request.start for request in self.of("GET")]


def _handler(server: ModelServer, script: Script) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            request = Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            with lock:
                server.seen.append(request)
                answer = script(request)
            self.close_connection = True
            server.began.put(request)
            partial = answer.ranges and answer.status == 200 and "range" in request.headers
            last = re.search(r"-(\d+)$", request.headers.get("range", ""))
            end = min(int(last[1]) + 1, len(answer.content)) if last and partial else len(answer.content)
            body = answer.content[request.start if partial else 0 : end]
            self.send_response(206 if partial else answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if partial:
                self.send_header("Content-Range", f"bytes {request.start}-{end - 1}/{len(answer.content)}")
            if answer.sized:
                self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "GET":
                self._send(body, answer)

        def _send(self, body: bytes, answer: Answer) -> None:
            try:
                self.wfile.write(body[: answer.sent])
                if answer.hold:
                    answer.hold.wait(HOLD_SECONDS)
                    self.wfile.write(body[answer.sent or 0 :])
            except ConnectionError:
                pass  # the other side has what it wants, or was stopped

        do_GET = do_HEAD = _serve  # noqa: N815 - http.server's spelling

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has it
            """Keep the test's output free of a line for every request."""

    return Handler


@contextmanager
def serving(script: Script) -> Iterator[ModelServer]:
    """A server that answers as `script` says; calls of `script` never overlap."""
    server = ModelServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server, script))
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def each_file(contents: Mapping[str, bytes], headers: Mapping[str, str] | None = None) -> Script:
    """Serves contents by their file names; others are not found."""

    def script(request: Seen) -> Answer:
        content = contents.get(request.path.rsplit("/", 1)[-1])
        return Answer(404) if content is None else Answer(200, headers or {}, content)

    return script


def in_turn(*answers: Answer) -> Script:
    """Answers GET requests with each in turn, the last one for ever; HEAD as a GET of the last one would be."""
    remaining = list(answers)

    def script(request: Seen) -> Answer:
        if request.method == "HEAD" or len(remaining) == 1:
            return remaining[-1]
        return remaining.pop(0)

    return script
