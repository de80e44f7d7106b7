"""A cancel while a video goes up: `put` ends although the storage does not, and nothing stays in the bucket."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.base import StoredVideo
from storage.s3 import S3Storage
from tests.storage.scripted_server import Answer, Scripted, Seen, scripted_server
from tests.storage.storage_servers import FakeBucket, s3_config, s3_error

LARGE = 9 * 1024 * 1024
PARTS = 2


@pytest.fixture
def video(tmp_path: Path) -> Path:
    file = tmp_path / "finished.mp4"
    file.write_bytes(os.urandom(LARGE))
    return file


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


class Upload:
    """A `put` in a thread of its own."""

    def __init__(self, pool: ThreadPoolExecutor, server: Scripted, video: Path) -> None:
        self._cancel = Cancellation()
        storage = S3Storage(s3_config(server.url))
        self._future: Future[StoredVideo] = pool.submit(storage.put, video, "talk.mp4", self._cancel)

    def cancel(self) -> None:
        """Returns once `put` has ended, which must be with CANCELLED."""
        self._cancel.cancel()
        self._cancel.cancel()
        with pytest.raises(WorkerError) as caught:
            self._future.result(20)
        assert caught.value.code is ErrorCode.CANCELLED

    @property
    def ended(self) -> bool:
        return self._future.done()


def step_of(request: Seen) -> str:
    if request.method == "POST":
        return "begin" if "uploads" in request.query else "complete"
    return {"PUT": "part", "HEAD": "size", "DELETE": "take back"}[request.method]


def test_while_the_storage_takes_the_bytes_slowly(
    video: Path, release: threading.Event, pool: ThreadPoolExecutor
) -> None:
    bucket, reading = FakeBucket(), threading.Semaphore(0)

    def stall(_: int) -> None:
        reading.release()
        release.wait(30)

    with scripted_server(bucket, pace=stall) as server:
        upload = Upload(pool, server, video)
        for _ in range(PARTS):  # the last and small one is no proof: sockets hold it whole
            assert reading.acquire(timeout=20)
        upload.cancel()
        server.wait_until(lambda: bool(bucket.begun and not bucket.uploads))
        release.set()
        server.wait_until(lambda: bool(server.broken))
        assert bucket.is_empty
    assert max(len(request.body) for request in server.broken) < LARGE


@pytest.mark.parametrize("silent_at", ["part", "complete", "size"])
def test_while_the_storage_is_silent(
    video: Path, release: threading.Event, pool: ThreadPoolExecutor, silent_at: str
) -> None:
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        return replace(bucket(request), after=release if step_of(request) == silent_at else None)

    with scripted_server(answer) as server:
        upload = Upload(pool, server, video)
        server.wait_until(lambda: silent_at in map(step_of, server.seen))
        upload.cancel()
        server.wait_until(lambda: bucket.is_empty)
        assert not release.is_set()


def test_while_the_beginning_is_not_answered(video: Path, release: threading.Event, pool: ThreadPoolExecutor) -> None:
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        return replace(bucket(request), after=release if step_of(request) == "begin" else None)

    with scripted_server(answer) as server:
        upload = Upload(pool, server, video)
        server.wait_until(lambda: bool(server.seen))
        upload.cancel()
        assert list(bucket.uploads) == ["upload-1"]  # nobody but the silent storage knows it yet
        release.set()
        server.wait_until(lambda: bucket.is_empty)
    assert [step_of(request) for request in server.seen] == ["begin", "take back"]


def test_while_a_request_waits_to_be_repeated(video: Path, pool: ThreadPoolExecutor) -> None:
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        return s3_error(503, "SlowDown") if step_of(request) == "part" else bucket(request)

    with scripted_server(answer) as server:
        upload = Upload(pool, server, video)
        server.wait_until(lambda: len(server.seen) >= 5)
        assert not upload.ended
        upload.cancel()
        server.wait_until(lambda: bucket.is_empty)


def test_a_part_that_arrives_behind_the_abort_is_taken_back_too(
    video: Path, release: threading.Event, pool: ThreadPoolExecutor
) -> None:
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        return replace(bucket(request), after=release if step_of(request) == "part" else None)

    with scripted_server(answer) as server:
        upload = Upload(pool, server, video)
        server.wait_until(lambda: len(server.seen) == 3)
        upload.cancel()
        server.wait_until(lambda: bucket.is_empty)
        bucket.uploads["upload-1"] = {1: b"late"}
        release.set()
        server.wait_until(lambda: bucket.is_empty)


def test_a_job_that_is_cancelled_already_sends_nothing(video: Path) -> None:
    cancel = Cancellation()
    cancel.cancel()
    with scripted_server(FakeBucket()) as server, pytest.raises(WorkerError) as caught:
        S3Storage(s3_config(server.url)).put(video, "talk.mp4", cancel)
    assert caught.value.code is ErrorCode.CANCELLED
    assert server.seen == []


@pytest.mark.parametrize("stage", [Stage.START, Stage.VALIDATE])
def test_a_check_of_a_silent_storage_ends(release: threading.Event, stage: Stage) -> None:
    with scripted_server(lambda _: Answer(after=release)) as server:
        with pytest.raises(WorkerError, match=r"did not answer within 0\.3 s") as caught:
            S3Storage(s3_config(server.url), check_seconds=0.3).check(stage)
        assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_FAILED, stage)


def test_a_look_into_a_silent_storage_ends(release: threading.Event) -> None:
    with scripted_server(lambda _: Answer(after=release)) as server:
        with pytest.raises(WorkerError, match="did not answer within") as caught:
            S3Storage(s3_config(server.url), check_seconds=0.3).find("talk.mp4", 1)
        assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_FAILED, Stage.UPLOAD)


def test_a_check_that_was_answered_too_late_takes_back_what_it_began(release: threading.Event) -> None:
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        return replace(bucket(request), after=release if step_of(request) == "begin" else None)

    with scripted_server(answer) as server:
        for seconds in (0.3, 3.0, 30.0):  # on a busy machine the first may end before anything is sent
            with pytest.raises(WorkerError, match="did not answer"):
                S3Storage(s3_config(server.url), check_seconds=seconds).check()
            if server.seen:
                break
        release.set()
        server.wait_until(lambda: bool(bucket.begun) and bucket.is_empty)
