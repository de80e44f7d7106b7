"""The URL that a reply names opens for whoever gets it, or it is told before the first video that it does not."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.s3 import S3Storage
from tests.storage.scripted_server import Answer, Seen, scripted_server
from tests.storage.storage_servers import (
    BUCKET,
    FAILED,
    MISCONFIGURED,
    VIDEO,
    FakeBucket,
    bucket_named,
    failure,
    s3_config,
    s3_error,
)

PROBE = f"/{BUCKET}/storage-check.mp4"


class Reader:
    """A bucket whose readers get these answers, one after the other, and the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.bucket = FakeBucket()
        self.answers = list(answers)
        self.keyless: list[Seen] = []

    def __call__(self, request: Seen) -> Answer:
        if request.method != "GET":
            return self.bucket(request)
        self.keyless.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return self.bucket(request) if answer.status == 200 else answer


OPENS = Answer(200)


def test_one_byte_is_fetched_without_keys(video: Path) -> None:
    reader = Reader(OPENS)
    with scripted_server(reader) as server:
        storage = S3Storage(s3_config(server.url))
        storage.check()
        stored = storage.put(video, "talk.mp4", Cancellation())
    before, after = reader.keyless
    assert before.path == PROBE
    assert stored.url.endswith(after.target)
    for request in reader.keyless:
        assert request.headers["range"] == "bytes=0-0"
        assert not {"authorization", "cookie", "x-amz-date", "x-amz-content-sha256"} & set(request.headers)
    assert reader.bucket.objects == {f"/{BUCKET}/talk.mp4": VIDEO}


@pytest.mark.parametrize(
    ("answer", "codes", "words"),
    [
        (s3_error(403, "AccessDenied"), (MISCONFIGURED, MISCONFIGURED), r"answered 403 \(AccessDenied\)"),
        (s3_error(400, "InvalidArgument"), (MISCONFIGURED, MISCONFIGURED), r"answered 400 \(InvalidArgument\)"),
        (Answer(401), (MISCONFIGURED, MISCONFIGURED), "answered 401"),
        (s3_error(404, "NoSuchKey"), (MISCONFIGURED, MISCONFIGURED), r"answered 404 \(NoSuchKey\)"),
        (Answer(501, b"<html>"), (FAILED, FAILED), "answered 501"),
        (s3_error(503, "SlowDown"), (FAILED, FAILED), r"answered 503 \(SlowDown\)"),
        (Answer(hang_up=True, status=0), (MISCONFIGURED, FAILED), r"was not reached \(ConnectionClosedError\)"),
        (Answer(204), (MISCONFIGURED, MISCONFIGURED), "answered 204, but not with what was stored"),
        (Answer(206, b"<"), (MISCONFIGURED, MISCONFIGURED), "answered 206, but not with what was stored"),
        (Answer(302, headers={"Location": "ftp://x/y"}), (MISCONFIGURED, MISCONFIGURED), r"answered 302 \(redirect\)"),
    ],
)
@pytest.mark.parametrize("public", [False, True])
def test_a_url_that_does_not_open_is_told_and_the_video_is_no_success(
    video: Path, answer: Answer, codes: tuple[ErrorCode, ErrorCode], words: str, public: bool
) -> None:
    reader = Reader(answer)
    with scripted_server(reader) as server:
        base = f"{server.url}/{BUCKET}" if public else None
        storage = S3Storage(s3_config(server.url, public_base_url=base), url_seconds=0)
        with pytest.raises(
            WorkerError, match=f"{'public address' if public else 'presigned URL'} .* {words}"
        ) as caught:
            storage.check()
        assert (caught.value.code, caught.value.stage) == (codes[0], Stage.START)
        assert reader.bucket.is_empty  # the probe is gone
        assert failure(lambda: storage.put(video, "talk.mp4", Cancellation())) == (codes[1], Stage.UPLOAD)


@pytest.mark.parametrize(
    "early", [s3_error(404, "NoSuchKey"), s3_error(503, "SlowDown"), Answer(hang_up=True, status=0)]
)
def test_a_url_that_opens_a_moment_later_opens(video: Path, early: Answer) -> None:
    reader = Reader(early, early, OPENS)
    with scripted_server(reader) as server:
        stored = S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())
    assert len(reader.keyless) == 3
    assert stored.size_bytes == len(VIDEO)


