"""Whether a video is in its bucket: asked before it is announced, and before it is made again."""

from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.base import StoredVideo
from storage.s3 import S3Storage
from tests.storage.scripted_server import NO_LENGTH, Answer, scripted_server
from tests.storage.storage_servers import (
    FAILED,
    MISCONFIGURED,
    VIDEO,
    failure,
    obedient,
    obedient_but,
    s3_config,
)


@pytest.mark.parametrize("stored", [0, len(VIDEO) - 1, len(VIDEO) + 1])
def test_a_video_of_another_size_is_not_announced(video: Path, stored: int) -> None:
    expected = f"holds {stored} of the video's {len(VIDEO)} bytes"
    answer = obedient_but("HEAD", Answer(200, length=stored))
    with scripted_server(answer) as server, pytest.raises(WorkerError, match=expected) as caught:
        S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())
    assert (caught.value.code, caught.value.stage) == (FAILED, Stage.UPLOAD)


def test_a_video_of_unknown_size_is_not_announced(video: Path) -> None:
    answer = obedient_but("HEAD", Answer(200, length=NO_LENGTH))
    with scripted_server(answer) as server, pytest.raises(WorkerError, match="an unknown number of") as caught:
        S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())
    assert (caught.value.code, caught.value.stage) == (FAILED, Stage.UPLOAD)


def test_a_video_that_vanished_is_not_announced(video: Path) -> None:
    with scripted_server(obedient_but("HEAD", Answer(404))) as server:
        assert failure(lambda: S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())) == (
            FAILED,
            Stage.UPLOAD,
        )


def test_a_key_that_may_only_write_serves_public_urls(video: Path, caplog: pytest.LogCaptureFixture) -> None:
    with scripted_server(obedient_but("HEAD", Answer(403))) as server:
        stored = S3Storage(s3_config(server.url, public_base_url=f"{server.url}/cdn")).put(
            video, "talk.mp4", Cancellation()
        )
    assert stored.url == f"{server.url}/cdn/talk.mp4"
    assert "size of the stored video was not compared" in caplog.text


def test_a_key_that_may_only_write_cannot_presign(video: Path) -> None:
    answer = obedient_but("HEAD", Answer(403))
    with scripted_server(answer) as server, pytest.raises(WorkerError, match="refused HeadObject") as caught:
        S3Storage(s3_config(server.url)).put(video, "talk.mp4", Cancellation())
    assert (caught.value.code, caught.value.stage) == (MISCONFIGURED, Stage.UPLOAD)


@pytest.mark.parametrize(
    ("answer", "code"),
    [(Answer(403), MISCONFIGURED), (Answer(500), FAILED), (Answer(hang_up=True), FAILED)],
)
def test_whether_a_video_is_there_is_told_or_fails(answer: Answer, code: ErrorCode) -> None:
    with scripted_server(lambda _: answer) as server:
        assert failure(lambda: S3Storage(s3_config(server.url), attempts=1).find("a.mp4", 1)) == (code, Stage.UPLOAD)


def test_a_found_video_has_the_public_url() -> None:
    with scripted_server(obedient) as server:
        storage = S3Storage(s3_config(server.url, public_base_url="https://cdn.example/v"))
        assert storage.find("a b.mp4", len(VIDEO)) == StoredVideo("https://cdn.example/v/a%20b.mp4", len(VIDEO), None)
