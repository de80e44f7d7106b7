"""The region of a bucket: found from what the store says of it, and kept in the URL that the reply names."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import requests

from contract.cancel import Cancellation
from contract.errors import Stage
from tests.storage.scripted_server import Answer, Seen, scripted_server
from tests.storage.storage_servers import (
    BUCKET,
    MISCONFIGURED,
    VIDEO,
    FakeBucket,
    bucket_named,
    failure,
    s3_error,
)

REGION = "eu-west-2"


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


@pytest.mark.parametrize("elsewhere", EVERY_WAY)
def test_the_url_is_of_the_region_that_the_store_names(video: Path, elsewhere: Callable[[Seen], Answer]) -> None:
    bucket = Regional(elsewhere=elsewhere)
    with scripted_server(bucket) as server:
        storage = bucket_named(server.url, "S3", None)
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
        storage = bucket_named(server.url, way, region)
        if checked:
            storage.check(Stage.VALIDATE)
        stored = storage.put(video, "talk.mp4", Cancellation())
        assert requests.get(stored.url, timeout=30).content == VIDEO


@pytest.mark.parametrize("elsewhere", [named_in_header, named_in_words, named_for_a_look, named_beside_a_refusal])
def test_a_store_that_minds_the_region_of_readers_alone(video: Path, elsewhere: Callable[[Seen], Answer]) -> None:
    with scripted_server(Regional(elsewhere=elsewhere, strict=("GET",))) as server:
        storage = bucket_named(server.url, "S3", "us-east-1")
        storage.check()
        stored = storage.put(video, "talk.mp4", Cancellation())
        assert requests.get(stored.url, timeout=30).content == VIDEO


def test_a_store_that_names_no_region_is_misconfigured() -> None:
    with scripted_server(Regional(elsewhere=lambda _: Answer(301))) as server:
        assert failure(bucket_named(server.url, "S3", None).check) == (MISCONFIGURED, Stage.START)
