"""The URL that a reply names opens for whoever gets it: in the bucket's own region, at its own address, or it is told
before the first video."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.job_bucket import located, s3_config_of_environment, s3_config_of_job
from storage.s3 import S3Config, S3Storage
from tests.storage.storage_servers import (
    ACCESS_KEY,
    BUCKET,
    SECRET_KEY,
    VIDEO,
    Answer,
    FakeBucket,
    Seen,
    failure,
    s3_config,
    s3_error,
    scripted_server,
)

FAILED, MISCONFIGURED = ErrorCode.STORAGE_FAILED, ErrorCode.STORAGE_MISCONFIGURED
REGION = "eu-west-2"
PROBE = f"/{BUCKET}/storage-check.mp4"


def named_in_header(request: Seen) -> Answer:
    return replace(s3_error(301, "PermanentRedirect"), headers={"x-amz-bucket-region": REGION})


def named_in_body(request: Seen) -> Answer:
    body = f"<Error><Code>AuthorizationHeaderMalformed</Code><Region>{REGION}</Region></Error>"
    return Answer(400, body.encode() if request.method != "HEAD" else b"")


def named_in_words(request: Seen) -> Answer:
    words = f"the region &apos;us-east-1&apos; is wrong; expecting &apos;{REGION}&apos;"
    return Answer(400, f"<Error><Code>AuthorizationHeaderMalformed</Code><Message>{words}</Message></Error>".encode())


def named_by_garage(request: Seen) -> Answer:
    words = f"unexpected scope: 20261126/us-east-1/s3/aws4_request, expected: 20261126/{REGION}/s3/aws4_request"
    return Answer(400, f"<Error><Code>AuthorizationHeaderMalformed</Code><Message>{words}</Message></Error>".encode())


def named_as_endpoint(request: Seen) -> Answer:
    host = f"{BUCKET}.s3.{REGION}.amazonaws.com"
    return Answer(301, f"<Error><Code>PermanentRedirect</Code><Endpoint>{host}</Endpoint></Error>".encode())


def named_as_location(request: Seen) -> Answer:
    return Answer(307, headers={"Location": f"https://{BUCKET}.s3-{REGION}.amazonaws.com/x"})


def named_for_a_look(request: Seen) -> Answer:
    """Only a HEAD of the bucket tells."""
    told = {"x-amz-bucket-region": REGION} if request.method == "HEAD" and request.path == f"/{BUCKET}" else {}
    return Answer(301, headers=told)


def named_beside_a_refusal(request: Seen) -> Answer:
    return replace(s3_error(403, "SignatureDoesNotMatch"), headers={"x-amz-bucket-region": REGION})


EVERY_WAY = (
    named_in_header,
    named_in_body,
    named_in_words,
    named_by_garage,
    named_as_endpoint,
    named_as_location,
    named_for_a_look,
    named_beside_a_refusal,
)


@dataclass
class Regional(FakeBucket):
    """A bucket that knows one region. `strict` are the methods that mind it."""

    elsewhere: Callable[[Seen], Answer] = named_in_header
    strict: tuple[str, ...] = ("POST", "PUT", "HEAD", "DELETE", "GET")
    misled: list[str] = field(default_factory=list)

    def __call__(self, request: Seen) -> Answer:
        signed = request.headers.get("authorization", "") or request.target.replace("%2F", "/")
        found = re.search(r"Credential=[^/]+/\d{8}/([^/]+)/s3/", signed)
        region = found[1] if found else ""
        if region != REGION and request.method in self.strict:
            self.misled.append(request.method)
            return self.elsewhere(request)
        if request.path == f"/{BUCKET}":
            return self.elsewhere(request)
        return super().__call__(request)


def named(url: str, way: str, region: str | None) -> S3Storage:
    """The bucket as a job, RunPod's variables or the S3 settings name it."""
    if way == "s3Config":
        raw = {"accessId": ACCESS_KEY, "accessSecret": SECRET_KEY, "endpointUrl": url, "bucketName": BUCKET}
        return S3Storage(s3_config_of_job(raw), url_seconds=0.5)
    if way == "BUCKET":
        config = s3_config_of_environment(f"{url}/{BUCKET}", ACCESS_KEY, SECRET_KEY, region=region)
        return S3Storage(config, url_seconds=0.5)
    return S3Storage(located(s3_config(url, region=region), "S3_ENDPOINT_URL", "S3_BUCKET"), url_seconds=0.5)


