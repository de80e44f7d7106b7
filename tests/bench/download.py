"""scripts/download_models.sh beside curl and aria2c alone, for one large file of a server on this machine."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.bench.encoding import REPOSITORY
from tests.bench.figures import Figure

BYTES = 1_000_000_000
PIECE = 1 << 20
GOAL = 1.05  # 0.95 of the better one's rate
TIMES = 2
# What a connection gives, in bytes a second: as much as this machine can, or as a distant server does.
RATES = {"unbounded": 0.0, "60 MB/s a connection": 60e6}
ARIA2C = ("--split=8", "--max-connection-per-server=8", "--min-split-size=1M", "--file-allocation=none", "--quiet")


class _Files(BaseHTTPRequestHandler):
    """One file, by ranges, as fast as `rate` allows; tells size and sha256 as the real server does."""

    protocol_version = "HTTP/1.1"

    def __init__(self, file: Path, sum_: str, rate: float, *arguments: object) -> None:
        self._file, self._sum, self._rate = file, sum_, rate
        super().__init__(*arguments)  # type: ignore[arg-type] # what the server hands over

    def do_HEAD(self) -> None:
        """The headers alone."""
        self._head()

    def do_GET(self) -> None:
        """The range, or all."""
        begin, end = self._head()
        begun, sent = time.monotonic(), 0
        with self._file.open("rb") as file:
            while begin + sent < end:
                try:
                    sent += os.sendfile(
                        self.connection.fileno(), file.fileno(), begin + sent, min(PIECE, end - begin - sent)
                    )
                except ConnectionError:
                    return
                if self._rate:
                    time.sleep(max(0.0, begun + sent / self._rate - time.monotonic()))

    def _head(self) -> tuple[int, int]:
        size = self._file.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin, end = (int(asked[1]), int(asked[2] or size - 1) + 1) if asked else (0, size)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(end - begin))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("X-Linked-Size", str(size))
        self.send_header("X-Linked-Etag", f'"{self._sum}"')
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        self.end_headers()
        self.wfile.flush()
        return begin, end

    def log_message(self, *_: object) -> None:
        """Into nobody's terminal."""


def figures() -> Iterator[Figure]:
    """Seconds until the file is on the disk, proved by its sha256, of those of the better program alone."""
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        sum_ = _fill(room / "weights.safetensors")
        for name, rate in RATES.items():
            server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, room / "weights.safetensors", sum_, rate))
            Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield _figure(name, f"http://127.0.0.1:{server.server_port}", room, sum_)
            finally:
                server.shutdown()
                server.server_close()


def _fill(path: Path) -> str:
    """Bytes that nothing can make smaller; their sha256."""
    found = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(BYTES // 10**6):
            piece = os.urandom(10**6)
            file.write(piece)
            found.update(piece)
        file.flush()
        os.fsync(file.fileno())
    return found.hexdigest()


def _figure(name: str, url: str, room: Path, sum_: str) -> Figure:
    rounds = [(_curl(url, room), _aria2c(url, room), _ours(url, room, sum_)) for _ in range(TIMES)]
    curl, aria2c, ours = (min(one[part] for one in rounds) for part in range(3))
    better = min(curl, aria2c)
    shown = f"{ours / better:.2f} ({ours:.1f} s; curl {curl:.1f} s, aria2c {aria2c:.1f} s, neither with the hash)"
    return Figure(f"download of 1 GB with its sha256, of the better program alone, {name}", ours / better, shown, GOAL)


def _curl(url: str, room: Path) -> float:
    return _timed(["curl", "-q", "-sSf", "-o", str(room / "alone"), f"{url}/weights.safetensors"], room)


def _aria2c(url: str, room: Path) -> float:
    place = ("--no-conf", "--dir", str(room), "--out", "alone", f"{url}/weights.safetensors")
    return _timed(["aria2c", *ARIA2C, *place], room)


def _timed(command: list[str], room: Path) -> float:
    """Until the bytes are on the disk, as the script's are."""
    begun = time.monotonic()
    subprocess.run(command, check=True)
    subprocess.run(["sync", "-d", str(room / "alone")], check=True)
    seconds = time.monotonic() - begun
    (room / "alone").unlink()
    return seconds


def _ours(url: str, room: Path, sum_: str) -> float:
    entry = {
        "role": "vae",
        "modes": ["multitalk"],
        "folder": "vae",
        "file": "weights.safetensors",
        "repository": "someone/models",
        "revision": "main",
        "path": "weights.safetensors",
        "bytes": BYTES,
        "sha256": sum_,
    }
    (room / "models.json").write_text(json.dumps({"models": [entry]}), encoding="utf-8")
    environment = {**os.environ, "HF_ENDPOINT": url, "MODELS_JSON": str(room / "models.json"), "HF_TOKEN": ""}
    command = [
        str(REPOSITORY / "scripts" / "download_models.sh"),
        "--dest",
        str(room / "models"),
        "--mode",
        "multitalk",
    ]
    begun = time.monotonic()
    subprocess.run(command, check=True, env=environment, capture_output=True)
    seconds = time.monotonic() - begun
    shutil.rmtree(room / "models")
    return seconds
