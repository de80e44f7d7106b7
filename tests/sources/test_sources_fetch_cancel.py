"""A cancelled job stops fetching while the bytes still come, and while none come at all."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from sources.fetch import Inputs
from tests.sources.media_server import PATIENCE, fetched, serving, without_proxies

FINE = "data:image/png,fine"
GRACE = 10.0  # only a test that fails waits so long: nothing but the cancel can end these downloads


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


class SlowBody:
    """An answer that sends one piece each time it is told to, until the client has gone or the test is over."""

    def __init__(self, piece: int) -> None:
        self._piece = bytes(piece)
        self._more = threading.Semaphore(0)
        self._over = threading.Event()
        self.began = threading.Event()
        self.left = threading.Event()

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(10**9))
        request.end_headers()
        try:
            while not self._over.is_set():
                request.wfile.write(self._piece)
                self.began.set()
                self._more.acquire()
        except OSError:
            self.left.set()

    def send(self, pieces: int = 1) -> None:
        """Let so many more pieces go."""
        self._more.release(pieces)

    def end(self) -> None:
        """Close the connection, so that nobody waits any longer."""
        self._over.set()
        self.send()


@contextmanager
def _downloading(body: SlowBody, tmp_path: Path, cancel: Cancellation) -> Iterator[Future[Inputs]]:
    with serving(voice=body) as at, ThreadPoolExecutor(1) as pool:
        job = pool.submit(fetched, tmp_path, FINE, at + "voice", most=10**9, cancel=cancel)
        try:
            assert body.began.wait(PATIENCE)
            yield job
        finally:
            body.end()


def _assert_cancelled(job: Future[Inputs]) -> None:
    error = job.exception(GRACE)
    assert isinstance(error, WorkerError)
    assert error.code is ErrorCode.CANCELLED


def test_a_job_that_is_cancelled_before_it_begins_ends_cancelled(tmp_path: Path) -> None:
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(WorkerError) as caught:
        fetched(tmp_path, FINE, FINE, cancel=cancel)
    assert caught.value.code is ErrorCode.CANCELLED


def test_cancel_while_large_pieces_come(tmp_path: Path) -> None:
    body, cancel = SlowBody(1 << 17), Cancellation()
    with _downloading(body, tmp_path, cancel) as job:
        body.send(3)
        cancel.cancel()
        body.send(50)
        _assert_cancelled(job)


def test_cancel_while_bytes_trickle(tmp_path: Path) -> None:
    """A thousand bytes at a time: a reader that collects 64 kB before it looks goes on as long as they come."""
    body, cancel = SlowBody(1000), Cancellation()
    with _downloading(body, tmp_path, cancel) as job:
        body.send(3)
        cancel.cancel()
        body.send(5)
        _assert_cancelled(job)


def test_cancel_while_the_server_says_nothing_more(tmp_path: Path) -> None:
    body, cancel = SlowBody(1000), Cancellation()
    with _downloading(body, tmp_path, cancel) as job:
        cancel.cancel()
        _assert_cancelled(job)
