"""A bucket of a job, or of RunPod's three variables, that cannot be used: refused by name, and no value is told."""

import pytest

from contract.errors import ErrorCode, Stage, WorkerError
from storage.job_bucket import s3_config_of_environment, s3_config_of_job
from tests.storage.storage_servers import ACCESS_KEY, SECRET_KEY, sent


def refusal(raw: object) -> str:
    with pytest.raises(WorkerError) as caught:
        s3_config_of_job(raw)
    assert (caught.value.code, caught.value.stage) == (ErrorCode.INVALID_INPUT, Stage.VALIDATE)
    return caught.value.message


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, "must be an object"),
        (["accessId"], "must be an object"),
        ({}, "lacks accessId, accessSecret, endpointUrl"),
        (
            sent("https://h/b", region="x"),
            "unknown fields: 'region'; known are accessId, accessSecret, bucketName, endp",
        ),
        (sent("https://h/b", accessId=""), "accessId must be a string of 1 to 1024"),
        (sent("https://h/b", accessId=7), "accessId must be a string"),
        (sent("https://h/b", accessSecret=f"{SECRET_KEY}\n"), "accessSecret must be a string"),
        (sent("https://h/b", accessSecret=SECRET_KEY * 1000), "accessSecret must be a string"),
        (sent("https://h", ""), "bucketName must be a string"),
        (sent("https://h", None, bucketName=None), "bucketName must be a string"),
        (sent(None), "endpointUrl must be a string"),
        (sent("https://h"), "bucketName is missing"),
        (sent("https://h/storage/v1/s3"), "bucketName is missing"),
        (sent("https://s3.eu-west-1.amazonaws.com"), "bucketName is missing"),
        (sent("https://h", "a/b"), "bucketName is not the name of a bucket"),
        (sent("https://h/a%20b"), "bucketName is not the name of a bucket"),
        (sent("https://other.s3.eu-west-1.amazonaws.com", "b"), "name different buckets"),
        (sent("https://b.s3.eu-west-1.amazonaws.com/folder"), "name different buckets"),
        (sent("https://b.s3.eu-west-1.amazonaws.com/folder", "b"), "name different buckets"),
        (sent(f"https://b.{'0' * 32}.r2.cloudflarestorage.com/x/y"), "a path besides"),
        (sent("https://b.s3-website-eu-west-1.amazonaws.com"), "the address of a website"),
        (sent("https://b.s3-website.eu-central-1.amazonaws.com", "b"), "the address of a website"),
        (sent("https://b.website-us-east-1.linodeobjects.com"), "the address of a website"),
        (sent("https://b-125.cos-website.ap-guangzhou.myqcloud.com"), "the address of a website"),
        (
            sent("https://pub-0123456789abcdef0123456789abcdef.r2.dev", "b"),
            "name https://ACCOUNT.r2.cloudflarestorage",
        ),
        (sent("https://d111111abcdef8.cloudfront.net", "b"), "an address for readers"),
        (sent("https://f004.backblazeb2.com/file/b"), "name https://s3.REGION.backblazeb2.com"),
        (sent("https://account.blob.core.windows.net/b"), "send a SAS URL as upload_url"),
        (sent("https://storage.cloud.google.com/b"), "name https://storage.googleapis.com"),
        (sent("https://s3.console.aws.amazon.com/b"), "a page for people"),
        (
            sent("https://b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com"),
            "URLs last five minutes",
        ),
        (sent("https://s3.us-east-1.amazonaws.com", "b--use1-az4--x-s3"), "URLs last five minutes"),
        (sent("https://project.supabase.co", "b"), "must end in /storage/v1/s3"),
        (sent("https://project.supabase.co/storage/v1/object/public/b"), "must end in /storage/v1/s3"),
        (sent("https://s3api-eu-ro-1.runpod.io", "volume1"), "takes no presigned URLs"),
        (sent("https://s3api-us-ks-2.runpod.io/volume1"), "takes no presigned URLs"),
        (sent("h/b"), "must be an http"),
        (sent("ftp://h/b"), "must be an http"),
        (sent("https:///b"), "must be an http"),
        (sent("https://h.:0/b"), "must be an http"),
        (sent("https://h%2f/b"), "must be an http"),
        (sent("https://[h/b"), "is not a URL"),
        (sent("https://h:port/b"), "is not a URL"),
        (sent(f"https://user:{ACCESS_KEY}@h/b"), "must not carry credentials"),
        (sent(f"https://h/b?key={ACCESS_KEY}"), "must not carry credentials, a query"),
        (sent(f"https://h/b#{ACCESS_KEY}"), "must not carry credentials, a query or a fragment"),
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


def test_runpods_own_store_needs_a_public_address_or_the_volume() -> None:
    url = "https://s3api-eu-ro-1.runpod.io"
    with pytest.raises(
        WorkerError, match=r"takes no presigned URLs.* set STORAGE=volume .*S3_PUBLIC_BASE_URL"
    ) as caught:
        s3_config_of_environment(url, "id", "secret", bucket="volume1")
    assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_MISCONFIGURED, Stage.START)
    config = s3_config_of_environment(f"{url}/volume1", "id", "secret", public_base_url="https://cdn.example")
    assert (config.endpoint_url, config.bucket, config.region) == (url, "volume1", "EU-RO-1")
