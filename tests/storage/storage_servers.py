"""What the S3 tests share: a whole S3 (moto), a bucket that remembers, and the settings that name them."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from contract.errors import ErrorCode, Stage, WorkerError
from storage.job_bucket import located, s3_config_of_environment, s3_config_of_job
from storage.s3 import S3Config, S3Storage
from tests.storage.scripted_server import Answer, Seen

BUCKET = "videos"
ACCESS_KEY = "MARKEDKEYID"
SECRET_KEY = "marked+secret/key"
VIDEO = bytes(range(256)) * 20
FAILED, MISCONFIGURED = ErrorCode.STORAGE_FAILED, ErrorCode.STORAGE_MISCONFIGURED


def keep_to_this_test(monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> None:
    """Hide the machine's own AWS settings and proxies, and keep boto3 from asking the network for credentials."""
    for name in os.environ:
        if name.upper().startswith(("AWS_", "BOTO_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(empty_home))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(empty_home / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(empty_home / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def s3_config(
    endpoint_url: str | None,
    *,
    bucket: str = BUCKET,
    access_key_id: str | None = ACCESS_KEY,
    secret_access_key: str | None = SECRET_KEY,
    region: str | None = None,
    public_base_url: str | None = None,
    key_prefix: str = "",
    presign_seconds: int = 3600,
) -> S3Config:
    """A config that works with the servers below, but for what is given."""
    return S3Config(
        bucket=bucket,
        endpoint_url=endpoint_url,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        region=region,
        public_base_url=public_base_url,
        key_prefix=key_prefix,
        presign_seconds=presign_seconds,
    )


def sent(endpoint_url: object, bucket: str | None = None, **others: object) -> dict[str, object]:
    """The s3Config of a job, as it is sent."""
    named = {} if bucket is None else {"bucketName": bucket}
    return {"accessId": ACCESS_KEY, "accessSecret": SECRET_KEY, "endpointUrl": endpoint_url, **named, **others}


def bucket_named(url: str, way: str, region: str | None) -> S3Storage:
    """The bucket as a job, RunPod's variables or the S3 settings name it."""
    if way == "s3Config":
        return S3Storage(s3_config_of_job(sent(url, BUCKET)), url_seconds=0.5)
    if way == "BUCKET":
        config = s3_config_of_environment(f"{url}/{BUCKET}", ACCESS_KEY, SECRET_KEY, region=region)
        return S3Storage(config, url_seconds=0.5)
    return S3Storage(located(s3_config(url, region=region), "S3_ENDPOINT_URL", "S3_BUCKET"), url_seconds=0.5)


@contextmanager
def moto_server() -> Iterator[str]:
    """A whole S3; gives its URL. Its contents belong to the process: `only_bucket` makes them the test's own."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - half a second that no other test needs

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def only_bucket(s3_url: str) -> None:
    """Empty a moto server and let it trust everybody again; then make the one bucket `BUCKET`."""
    requests.post(f"{s3_url}/moto-api/reset-auth", data="inf", timeout=30).raise_for_status()
    requests.post(f"{s3_url}/moto-api/reset", timeout=30).raise_for_status()
    requests.put(f"{s3_url}/{BUCKET}", timeout=30).raise_for_status()


def s3_error(status: int, code: str) -> Answer:
    """An error in S3's words, which quote the key id, as the real ones do."""
    text = f"<Error><Code>{code}</Code><Message>about {ACCESS_KEY}</Message><AWSAccessKeyId>{ACCESS_KEY}"
    return Answer(status, f"{text}</AWSAccessKeyId><RequestId>4711</RequestId></Error>".encode())


def obedient(request: Seen) -> Answer:
    """Takes everything, and tells the size of `VIDEO` to whoever asks."""
    if request.method == "POST" and "uploads" in request.query:
        return Answer(
            200, b"<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>"
        )
    if request.method == "POST":
        return Answer(200, b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")
    if request.method == "PUT":
        return Answer(200, headers={"ETag": '"tag"'})
    if request.method == "GET":
        return content(VIDEO, request)
    return Answer(200, length=len(VIDEO)) if request.method == "HEAD" else Answer(204)


def content(body: bytes, request: Seen) -> Answer:
    """A stored object, or the one range of it that is asked for."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
    if asked is None:
        return Answer(200, body)
    piece = body[int(asked[1]) : int(asked[2]) + 1]
    return Answer(206, piece, headers={"Content-Range": f"bytes {asked[1]}-{asked[2]}/{len(body)}"})


@dataclass
class FakeBucket:
    """A bucket that remembers: call it with each request. `uploads` are the unfinished ones, with their parts."""

    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    begun: int = 0

    def __call__(self, request: Seen) -> Answer:
        upload_id = request.query.get("uploadId", [""])[0]
        if upload_id and upload_id not in self.uploads:
            return s3_error(404, "NoSuchUpload")
        if request.method == "POST":
            return self._complete(request.path, upload_id) if upload_id else self._begin()
        if request.method == "PUT":
            self.uploads[upload_id][int(request.query["partNumber"][0])] = request.body
            return Answer(200, headers={"ETag": '"tag"'})
        if request.method == "DELETE":
            if upload_id:
                del self.uploads[upload_id]
            else:
                self.objects.pop(request.path, None)
            return Answer(204)
        return self._read(request)

    def _read(self, request: Seen) -> Answer:
        if request.path not in self.objects:
            return Answer(404) if request.method == "HEAD" else s3_error(404, "NoSuchKey")
        held = self.objects[request.path]
        if request.method == "GET":
            return content(held, request)
        tag = hashlib.md5(held, usedforsecurity=False).hexdigest()
        return Answer(200, length=len(held), headers={"ETag": f'"{tag}-1"'})

    def _begin(self) -> Answer:
        self.begun += 1
        self.uploads[f"upload-{self.begun}"] = {}
        return Answer(200, f"<R><UploadId>upload-{self.begun}</UploadId></R>".encode())

    def _complete(self, path: str, upload_id: str) -> Answer:
        parts = self.uploads.pop(upload_id)
        self.objects[path] = b"".join(parts[number] for number in sorted(parts))
        return Answer(200, b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")

    @property
    def is_empty(self) -> bool:
        return not self.objects and not self.uploads


def failure(call: Callable[[], object]) -> tuple[ErrorCode, Stage]:
    """The code and the stage of the `WorkerError` that this call must end in."""
    with pytest.raises(WorkerError) as caught:
        call()
    return caught.value.code, caught.value.stage


def obedient_but(method: str, *answers: Answer) -> Callable[[Seen], Answer]:
    """As `obedient`, but the first requests of this method get these answers, one each."""
    left = iter(answers)
    return lambda request: next(left, obedient(request)) if request.method == method else obedient(request)