@pytest.mark.parametrize("elsewhere", EVERY_WAY)
def test_the_url_is_of_the_region_that_the_store_names(video: Path, elsewhere: Callable[[Seen], Answer]) -> None:
    bucket = Regional(elsewhere=elsewhere)
    with scripted_server(bucket) as server:
        storage = named(server.url, "S3", None)
        storage.check()
        misled = len(bucket.misled)
        assert bucket.is_empty
        stored = storage.put(video, "talk.mp4", Cancellation())
        assert len(bucket.misled) == misled  # it is remembered
        assert requests.get(stored.url, timeout=30).content == VIDEO
        found = storage.find("talk.mp4", len(VIDEO))
        assert found is not None
        assert requests.get(found.url, timeout=30).content == VIDEO


@pytest.mark.parametrize(
    ("way", "region"), [("s3Config", None), ("BUCKET", None), ("BUCKET", "ap-south-1"), ("S3", "x1")]
)
@pytest.mark.parametrize("checked", [True, False])
def test_however_the_bucket_is_named(video: Path, way: str, region: str | None, checked: bool) -> None:
    with scripted_server(Regional()) as server:
        storage = named(server.url, way, region)
        if checked:
            storage.check(Stage.VALIDATE)
        stored = storage.put(video, "talk.mp4", Cancellation())
        assert requests.get(stored.url, timeout=30).content == VIDEO


@pytest.mark.parametrize("elsewhere", [named_in_header, named_in_words, named_for_a_look, named_beside_a_refusal])
def test_a_store_that_minds_the_region_of_readers_alone(video: Path, elsewhere: Callable[[Seen], Answer]) -> None:
    with scripted_server(Regional(elsewhere=elsewhere, strict=("GET",))) as server:
        storage = named(server.url, "S3", "us-east-1")
        storage.check()
        stored = storage.put(video, "talk.mp4", Cancellation())
        assert requests.get(stored.url, timeout=30).content == VIDEO


def test_a_store_that_names_no_region_is_misconfigured() -> None:
    with scripted_server(Regional(elsewhere=lambda _: Answer(301))) as server:
        assert failure(named(server.url, "S3", None).check) == (MISCONFIGURED, Stage.START)


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
        named(server.url, "s3Config", None).check(Stage.VALIDATE)
    assert server.methods() == ["POST", "DELETE", "GET"]
    assert made == []


def test_a_job_whose_url_is_refused_is_told_before_the_gpu_works() -> None:
    reader = Reader(s3_error(403, "AccessDenied"))
    with scripted_server(reader) as server:
        assert failure(lambda: named(server.url, "s3Config", None).check(Stage.VALIDATE)) == (
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


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[Seen], Answer]], object]]:
    """Every host by name: requests go through a proxy of the environment, which answers them itself."""
    current: list[Callable[[Seen], Answer]] = []

    def answer(request: Seen) -> Answer:
        return current[0](request)

    with scripted_server(answer) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        yield current.append


class Virtual(FakeBucket):
    """Wants the bucket in front of its host, and says this otherwise."""

    refusal: Answer = s3_error(403, "SecondLevelDomainForbidden")

    def __call__(self, request: Seen) -> Answer:
        if not (urlsplit(request.target).hostname or "").startswith(f"{BUCKET}."):
            return self.refusal
        return super().__call__(request)


