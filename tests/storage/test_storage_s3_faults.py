"""A bucket that is slow to obey, lies, refuses or is not there."""

import logging
import os
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.s3 import S3Storage
from tests.storage.scripted_server import Answer, Seen, scripted_server
from tests.storage.storage_servers import (
    ACCESS_KEY,
    BUCKET,
    FAILED,
    MISCONFIGURED,
    SECRET_KEY,
    VIDEO,
    FakeBucket,
    failure,
    obedient,
    obedient_but,
    s3_config,
    s3_error,
)


@pytest.fixture
def closed_port() -> Iterator[str]:
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound_but_deaf.getsockname()[1]}"


@pytest.mark.parametrize("fault", [Answer(500), s3_error(503, "SlowDown"), Answer(hang_up=True), "silent", "reset"])
def test_a_part_is_sent_again_whole_after_a_passing_fault(video: Path, fault: Answer | str) -> None:
    content = os.urandom(9 * 1024 * 1024)
    video.write_bytes(content)
    bucket, never, resets = FakeBucket(), threading.Event(), iter([fault == "reset"])
    faults = iter([] if fault == "reset" else [Answer(after=never, hang_up=True) if fault == "silent" else fault])

    def answer(request: Seen) -> Answer:
        chosen = next(faults, None) if request.method == "PUT" else None
        return chosen if isinstance(chosen, Answer) else bucket(request)

    def pace(_: int) -> None:
        if next(resets, False):
            raise ConnectionResetError

    with scripted_server(answer, pace=pace) as server:
        storage = S3Storage(s3_config(server.url), answer_seconds=0.5 if fault == "silent" else 60)
        stored = storage.put(video, "talk.mp4", Cancellation())
        never.set()
    assert stored.size_bytes == len(content)
    assert bucket.objects == {f"/{BUCKET}/talk.mp4": content}
    assert bucket.uploads == {}
    assert server.methods().count("PUT") + len(server.broken) == 3


def test_an_end_whose_first_answer_was_lost_has_succeeded(video: Path) -> None:
    bucket, lost = FakeBucket(), iter([True])

    def answer(request: Seen) -> Answer:
        reply = bucket(request)
        ends = request.method == "POST" and "uploadId" in request.query
        return Answer(hang_up=True) if ends and next(lost, False) else reply

    with scripted_server(answer) as server:
        assert S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation()).size_bytes == len(VIDEO)
    assert server.methods() == ["POST", "PUT", "POST", "POST", "HEAD", "GET"]


def test_parts_without_a_tag_are_not_s3(video: Path) -> None:
    answer = obedient_but("PUT", Answer(200))
    with scripted_server(answer) as server, pytest.raises(WorkerError, match="does not answer like S3") as caught:
        S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())
    assert (caught.value.code, caught.value.stage) == (MISCONFIGURED, Stage.UPLOAD)
    assert server.methods() == ["POST", "PUT", "DELETE"]


def test_a_lasting_fault_fails_the_job_after_the_attempts_asked_for(video: Path) -> None:
    with scripted_server(lambda _: s3_error(500, "InternalError")) as server:
        storage = S3Storage(s3_config(server.url), attempts=2)
        with pytest.raises(WorkerError, match="InternalError") as caught:
            storage.put(video, "talk.mp4", Cancellation())
        assert (caught.value.code, caught.value.stage) == (FAILED, Stage.UPLOAD)
        assert caught.value.retryable
        assert failure(storage.check) == (FAILED, Stage.START)
    assert server.methods() == ["POST"] * 4


def test_a_check_does_not_wait_as_long_as_a_finished_video(video: Path) -> None:
    with scripted_server(lambda _: Answer(500)) as server:
        assert failure(S3Storage(s3_config(server.url), attempts=5).check) == (FAILED, Stage.START)
    assert server.methods() == ["POST"] * 3


@pytest.mark.parametrize(
    ("status", "reason", "at_put", "at_check"),
    [
        (403, "AccessDenied", MISCONFIGURED, MISCONFIGURED),
        (403, "InvalidAccessKeyId", MISCONFIGURED, MISCONFIGURED),
        (403, "SignatureDoesNotMatch", MISCONFIGURED, MISCONFIGURED),
        (404, "NoSuchBucket", MISCONFIGURED, MISCONFIGURED),
        (400, "ExpiredToken", MISCONFIGURED, MISCONFIGURED),
        (401, "Unauthorized", MISCONFIGURED, MISCONFIGURED),
        (404, "NotFound", FAILED, MISCONFIGURED),
        (405, "MethodNotAllowed", FAILED, MISCONFIGURED),
        (409, "OperationAborted", FAILED, FAILED),
        (429, "TooManyRequests", FAILED, FAILED),
        (503, "SlowDown", FAILED, FAILED),
    ],
)
def test_an_answer_is_judged_by_its_code(
    video: Path, status: int, reason: str, at_put: ErrorCode, at_check: ErrorCode
) -> None:
    with scripted_server(lambda _: s3_error(status, reason)) as server:
        storage = S3Storage(s3_config(server.url), attempts=1)
        assert failure(lambda: storage.put(video, "talk.mp4", Cancellation())) == (at_put, Stage.UPLOAD)
        with pytest.raises(WorkerError, match=rf"CreateMultipartUpload on bucket '{BUCKET}' \({reason}\)") as caught:
            storage.check()
    assert (caught.value.code, caught.value.stage) == (at_check, Stage.START)


