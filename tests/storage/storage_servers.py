"""What the S3 tests share: a whole S3 (moto) and a server whose every answer the test chooses, both on 127.0.0.1."""

import hashlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from contract.errors import ErrorCode, Stage, WorkerError
from storage.s3 import S3Config

BUCKET = "videos"
ACCESS_KEY = "MARKEDKEYID"
SECRET_KEY = "marked+secret/key"
VIDEO = bytes(range(256)) * 20


def keep_to_this_test(monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> None:
    """Hide the machine's own AWS settings and proxies, and keep boto3 from asking the network for credentials."""
    for name in os.environ:
        if name.upper().startswith(("AWS_", "BOTO_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(empty_home))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty_home / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty_home / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def s3_config(
    endpoint_url: str | None,
    *,
    bucket: str = BUCKET,
    access_key_id: str | None = ACCESS_KEY,
    secret_access_key: str | None = SECRET_KEY,
    region: str | None = None,
    public_base_url: str | None = None,
    key_prefix: str = "",
    presign_seconds: int = 3600,
) -> S3Config:
    """A config that works with the servers below, but for what is given."""
    return S3Config(
        bucket=bucket,
        endpoint_url=endpoint_url,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        region=region,
        public_base_url=public_base_url,
        key_prefix=key_prefix,
        presign_seconds=presign_seconds,
    )


@contextmanager
def moto_server() -> Iterator[str]:
    """A whole S3; gives its URL. Its contents belong to the process: `only_bucket` makes them the test's own."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - half a second that no other test needs

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def only_bucket(s3_url: str) -> None:
    """Empty a moto server and let it trust everybody again; then make the one bucket `BUCKET`."""
    requests.post(f"{s3_url}/moto-api/reset-auth", data="inf", timeout=30).raise_for_status()
    requests.post(f"{s3_url}/moto-api/reset", timeout=30).raise_for_status()
    requests.put(f"{s3_url}/{BUCKET}", timeout=30).raise_for_status()


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


def s3_error(status: int, code: str) -> Answer:
    """An error in S3's words, which quote the key id, as the real ones do."""
    text = f"<Error><Code>{code}</Code><Message>about {ACCESS_KEY}</Message><AWSAccessKeyId>{ACCESS_KEY}"
    return Answer(status, f"{text}</AWSAccessKeyId><RequestId>4711</RequestId></Error>".encode())


def obedient(request: Seen) -> Answer:
    """Takes everything, and tells the size of `VIDEO` to whoever asks."""
    if request.method == "POST" and "uploads" in request.query:
        return Answer(
            200, b"<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>"
        )
    if request.method == "POST":
        return Answer(200, b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")
    if request.method == "PUT":
        return Answer(200, headers={"ETag": '"tag"'})
    if request.method == "GET":
        return content(VIDEO, request)
    return Answer(200, length=len(VIDEO)) if request.method == "HEAD" else Answer(204)


def content(body: bytes, request: Seen) -> Answer:
    """A stored object, or the one range of it that is asked for."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
    if asked is None:
        return Answer(200, body)
    piece = body[int(asked[1]) : int(asked[2]) + 1]
    return Answer(206, piece, headers={"Content-Range": f"bytes {asked[1]}-{asked[2]}/{len(body)}"})


@dataclass
class FakeBucket:
    """A bucket that remembers: call it with each request. `uploads` are the unfinished ones, with their parts."""

    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    begun: int = 0

    def __call__(self, request: Seen) -> Answer:
        upload_id = request.query.get("uploadId", [""])[0]
        if upload_id and upload_id not in self.uploads:
            return s3_error(404, "NoSuchUpload")
        if request.method == "POST":
            return self._complete(request.path, upload_id) if upload_id else self._begin()
        if request.method == "PUT":
            self.uploads[upload_id][int(request.query["partNumber"][0])] = request.body
            return Answer(200, headers={"ETag": '"tag"'})
        if request.method == "DELETE":
            if upload_id:
                del self.uploads[upload_id]
            else:
                self.objects.pop(request.path, None)
            return Answer(204)
        return self._read(request)

    def _read(self, request: Seen) -> Answer:
        if request.path not in self.objects:
            return Answer(404) if request.method == "HEAD" else s3_error(404, "NoSuchKey")
        held = self.objects[request.path]
        if request.method == "GET":
            return content(held, request)
        tag = hashlib.md5(held, usedforsecurity=False).hexdigest()
        return Answer(200, length=len(held), headers={"ETag": f'"{tag}-1"'})

    def _begin(self) -> Answer:
        self.begun += 1
        self.uploads[f"upload-{self.begun}"] = {}
        return Answer(200, f"<R><UploadId>upload-{self.begun}</UploadId></R>".encode())

    def _complete(self, path: str, upload_id: str) -> Answer:
        parts = self.uploads.pop(upload_id)
        self.objects[path] = b"".join(parts[number] for number in sorted(parts))
        return Answer(200, b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")

    @property
    def is_empty(self) -> bool:
        return not self.objects and not self.uploads


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


def failure(call: Callable[[], object]) -> tuple[ErrorCode, Stage]:
    """The code and the stage of the `WorkerError` that this call must end in."""
    with pytest.raises(WorkerError) as caught:
        call()
    return caught.value.code, caught.value.stage
