"""The bucket of a job, and that of RunPod's three variables: read, or refused without telling a value."""

from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.job_bucket import s3_config_of_environment, s3_config_of_job
from storage.s3 import S3Config, S3Storage
from tests.storage.storage_servers import (
    ACCESS_KEY,
    BUCKET,
    SECRET_KEY,
    FakeBucket,
    keep_to_this_test,
    scripted_server,
)

ACCOUNT = "0123456789abcdef" * 2


def job(endpoint_url: object, bucket: str | None = None, **others: object) -> dict[str, object]:
    named = {} if bucket is None else {"bucketName": bucket}
    return {"accessId": ACCESS_KEY, "accessSecret": SECRET_KEY, "endpointUrl": endpoint_url, **named, **others}


def refusal(raw: object) -> str:
    with pytest.raises(WorkerError) as caught:
        s3_config_of_job(raw)
    assert (caught.value.code, caught.value.stage) == (ErrorCode.INVALID_INPUT, Stage.VALIDATE)
    return caught.value.message


@pytest.mark.parametrize(
    ("endpoint", "named", "place"),
    [
        ("https://b.s3.eu-west-1.amazonaws.com", None, ("https://s3.eu-west-1.amazonaws.com", "b", "eu-west-1")),
        ("https://b.s3.eu-west-1.amazonaws.com/", "b", ("https://s3.eu-west-1.amazonaws.com", "b", "eu-west-1")),
        ("https://s3.eu-west-1.amazonaws.com", "b", ("https://s3.eu-west-1.amazonaws.com", "b", "eu-west-1")),
        ("https://S3.eu-west-1.amazonaws.com/b/", None, ("https://s3.eu-west-1.amazonaws.com", "b", "eu-west-1")),
        ("https://a.b.s3-us-west-2.amazonaws.com", None, ("https://s3-us-west-2.amazonaws.com", "a.b", "us-west-2")),
        (
            "https://s3.dualstack.us-west-2.amazonaws.com",
            "b",
            ("https://s3.dualstack.us-west-2.amazonaws.com", "b", "us-west-2"),
        ),
        ("https://b.s3.amazonaws.com", None, ("https://s3.amazonaws.com", "b", None)),
        (
            f"https://{ACCOUNT}.r2.cloudflarestorage.com",
            "b",
            (f"https://{ACCOUNT}.r2.cloudflarestorage.com", "b", "auto"),
        ),
        (
            f"https://{ACCOUNT}.r2.cloudflarestorage.com/b",
            None,
            (f"https://{ACCOUNT}.r2.cloudflarestorage.com", "b", "auto"),
        ),
        (
            f"https://b.{ACCOUNT}.eu.r2.cloudflarestorage.com",
            None,
            (f"https://{ACCOUNT}.eu.r2.cloudflarestorage.com", "b", "auto"),
        ),
        ("https://storage.googleapis.com/b", None, ("https://storage.googleapis.com", "b", None)),
        ("https://b.storage.googleapis.com", None, ("https://storage.googleapis.com", "b", None)),
        ("https://b.nyc3.digitaloceanspaces.com", None, ("https://nyc3.digitaloceanspaces.com", "b", "nyc3")),
        (
            "https://b.s3.eu-central-003.backblazeb2.com",
            None,
            ("https://s3.eu-central-003.backblazeb2.com", "b", "eu-central-003"),
        ),
        ("https://b.s3.fr-par.scw.cloud", None, ("https://s3.fr-par.scw.cloud", "b", "fr-par")),
        ("http://minio:9000/b", None, ("http://minio:9000", "b", None)),
        ("http://[::1]:9000", "b", ("http://[::1]:9000", "b", None)),
        ("https://minio.s3.corp.example", "b", ("https://minio.s3.corp.example", "b", None)),
        ("https://minio.s3.corp.example/b", None, ("https://minio.s3.corp.example", "b", None)),
        ("https://b.s3.corp.example:8443", "b", ("https://s3.corp.example:8443", "b", None)),
        ("https://project.supabase.co/storage/v1/s3", "b", ("https://project.supabase.co/storage/v1/s3", "b", None)),
    ],
)
def test_the_bucket_and_the_region_are_found_where_they_are_named(
    endpoint: str, named: str | None, place: tuple[str, str, str | None]
) -> None:
    config = s3_config_of_job(job(endpoint, named), key_prefix="talks", presign_seconds=60)
    assert (config.endpoint_url, config.bucket, config.region) == place
    assert config == S3Config(
        bucket=place[1],
        endpoint_url=place[0],
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        region=place[2],
        public_base_url=None,
        key_prefix="talks",
        presign_seconds=60,
    )
    assert s3_config_of_environment(endpoint, ACCESS_KEY, SECRET_KEY, bucket=named).bucket == place[1]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, "must be an object"),
        (["accessId"], "must be an object"),
        ({}, "lacks accessId, accessSecret, endpointUrl"),
        (
            job("https://h/b", region="x"),
            "unknown fields: 'region'; known are accessId, accessSecret, bucketName, endp",
        ),
        (job("https://h/b", accessId=""), "accessId must be a string of 1 to 1024"),
        (job("https://h/b", accessId=7), "accessId must be a string"),
        (job("https://h/b", accessSecret=f"{SECRET_KEY}\n"), "accessSecret must be a string"),
        (job("https://h/b", accessSecret=SECRET_KEY * 1000), "accessSecret must be a string"),
        (job("https://h", ""), "bucketName must be a string"),
        (job("https://h", None, bucketName=None), "bucketName must be a string"),
        (job(None), "endpointUrl must be a string"),
        (job("https://h"), "bucketName is missing"),
        (job("https://h/storage/v1/s3"), "bucketName is missing"),
        (job("https://s3.eu-west-1.amazonaws.com"), "bucketName is missing"),
        (job("https://h", "a/b"), "bucketName is not the name of a bucket"),
        (job("https://h/a%20b"), "bucketName is not the name of a bucket"),
        (job("https://other.s3.eu-west-1.amazonaws.com", "b"), "name different buckets"),
        (job("https://b.s3.eu-west-1.amazonaws.com/folder"), "name different buckets"),
        (job("https://b.s3.eu-west-1.amazonaws.com/folder", "b"), "name different buckets"),
        (job(f"https://b.{ACCOUNT}.r2.cloudflarestorage.com/x/y"), "a path besides"),
        (job("h/b"), "must be an http"),
        (job("ftp://h/b"), "must be an http"),
        (job("https:///b"), "must be an http"),
        (job("https://h.:0/b"), "must be an http"),
        (job("https://h%2f/b"), "must be an http"),
        (job("https://[h/b"), "is not a URL"),
        (job("https://h:port/b"), "is not a URL"),
        (job(f"https://user:{ACCESS_KEY}@h/b"), "must not carry credentials"),
        (job(f"https://h/b?key={ACCESS_KEY}"), "must not carry credentials, a query"),
        (job(f"https://h/b#{ACCESS_KEY}"), "must not carry credentials, a query or a fragment"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(raw: object, words: str) -> None:
    message = refusal(raw)
    assert message.startswith("s3Config")
    assert words in message
    assert ACCESS_KEY not in message
    assert SECRET_KEY not in message


def test_variables_that_cannot_be_used_are_named() -> None:
    for values, words in (
        (("https://h/b", "", SECRET_KEY), "BUCKET_ACCESS_KEY_ID must be"),
        (("https://h/b", ACCESS_KEY, "a b"), "BUCKET_SECRET_ACCESS_KEY must be"),
        (("h/b", ACCESS_KEY, SECRET_KEY), "BUCKET_ENDPOINT_URL must be"),
        (("https://h", ACCESS_KEY, SECRET_KEY), "bucket's name is missing, and BUCKET_ENDPOINT_URL does not name"),
    ):
        with pytest.raises(WorkerError, match=words) as caught:
            s3_config_of_environment(*values)
        assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_MISCONFIGURED, Stage.START)


def test_a_region_that_is_given_wins() -> None:
    config = s3_config_of_environment("https://b.s3.eu-west-1.amazonaws.com", "id", "secret", region="eu-west-2")
    assert config.region == "eu-west-2"


@pytest.mark.parametrize("named", [None, BUCKET])
def test_a_video_goes_to_the_jobs_bucket_without_a_month_in_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    keep_to_this_test(monkeypatch, tmp_path)
    video = tmp_path / "finished.mp4"
    video.write_bytes(b"video")
    bucket = FakeBucket()
    with scripted_server(bucket) as server:
        storage = S3Storage(s3_config_of_job(job(f"{server.url}/{BUCKET}", named)))
        storage.check(Stage.VALIDATE)
        storage.put(video, "talk.mp4", Cancellation())
    assert bucket.objects == {f"/{BUCKET}/talk.mp4": b"video"}
