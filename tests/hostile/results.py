"""The two kinds of places that a job names for its result, behind the rules for sources."""

from collections.abc import Callable
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from sources.guard import Guard
from sources.places import WebPolicy
from storage.base import Storage
from storage.job_bucket import s3_config_of_job
from storage.s3 import S3Storage
from storage.upload_url import PresignedPut
from tests.hostile.servers import Names
from tests.storage.storage_servers import ACCESS_KEY, SECRET_KEY

HUSH = "X-Amz-Signature=hush"
MakeStorage = Callable[[str, Guard], Storage]


def put_url(place: str, guard: Guard) -> Storage:
    """A presigned URL at `http(s)://host[:port]`."""
    return PresignedPut(f"{place}/bucket/talk.mp4?{HUSH}", guard=guard, attempts=2, pause_seconds=0.01)


def job_bucket(place: str, guard: Guard) -> Storage:
    """A job's own bucket at `http(s)://host[:port]`."""
    raw = {"accessId": ACCESS_KEY, "accessSecret": SECRET_KEY, "endpointUrl": place, "bucketName": "bucket"}
    return S3Storage(s3_config_of_job(raw), attempts=2, guard=guard)


def guard(names: Names, *hosts: str, ports: tuple[int, ...] = (80, 443), allow_proxy: bool = False) -> Guard:
    """What a worker makes of ALLOW_PRIVATE_HOSTS, ALLOWED_PORTS and ALLOW_PROXY."""
    return Guard(WebPolicy(frozenset(hosts), frozenset(ports), allow_proxy), resolve=names)


def refused(call: Callable[[], object], stage: Stage, *secrets: str) -> str:
    """The message of a refusal for good, at this stage, which tells none of the secrets."""
    with pytest.raises(WorkerError) as caught:
        call()
    error = caught.value
    assert (error.code, error.stage) == (ErrorCode.STORAGE_MISCONFIGURED, stage), error.message
    for secret in ("hush", ACCESS_KEY, SECRET_KEY, *secrets):
        assert secret not in error.message + error.detail
    return error.message


def store(storage: Storage, video: Path) -> None:
    """Put a video there."""
    storage.put(video, "talk.mp4", Cancellation())