@pytest.mark.parametrize(
    ("status", "reason", "elsewhere"),
    [
        *((403, clock, True) for clock in ("RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired")),
        *((403, entry, True) for entry in ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch")),
        (400, "ExpiredToken", True),
        *((403, full, False) for full in ("QuotaExceeded", "StorageQuotaExceeded")),
        (404, "NoSuchBucket", False),
        (503, "SlowDown", False),
    ],
)
def test_what_another_worker_may_not_meet_is_retryable(status: int, reason: str, elsewhere: bool) -> None:
    """A wrong clock, and an own bucket that turns this worker away; at the start nobody has seen it go well."""
    with scripted_server(lambda _: s3_error(status, reason)) as server:
        storage = S3Storage(s3_config(server.url), attempts=1)
        for stage in (Stage.VALIDATE, Stage.START):
            with pytest.raises(WorkerError) as caught:
                storage.check(stage)
            assert caught.value.elsewhere is (elsewhere and stage is Stage.VALIDATE)
            assert caught.value.retryable is (caught.value.elsewhere or caught.value.code is FAILED)


def test_a_code_that_is_not_a_plain_word_is_not_repeated(video: Path) -> None:
    expected = r"failed at CreateMultipartUpload on bucket 'videos' \(400\)"
    answer = s3_error(400, "see http://evil/?x=1")
    with scripted_server(lambda _: answer) as server, pytest.raises(WorkerError, match=expected):
        S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())


@pytest.mark.parametrize(
    ("page", "code", "words"),
    [
        (b"<html></html>", MISCONFIGURED, "does not answer like S3"),
        (b"", MISCONFIGURED, "does not answer like S3"),
        (b"hello", FAILED, r"\(500\)"),
    ],
)
def test_check_finds_an_endpoint_that_is_not_s3(page: bytes, code: ErrorCode, words: str) -> None:
    with scripted_server(lambda _: Answer(200, page)) as server, pytest.raises(WorkerError, match=words) as caught:
        S3Storage(s3_config(server.url), attempts=1).check()
    assert (caught.value.code, caught.value.stage) == (code, Stage.START)


@pytest.mark.parametrize("answer", [s3_error(403, "AccessDenied"), s3_error(404, "NoSuchUpload")])
def test_a_check_that_could_begin_an_upload_has_passed(answer: Answer) -> None:
    with scripted_server(obedient_but("DELETE", answer)) as server:
        S3Storage(s3_config(server.url, key_prefix="talks"), check_urls=False).check()
    begin, abort = server.seen
    assert (begin.path, begin.query) == (f"/{BUCKET}/talks/storage-check.mp4", {"uploads": [""]})
    assert (abort.path, abort.query["uploadId"]) == (begin.path, ["upload-1"])


def test_a_check_whose_end_fails_has_failed() -> None:
    with scripted_server(obedient_but("DELETE", Answer(500))) as server:
        assert failure(S3Storage(s3_config(server.url), attempts=1).check) == (FAILED, Stage.START)


def test_parts_of_an_upload_that_failed_are_not_left_behind(video: Path) -> None:
    video.write_bytes(bytes(9 * 1024 * 1024))
    with scripted_server(obedient_but("PUT", *[s3_error(400, "BadDigest")] * 2)) as server:
        assert failure(lambda: S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())) == (
            FAILED,
            Stage.UPLOAD,
        )
    assert server.seen[-1].method == "DELETE"
    assert server.seen[-1].query["uploadId"] == ["upload-1"]


def test_an_endpoint_that_does_not_answer_fails(video: Path, closed_port: str) -> None:
    storage = S3Storage(s3_config(closed_port), attempts=1)
    with pytest.raises(WorkerError, match=r"was not reached .*\(EndpointConnectionError\)") as caught:
        storage.put(video, "talk.mp4", Cancellation())
    assert (caught.value.code, caught.value.stage) == (FAILED, Stage.UPLOAD)
    assert closed_port.removeprefix("http://") not in caught.value.message + caught.value.detail
    assert failure(storage.check) == (FAILED, Stage.START)


def test_a_video_that_is_gone_is_told_from_a_store_that_is_gone(tmp_path: Path, closed_port: str) -> None:
    with pytest.raises(WorkerError, match="could not be read: No such file") as caught:
        S3Storage(s3_config(closed_port)).put(tmp_path / "gone.mp4", "talk.mp4", Cancellation())
    assert (caught.value.code, caught.value.stage) == (FAILED, Stage.UPLOAD)
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize(
    "answer",
    [
        obedient,
        lambda _: s3_error(403, "InvalidAccessKeyId"),
        lambda _: s3_error(500, "InternalError"),
        lambda _: Answer(200),
    ],
)
def test_keys_are_never_told(video: Path, answer: Callable[[Seen], Answer], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="storage")
    told: list[str] = []
    with scripted_server(answer) as server:
        host = server.url.removeprefix("http://")
        for endpoint in (server.url, f"http://{ACCESS_KEY}:{SECRET_KEY}@{host}", f"{server.url}?s={SECRET_KEY}"):
            config = s3_config(endpoint)
            storage = S3Storage(config, attempts=1)
            told += [repr(config), str(config), repr(storage)]
            for call in (storage.check, lambda storage=storage: storage.put(video, "talk.mp4", Cancellation())):
                try:
                    call()
                except WorkerError as error:
                    told += [str(error), repr(error), error.message, error.detail, *traceback.format_exception(error)]
    text = "".join(told) + caplog.text
    assert len(told) > 9
    for secret in (ACCESS_KEY, SECRET_KEY, host):
        assert secret not in text
