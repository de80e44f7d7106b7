"""Places where a job can be held until the test lets it go: while it fetches, encodes and uploads."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from tests.serverless.control_plane import PATIENCE
from tests.sources.media_server import serving
from tests.storage.scripted_server import Answer, Seen, scripted_server
from tests.storage.storage_servers import ACCESS_KEY, BUCKET, SECRET_KEY, content, obedient

HELD_FFMPEG = """#!/bin/sh
case "$*" in *image2pipe*) held={encoding} ;; *) held={decoding} ;; esac
case "$*" in *image2pipe*) if [ -p {beginning} ]; then read -r _ <{beginning}; fi ;; esac
if [ ! -p "$held" ]; then exec {ffmpeg} "$@"; fi
{ffmpeg} "$@" && read -r _ <"$held"
"""


MOST_HELD = 100  # programs, one after the other


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
def held_source(portrait: bytes = b"") -> Iterator[tuple[str, Gate]]:
    """The address of a portrait, and the gate at which its server waits. Without its bytes it never comes whole."""
    gate = Gate()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(portrait) or 1000))
        request.end_headers()
        request.wfile.write(b"\x89PNG")
        gate.pass_through()
        request.wfile.write(portrait[4:])

    with serving(portrait=answer) as address:
        try:
            yield f"{address}portrait", gate
        finally:
            gate.open()


class EncoderGate:
    """Lets ffmpeg end its work only when told to. `path` is the one that a worker is to take."""

    def __init__(self, folder: Path) -> None:
        self._encoding, self._decoding = folder / "encoder-gate", folder / "decoder-gate"
        self._beginning = folder / "beginning-gate"
        programs = folder / "bin"
        programs.mkdir()
        script = programs / "ffmpeg"
        ffmpeg = get_ffmpeg_exe()
        gates = {"encoding": self._encoding, "decoding": self._decoding, "beginning": self._beginning}
        script.write_text(HELD_FFMPEG.format(ffmpeg=ffmpeg, **gates))
        script.chmod(0o755)
        self.path = str(script)

    @contextmanager
    def closed(self, *, decoding: bool = False, beginning: bool = False) -> Iterator[Callable[[], object]]:
        """The MP4 (`decoding`: the first voice) of this time is held at its end (`beginning`: before it) until its job
        is ended, or what this gives is called."""
        gate = self._decoding if decoding else self._beginning if beginning else self._encoding
        os.mkfifo(gate)
        handle = os.open(gate, os.O_RDWR)  # so that neither end waits for the other to be there
        try:
            yield lambda: os.write(handle, b"\n" * MOST_HELD)
        finally:
            os.close(handle)
            gate.unlink()


class Bucket:
    """An S3 that takes everything; while `closed`, an upload gets no answer."""

    def __init__(self) -> None:
        self.gate: Gate | None = None
        self.stored: list[str] = []
        self.newest = b""
        self.url = ""

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
            self.newest = request.body
        if request.method == "GET":
            return content(self.newest, request)
        return Answer(200, length=len(self.newest)) if request.method == "HEAD" else obedient(request)


@contextmanager
def bucket() -> Iterator[Bucket]:
    """A running one."""
    made = Bucket()
    with scripted_server(made.answer) as server:
        made.url = server.url
        yield made