def test_a_network_in_front_may_refuse_for_a_moment_what_it_does_not_have_yet(video: Path) -> None:
    reader = Reader(Answer(403), Answer(206, b"<"), OPENS)
    with scripted_server(reader) as server:
        base = f"{server.url}/{BUCKET}"
        stored = S3Storage(s3_config(server.url, public_base_url=base)).put(video, "talk.mp4", Cancellation())
    assert stored.url == f"{base}/talk.mp4"


def test_a_redirect_of_a_reader_is_followed(video: Path) -> None:
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        if request.method == "GET" and request.path.startswith("/cdn/"):
            return Answer(301, headers={"Location": f"/{BUCKET}/{request.path.removeprefix('/cdn/')}"})
        return bucket(request)

    with scripted_server(answer) as server:
        storage = S3Storage(s3_config(server.url, public_base_url=f"{server.url}/cdn"))
        storage.check()
        stored = storage.put(video, "talk.mp4", Cancellation())
    assert stored.url == f"{server.url}/cdn/talk.mp4"
    opened = [request.path for request in server.seen if request.method == "GET"]
    assert opened[-2:] == ["/cdn/talk.mp4", f"/{BUCKET}/talk.mp4"]


def test_a_reader_of_endless_bytes_reads_one(video: Path) -> None:
    """The store knows no ranges, and the rest of its bytes never comes."""
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        if request.method == "GET":
            return Answer(200, bucket.objects[request.path], length=1 << 40)
        return bucket(request)

    with scripted_server(answer) as server:
        stored = S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())
    assert stored.size_bytes == len(VIDEO)


def test_urls_that_only_callers_can_open_need_not_open_here(video: Path) -> None:
    reader = Reader(Answer(403))
    with scripted_server(reader) as server:
        config = s3_config(server.url, public_base_url="https://cdn.example")
        storage = S3Storage(config, check_urls=False)
        storage.check()
        assert storage.put(video, "talk.mp4", Cancellation()).url == "https://cdn.example/talk.mp4"
    assert reader.keyless == []


def test_a_key_that_may_not_delete_leaves_one_byte(caplog: pytest.LogCaptureFixture) -> None:
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        forbidden = request.method == "DELETE" and not request.query.get("uploadId")
        return s3_error(403, "AccessDenied") if forbidden else bucket(request)

    with scripted_server(answer) as server:
        for _ in range(2):
            S3Storage(s3_config(server.url)).check()
    assert bucket.objects == {PROBE: b"\0"}
    assert "storage-check.mp4, of one byte, stays" in caplog.text


def test_a_job_leaves_no_object_where_its_url_can_be_judged_without() -> None:
    bucket, made = FakeBucket(), list[str]()

    def answer(request: Seen) -> Answer:
        made.extend(bucket.objects)
        return bucket(request)

    with scripted_server(answer) as server:
        bucket_named(server.url, "s3Config", None).check(Stage.VALIDATE)
    assert server.methods() == ["POST", "DELETE", "GET"]
    assert made == []


def test_a_job_whose_url_is_refused_is_told_before_the_gpu_works() -> None:
    reader = Reader(s3_error(403, "AccessDenied"))
    with scripted_server(reader) as server:
        assert failure(lambda: bucket_named(server.url, "s3Config", None).check(Stage.VALIDATE)) == (
            MISCONFIGURED,
            Stage.VALIDATE,
        )
    assert reader.bucket.is_empty


def test_a_store_is_tried_by_a_byte_once() -> None:
    reader = Reader(OPENS)
    with scripted_server(reader) as server:
        storage = S3Storage(s3_config(server.url))
        storage.check()
        storage.check(Stage.VALIDATE)
    assert len(reader.keyless) == 1
    assert server.methods()[-2:] == ["POST", "DELETE"]


def test_a_signature_that_a_wrong_clock_made_is_another_workers_to_try(video: Path) -> None:
    reader = Reader(replace(s3_error(403, "AccessDenied"), headers={"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}))
    with scripted_server(reader) as server, pytest.raises(WorkerError, match=r"clock is \d+ s off") as caught:
        S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())
    assert caught.value.retryable
    assert caught.value.elsewhere
