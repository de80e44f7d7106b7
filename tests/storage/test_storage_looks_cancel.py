"""A cancel while a storage is looked at: `check` and `find` end although the place does not answer."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from contract.volume import Volume
from storage.base import Storage
from storage.local import LocalStorage
from storage.s3 import S3Storage
from tests.serverless.disks import hanging
from tests.storage.scripted_server import Answer, Seen, scripted_server
from tests.storage.storage_servers import FakeBucket, s3_config

Look = Callable[[Storage, Cancellation], object]
LOOKS: list[Look] = [
    lambda storage, cancel: storage.check(Stage.VALIDATE, cancel),
    lambda storage, cancel: storage.find("talk.mp4", 1, cancel),
]
PATIENCE = 3600.0  # of the worker with its volume


def assert_hears(look: Look, storage: Storage, begun: Callable[[], object]) -> None:
    """It ends with CANCELLED once it has begun and is cancelled."""
    cancel = Cancellation()
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look, storage, cancel)
        begun()
        cancel.cancel()
        with pytest.raises(WorkerError) as caught:
            looking.result(20)
    assert caught.value.code is ErrorCode.CANCELLED


@pytest.mark.parametrize("look", LOOKS, ids=["check", "find"])
def test_while_a_volume_hangs(tmp_path: Path, look: Look) -> None:
    volume = Volume(PATIENCE)
    with hanging(tmp_path):
        assert_hears(look, LocalStorage(tmp_path / "videos", volume=volume), lambda: None)
        assert volume.hangs


@pytest.mark.parametrize("look", LOOKS, ids=["check", "find"])
def test_while_a_bucket_is_silent(look: Look) -> None:
    bucket, release = FakeBucket(), threading.Event()

    def answer(request: Seen) -> Answer:
        return replace(bucket(request), after=release)

    with scripted_server(answer) as server:
        storage = S3Storage(s3_config(server.url))
        assert_hears(look, storage, lambda: server.wait_until(lambda: bool(server.seen)))
        release.set()