@pytest.mark.parametrize(
    "refusal",
    [
        s3_error(403, "SecondLevelDomainForbidden"),
        s3_error(400, "PathStyleDomainForbidden"),
        s3_error(403, "VirtualHostDomainRequired"),
        s3_error(400, "InvalidPathAccess"),
        s3_error(400, "SomethingOfItsOwn"),
        s3_error(404, "NoSuchBucket"),
        Answer(405),
    ],
    ids=["alibaba", "tencent", "huawei", "volcengine", "unknown", "no-bucket", "method"],
)
def test_a_store_that_wants_the_bucket_in_front_gets_it_so(
    video: Path, proxy: Callable[[Callable[[Seen], Answer]], object], refusal: Answer
) -> None:
    bucket = Virtual()
    bucket.refusal = refusal
    proxy(bucket)
    storage = S3Storage(s3_config("http://store.test"), attempts=1)
    storage.check()
    stored = storage.put(video, "talk.mp4", Cancellation())
    assert stored.url.startswith(f"http://{BUCKET}.store.test/talk.mp4?")
    assert bucket.objects == {"/talk.mp4": VIDEO}


def test_where_the_bucket_stands_may_be_said(video: Path, proxy: Callable[[Callable[[Seen], Answer]], object]) -> None:
    proxy(Virtual())
    path = s3_config("http://store.test")
    assert failure(S3Storage(replace(path, addressing_style="path"), attempts=1).check)[0] is MISCONFIGURED
    S3Storage(replace(path, addressing_style="virtual"), attempts=1).check()


def test_a_bucket_that_stands_nowhere_is_told_in_the_stores_first_words(
    proxy: Callable[[Callable[[Seen], Answer]], object],
) -> None:
    def answer(request: Seen) -> Answer:
        in_front = (urlsplit(request.target).hostname or "").startswith(BUCKET)
        return s3_error(403, "AccessDenied") if in_front else s3_error(404, "NoSuchBucket")

    proxy(answer)
    storage = S3Storage(s3_config("http://store.test"), attempts=1)
    with pytest.raises(WorkerError, match="NoSuchBucket"):
        storage.check()


@pytest.mark.parametrize(
    ("endpoint", "named_host", "host"),
    [
        ("http://s3.amazonaws.com", "s3.eu-west-2.amazonaws.com", "s3.eu-west-2.amazonaws.com"),
        ("http://s3.us-east-1.amazonaws.com", "", "s3.eu-west-2.amazonaws.com"),
        ("http://s3-us-west-2.amazonaws.com", "", "s3.eu-west-2.amazonaws.com"),
        ("http://s3.dualstack.us-east-1.amazonaws.com", "", "s3.dualstack.eu-west-2.amazonaws.com"),
        ("http://s3.wasabisys.com", "s3.eu-west-2.wasabisys.com", "s3.eu-west-2.wasabisys.com"),
    ],
)
def test_an_endpoint_of_another_region_is_left_for_the_buckets_own(
    video: Path,
    proxy: Callable[[Callable[[Seen], Answer]], object],
    endpoint: str,
    named_host: str,
    host: str,
) -> None:
    bucket = FakeBucket()

    def answer(request: Seen) -> Answer:
        if urlsplit(request.target).hostname == host:
            return bucket(request)
        if named_host:
            words = f"<Error><Code>PermanentRedirect</Code><Endpoint>{BUCKET}.{named_host}</Endpoint></Error>"
            return Answer(301, words.encode())
        return replace(s3_error(301, "PermanentRedirect"), headers={"x-amz-bucket-region": "eu-west-2"})

    proxy(answer)
    config: S3Config = located(s3_config(endpoint), "S3_ENDPOINT_URL", "S3_BUCKET")
    stored = S3Storage(config, attempts=1).put(video, "talk.mp4", Cancellation())
    assert urlsplit(stored.url).hostname == host
    assert "%2Feu-west-2%2Fs3%2F" in stored.url
