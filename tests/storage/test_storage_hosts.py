"""The hosts of a store: the bucket in front where the store wants it so, and the host of the bucket's own region."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from contract.cancel import Cancellation
from contract.errors import WorkerError
from storage.job_bucket import located
from storage.s3 import S3Config, S3Storage
from tests.storage.scripted_server import Answer, Seen, scripted_server
from tests.storage.storage_servers import (
    BUCKET,
    MISCONFIGURED,
    VIDEO,
    FakeBucket,
    failure,
    s3_config,
    s3_error,
)


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
