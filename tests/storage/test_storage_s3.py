"""A bucket as storage, against a whole S3 over HTTP."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.base import Storage
from storage.s3 import S3Storage
from tests.storage.storage_servers import BUCKET, VIDEO, moto_server, only_bucket, s3_config

ROOT = {"aws_access_key_id": "root", "aws_secret_access_key": "root", "region_name": "us-east-1"}


@pytest.fixture(scope="module")
def running_moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def s3_url(_isolated: None, running_moto: str) -> str:
    only_bucket(running_moto)
    return running_moto


def get(url: str) -> requests.Response:
    reply = requests.get(url, timeout=30)
    reply.raise_for_status()
    return reply


def path_of(url: str) -> str:
    return urlsplit(url).path


def test_a_video_arrives_whole_and_as_a_video(s3_url: str, video: Path) -> None:
    storage: Storage = S3Storage(s3_config(s3_url))
    stored = storage.put(video, "customer-7/talk_1.final.mp4", Cancellation())
    assert path_of(stored.url) == f"/{BUCKET}/customer-7/talk_1.final.mp4"
    reply = get(stored.url)
    assert reply.content == VIDEO
    assert reply.headers["Content-Type"] == "video/mp4"
    assert stored.size_bytes == len(VIDEO)


@pytest.mark.parametrize("prefix", ["talks/2026", "talks/2026/", "/talks/2026", "/talks/2026//"])
def test_the_prefix_is_joined_with_one_slash(s3_url: str, video: Path, prefix: str) -> None:
    stored = S3Storage(s3_config(s3_url, key_prefix=prefix)).put(video, "a/b.mp4", Cancellation())
    assert path_of(stored.url) == f"/{BUCKET}/talks/2026/a/b.mp4"
    assert get(stored.url).content == VIDEO


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_public_url_is_quoted_readable_and_does_not_expire(s3_url: str, video: Path, slash: str) -> None:
    base = f"{s3_url}/{BUCKET}"
    rule = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    policy = {"Version": "2012-10-17", "Statement": [rule]}
    requests.put(f"{base}?policy", json=policy, timeout=30).raise_for_status()
    stored = S3Storage(s3_config(s3_url, public_base_url=base + slash, key_prefix="für alle+1%")).put(
        video, "a/b.mp4", Cancellation()
    )
    assert stored.url == f"{base}/f%C3%BCr%20alle%2B1%25/a/b.mp4"
    assert stored.expires_at is None
    assert get(stored.url).content == VIDEO


def test_a_presigned_url_downloads_and_says_when_it_ends(s3_url: str, video: Path) -> None:
    stored = S3Storage(s3_config(s3_url, presign_seconds=86_400, key_prefix="für alle")).put(
        video, "talk.mp4", Cancellation()
    )
    query = parse_qs(urlsplit(stored.url).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["86400"]
    signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert stored.expires_at == signed_at + timedelta(days=1)
    reply = get(stored.url)
    assert reply.content == VIDEO
    assert reply.headers["Content-Type"] == "video/mp4"


def test_a_large_video_goes_up_in_parts(s3_url: str, tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    content = b"".join(hashlib.sha256(bytes([i])).digest() * 32 * 1024 for i in range(20)) + b"end"
    large.write_bytes(content)
    stored = S3Storage(s3_config(s3_url)).put(large, "large.mp4", Cancellation())
    reply = get(stored.url)
    assert hashlib.sha256(reply.content).digest() == hashlib.sha256(content).digest()
    assert stored.size_bytes == 20 * 1024 * 1024 + 3
    assert reply.headers["Content-Type"] == "video/mp4"
    assert reply.headers["ETag"].endswith('-3"')  # S3 appends the number of parts


def test_a_second_video_replaces_the_first(s3_url: str, video: Path) -> None:
    storage = S3Storage(s3_config(s3_url))
    storage.put(video, "again.mp4", Cancellation())
    video.write_bytes(b"second")
    assert get(storage.put(video, "again.mp4", Cancellation()).url).content == b"second"


@pytest.mark.parametrize("size", [10, 9 * 1024 * 1024])
def test_a_missing_bucket_is_named(s3_url: str, video: Path, size: int) -> None:
    video.write_bytes(bytes(size))
    storage = S3Storage(s3_config(s3_url, bucket="no-such"))
    with pytest.raises(WorkerError, match=r"'no-such' \(NoSuchBucket\)") as caught:
        storage.put(video, "talk.mp4", Cancellation())
    assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_MISCONFIGURED, Stage.UPLOAD)
    with pytest.raises(WorkerError, match=r"'no-such' \(NoSuchBucket\)") as caught:
        storage.check()
    assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_MISCONFIGURED, Stage.START)


def test_a_check_that_passes_leaves_nothing_behind(s3_url: str) -> None:
    S3Storage(s3_config(s3_url, key_prefix="talks")).check()
    client = boto3.session.Session().client("s3", endpoint_url=s3_url, **ROOT)
    assert "Contents" not in client.list_objects_v2(Bucket=BUCKET)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=BUCKET)
    client.close()


def test_a_stored_video_is_found_by_key_and_size_with_a_fresh_url(s3_url: str, video: Path) -> None:
    storage: Storage = S3Storage(s3_config(s3_url, key_prefix="talks", presign_seconds=60))
    stored = storage.put(video, "a/talk.mp4", Cancellation())
    found = storage.find("a/talk.mp4", len(VIDEO))
    assert found is not None
    assert found.size_bytes == len(VIDEO)
    assert found.version == stored.version is not None
    assert found.expires_at is not None
    assert found.expires_at > datetime.now(UTC)
    assert get(found.url).content == VIDEO
    assert storage.find("a/talk.mp4", len(VIDEO) + 1) is None
    assert storage.find("talk.mp4", len(VIDEO)) is None
    video.write_bytes(VIDEO[::-1])
    storage.put(video, "a/talk.mp4", Cancellation())
    other = storage.find("a/talk.mp4", len(VIDEO))
    assert other is not None
    assert other.version != found.version  # of the same size


def test_a_cancelled_upload_leaves_no_open_upload_behind(s3_url: str, tmp_path: Path) -> None:
    large, cancel = tmp_path / "large.mp4", Cancellation()
    with large.open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    client = boto3.session.Session().client("s3", endpoint_url=s3_url, **ROOT)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(S3Storage(s3_config(s3_url)).put, large, "large.mp4", cancel)
        while "Uploads" not in client.list_multipart_uploads(Bucket=BUCKET):
            assert not future.done()
        cancel.cancel()
        with pytest.raises(WorkerError) as caught:
            future.result(30)
    assert caught.value.code is ErrorCode.CANCELLED
    while "Uploads" in client.list_multipart_uploads(Bucket=BUCKET):
        pass
    assert "Contents" not in client.list_objects_v2(Bucket=BUCKET)
    client.close()


def key_of_a_user_without_rights(s3_url: str) -> tuple[str, str]:
    iam = boto3.session.Session().client("iam", endpoint_url=s3_url, **ROOT)
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    iam.close()
    return key["AccessKeyId"], key["SecretAccessKey"]


def test_a_bad_key_a_bad_signature_and_a_missing_right_are_told_apart(s3_url: str, video: Path) -> None:
    key_id, secret = key_of_a_user_without_rights(s3_url)
    requests.post(f"{s3_url}/moto-api/reset-auth", data="0", timeout=30).raise_for_status()  # from now on it verifies
    cases = [
        ("UNKNOWNKEY", secret, "InvalidAccessKeyId"),
        (key_id, "wrong", "SignatureDoesNotMatch"),
        (key_id, secret, "AccessDenied"),
    ]
    for access_key_id, secret_access_key, reason in cases:
        storage = S3Storage(s3_config(s3_url, access_key_id=access_key_id, secret_access_key=secret_access_key))
        with pytest.raises(WorkerError, match=reason) as caught:
            storage.check()
        assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_MISCONFIGURED, Stage.START)
        with pytest.raises(WorkerError, match=reason) as caught:
            storage.put(video, "talk.mp4", Cancellation())
        assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_MISCONFIGURED, Stage.UPLOAD)
