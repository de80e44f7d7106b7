"""Answers of a place for the result that never end, or come a byte at a time: the upload ends, and holds nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.errors import ErrorCode, WorkerError
from storage.base import Storage
from storage.job_bucket import s3_config_of_job
from storage.s3 import S3Storage
from storage.upload_url import PresignedPut
from tests.hostile.results import guard, store
from tests.hostile.servers import PRIVATE, Names, Raw, Script, repeats
from tests.storage.storage_servers import ACCESS_KEY, SECRET_KEY, VIDEO, keep_to_this_test

SECONDS = 0.3
OK, MOVED = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1/\r\n"
HEADS = {
    "a header that never ends": repeats(OK, b"a", 0.01),
    "continue, for ever": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
BODIES = {
    "a body that never ends": repeats(OK + b"\r\n", b" " * 65_536),
    "a body a byte at a time": repeats(OK + b"\r\n", b" ", 0.01),
    "a redirect whose body never ends": repeats(MOVED + b"\r\n", b" " * 65_536),
}


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keep_to_this_test(monkeypatch, tmp_path)


def put_url(place: str) -> Storage:
    return PresignedPut(f"{place}talk.mp4", guard=guard(Names(), PRIVATE), attempts=1, answer_seconds=SECONDS)


def job_bucket(place: str) -> Storage:
    raw = {"accessId": ACCESS_KEY, "accessSecret": SECRET_KEY, "endpointUrl": place, "bucketName": "bucket"}
    return S3Storage(s3_config_of_job(raw), attempts=1, answer_seconds=SECONDS, guard=guard(Names(), PRIVATE))


def ended(make: Callable[[str], Storage], script: Script, folder: Path) -> ErrorCode:
    """How an upload ends, and its connections with it: else the server would not."""
    video = folder / "finished.mp4"
    video.write_bytes(VIDEO)
    with Raw(script) as server, ThreadPoolExecutor(1) as pool:
        error = pool.submit(store, make(server.url), video).exception(30)
    assert isinstance(error, WorkerError)
    return error.code


@pytest.mark.parametrize("make", [put_url, job_bucket])
@pytest.mark.parametrize("script", HEADS.values(), ids=list(HEADS))
def test_a_head_without_end(make: Callable[[str], Storage], script: Script, tmp_path: Path) -> None:
    assert ended(make, script, tmp_path) is ErrorCode.STORAGE_FAILED


@pytest.mark.parametrize("script", BODIES.values(), ids=list(BODIES))
def test_a_body_without_end(script: Script, tmp_path: Path) -> None:
    assert ended(job_bucket, script, tmp_path) in (ErrorCode.STORAGE_FAILED, ErrorCode.STORAGE_MISCONFIGURED)


def test_a_redirect_is_not_read(tmp_path: Path) -> None:
    assert ended(put_url, BODIES["a redirect whose body never ends"], tmp_path) is ErrorCode.STORAGE_MISCONFIGURED
