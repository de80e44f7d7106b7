"""What the settings of a bucket lead to: the requests that are sent, or the reason why none is."""

from contextlib import closing
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import Stage, WorkerError
from storage.s3 import S3Config, S3Storage
from storage.s3_client import RetryPolicy, open_client
from tests.storage.scripted_server import Answer, scripted_server
from tests.storage.storage_servers import (
    ACCESS_KEY,
    BUCKET,
    FAILED,
    MISCONFIGURED,
    SECRET_KEY,
    failure,
    obedient,
    s3_config,
)


@pytest.mark.parametrize(
    "unusable",
    [
        s3_config("http://127.0.0.1:1", access_key_id=None, secret_access_key=None),
        s3_config("http://127.0.0.1:1", secret_access_key=None),
        s3_config("http://127.0.0.1:1", access_key_id=None),
        s3_config("http://127.0.0.1:1", bucket=""),
        s3_config("http://127.0.0.1:1", bucket="no bucket"),
        s3_config("http://127.0.0.1:1", presign_seconds=0),
        s3_config("http://127.0.0.1:1", presign_seconds=604_801),
        s3_config("127.0.0.1:1"),
        s3_config("ftp://127.0.0.1:1"),
        s3_config("http://127.0.0.1:999999"),
        s3_config("http://127.0.0.1:port"),
        s3_config("http://[::1"),
        s3_config("http://two words"),
        s3_config(f"http://user:{SECRET_KEY.replace('/', '')}@127.0.0.1:1"),
        s3_config("http://127.0.0.1:1?token=abc"),
        s3_config(None, region="not a region"),
    ],
)
def test_settings_that_cannot_work_are_found_without_a_request(video: Path, unusable: S3Config) -> None:
    storage = S3Storage(unusable, attempts=1)
    assert failure(storage.check) == (MISCONFIGURED, Stage.START)
    assert failure(lambda: storage.put(video, "talk.mp4", Cancellation())) == (MISCONFIGURED, Stage.UPLOAD)


def test_a_request_is_what_every_s3_understands(video: Path) -> None:
    with scripted_server(obedient) as server:
        S3Storage(s3_config(server.url, region="auto")).put(video, "talk.mp4", Cancellation())
    assert server.methods() == ["POST", "PUT", "POST", "HEAD", "GET"]
    assert server.seen[0].headers["content-type"] == "video/mp4"
    assert "expect" not in server.seen[1].headers
    assert {request.path for request in server.seen} == {f"/{BUCKET}/talk.mp4"}
    for request in server.seen[:-1]:
        assert request.headers["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/")
        assert "/auto/s3/aws4_request" in request.headers["authorization"]
        assert [name for name in request.headers if "checksum" in name or name == "x-amz-trailer"] == []
        assert "aws-chunked" not in request.headers.get("content-encoding", "")


def test_without_keys_boto3s_own_chain_is_asked(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMCHAIN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "chain-secret")
    with scripted_server(obedient) as server:
        S3Storage(s3_config(server.url, access_key_id=None, secret_access_key=None)).put(
            video, "talk.mp4", Cancellation()
        )
        S3Storage(s3_config(server.url, access_key_id="", secret_access_key="")).put(video, "talk.mp4", Cancellation())
        S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())
    signed = [request.headers["authorization"] for request in server.seen if request.method != "GET"]
    used = [header.split("Credential=")[1].split("/")[0] for header in signed]
    assert used == ["FROMCHAIN"] * 8 + [ACCESS_KEY] * 4


def test_without_an_endpoint_the_host_is_the_buckets_own_in_its_region(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = s3_config(None, region="eu-west-1")
    with scripted_server(lambda _: Answer(403)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert failure(lambda: S3Storage(config, attempts=1).put(video, "talk.mp4", Cancellation())) == (
            FAILED,
            Stage.UPLOAD,
        )
    host = f"{BUCKET}.s3.eu-west-1.amazonaws.com"
    assert [(request.method, request.target) for request in proxy.seen] == [("CONNECT", f"{host}:443")]


@pytest.mark.parametrize(
    ("endpoint", "start"),
    [
        (None, f"https://{BUCKET}.s3.eu-west-1.amazonaws.com/talk.mp4?"),
        ("https://s3.example", f"https://s3.example/{BUCKET}/talk.mp4?"),
    ],
)
def test_a_presigned_url_names_a_host_that_exists(endpoint: str | None, start: str) -> None:
    with closing(open_client(s3_config(endpoint, region="eu-west-1"), RetryPolicy(1, 5, 5), Stage.START)) as client:
        url = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "talk.mp4"}, ExpiresIn=60)
    assert url.startswith(start)


@pytest.mark.parametrize(("key_id", "secret"), [(None, SECRET_KEY), (ACCESS_KEY, "")])
def test_half_a_key_is_named_as_such(key_id: str | None, secret: str | None) -> None:
    storage = S3Storage(s3_config("http://127.0.0.1:1", access_key_id=key_id, secret_access_key=secret))
    with pytest.raises(WorkerError, match="needs both an access key and its secret"):
        storage.check()
