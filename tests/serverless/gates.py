"""Places where a job can be held until the test lets it go: while it fetches, encodes and uploads."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.media.media_server import serving
from tests.serverless.control_plane import PATIENCE
from tests.storage.storage_servers import ACCESS_KEY, BUCKET, SECRET_KEY, Answer, Seen, obedient, scripted_server

HELD_FFMPEG = """#!/bin/sh
case "$*" in *image2pipe*) held={gate} ;; *) held=/nowhere ;; esac
if [ ! -p "$held" ]; then exec {ffmpeg} "$@"; fi
{ffmpeg} "$@" && read -r _ <"$held"
"""


class Gate:
    """Holds whoever passes until it is opened."""

    def __init__(self) -> None:
        self._reached, self._open = threading.Event(), threading.Event()

    def wait_until_reached(self) -> None:
        """Until somebody is held."""
        assert self._reached.wait(PATIENCE)

    def pass_through(self) -> None:
        """Called by who is to be held."""
        self._reached.set()
        self._open.wait(PATIENCE)

    def open(self) -> None:
        """From now on nobody is held."""
        self._open.set()


@contextmanager
def held_source() -> Iterator[tuple[str, Gate]]:
    """The address of a portrait that never comes whole, and the gate at which its server waits."""
    gate = Gate()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"\x89PNG")
        gate.pass_through()

    with serving(portrait=answer) as address:
        try:
            yield f"{address}portrait", gate
        finally:
            gate.open()


class EncoderGate:
    """Lets ffmpeg end an MP4 only when told to, while `closed`. `path` is the PATH of a worker that is to obey it."""

    def __init__(self, folder: Path) -> None:
        self._gate = folder / "encoder-gate"
        programs = folder / "bin"
        programs.mkdir()
        script = programs / "ffmpeg"
        script.write_text(HELD_FFMPEG.format(ffmpeg=shutil.which("ffmpeg"), gate=self._gate))
        script.chmod(0o755)
        self.path = f"{programs}:{os.environ['PATH']}"

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Whoever encodes meanwhile is held until it is ended."""
        os.mkfifo(self._gate)
        try:
            yield
        finally:
            self._gate.unlink()


class Bucket:
    """An S3 that takes everything; while `closed`, an upload gets no answer."""

    def __init__(self) -> None:
        self.gate: Gate | None = None
        self.stored: list[str] = []
        self.url = ""
        self._bytes = 0

    def environment(self) -> dict[str, str]:
        """The settings of a worker that uses it."""
        return {
            "S3_BUCKET": BUCKET,
            "S3_ENDPOINT_URL": self.url,
            "S3_ACCESS_KEY_ID": ACCESS_KEY,
            "S3_SECRET_ACCESS_KEY": SECRET_KEY,
            "S3_REGION": "auto",
        }

    @contextmanager
    def closed(self) -> Iterator[Gate]:
        """Hold the uploads of this time."""
        self.gate = Gate()
        try:
            yield self.gate
        finally:
            self.gate.open()
            self.gate = None

    def answer(self, request: Seen) -> Answer:
        """As the scripted server asks for it."""
        if request.method == "PUT":
            if self.gate is not None:
                self.gate.pass_through()
            self.stored.append(request.path)
            self._bytes = len(request.body)
        return Answer(200, length=self._bytes) if request.method == "HEAD" else obedient(request)


@contextmanager
def bucket() -> Iterator[Bucket]:
    """A running one."""
    made = Bucket()
    with scripted_server(made.answer) as server:
        made.url = server.url
        yield made
