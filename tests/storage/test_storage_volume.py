"""A folder on a volume or a disk that is not mounted, full, read-only or not ours."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.local import LocalStorage
from tests.storage.folders import files_under, path_of
from tests.storage.storage_servers import VIDEO

CHECK_AS_WORKER = """
import os, pathlib, sys
from storage.local import LocalStorage
os.setgroups([]), os.setgid(0), os.setuid(10001)
LocalStorage(pathlib.Path(sys.argv[1])).check()
"""


@pytest.mark.parametrize("below", [".", "videos"])
def test_check_finds_a_folder_that_cannot_be_written(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(WorkerError) as caught:
        LocalStorage(tmp_path / "file" / below).check()
    assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_MISCONFIGURED, Stage.START)
    assert caught.value.message.startswith("The storage folder cannot be written: ")
    assert str(tmp_path) not in caught.value.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_folder_that_belongs_to_root_is_told_with_the_user_and_the_remedy() -> None:
    """A fresh network volume: root:root, 0755."""
    with tempfile.TemporaryDirectory() as volume:
        Path(volume).chmod(0o755)
        command = [sys.executable, "-c", CHECK_AS_WORKER, f"{volume}/videos"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        message = done.stderr.strip().splitlines()[-1]
        for part in (f"Permission denied: {volume}/videos, by user 10001 of group 0", "Run as root"):
            assert part in message
        remedy = message[message.index("install -d") :]
        assert remedy == f"install -d -m 2775 -g 0 {volume}/videos"
        subprocess.run(remedy.split(), check=True)
        subprocess.run(command, check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("this user may not mount a file system")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_fails_the_job_and_stays_as_it_was(small_disk: Path, video: Path) -> None:
    (small_disk / "talk.mp4").write_bytes(b"former")
    video.write_bytes(bytes(3 * 1024 * 1024))
    storage = LocalStorage(small_disk / "videos", must_be_mount=small_disk)
    with pytest.raises(WorkerError, match="No space left on device") as caught:
        storage.put(video, "talk.mp4", Cancellation())
    assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_FAILED, Stage.UPLOAD)
    assert caught.value.retryable
    assert files_under(small_disk) == ["talk.mp4"]
    video.write_bytes(VIDEO)
    assert path_of(storage.put(video, "talk.mp4", Cancellation()).url) == small_disk / "videos/talk.mp4"


def test_a_volume_that_became_full_or_read_only_is_no_fault_of_the_settings(small_disk: Path) -> None:
    """Before a job, as another one may find it well. One that takes nothing may be this machine's: two end it."""
    storage = LocalStorage(small_disk)
    storage.check()
    with suppress(OSError), (small_disk / "others").open("wb", buffering=0) as others:
        while True:
            others.write(bytes(4096))
    with pytest.raises(WorkerError, match="No space left on device") as full:
        storage.check(Stage.VALIDATE)
    (small_disk / "others").unlink()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(WorkerError, match="Read-only file system") as broken:
        storage.check(Stage.VALIDATE)
    found = [(error.code, error.stage, error.retryable, error.elsewhere) for error in (full.value, broken.value)]
    assert found == [
        (ErrorCode.STORAGE_FAILED, Stage.VALIDATE, True, False),
        (ErrorCode.STORAGE_FAILED, Stage.VALIDATE, True, True),
    ]
    with pytest.raises(WorkerError) as at_start:
        storage.check()
    assert at_start.value.code is ErrorCode.STORAGE_MISCONFIGURED


@pytest.mark.parametrize("exists", [True, False])
def test_without_its_volume_nothing_is_created(tmp_path: Path, video: Path, exists: bool) -> None:
    mount = tmp_path / "runpod-volume"
    if exists:
        mount.mkdir()
    storage = LocalStorage(mount / "videos", must_be_mount=mount)
    calls: list[tuple[Stage, Callable[[], object]]] = [
        (Stage.START, storage.check),
        (Stage.VALIDATE, lambda: storage.check(Stage.VALIDATE)),
        (Stage.UPLOAD, lambda: storage.put(video, "talk.mp4", Cancellation())),
        (Stage.UPLOAD, lambda: storage.find("talk.mp4", 1)),
    ]
    for stage, call in calls:
        with pytest.raises(WorkerError, match=r"no volume is mounted at .*/runpod-volume$") as caught:
            call()
        assert (caught.value.code, caught.value.stage) == (ErrorCode.STORAGE_MISCONFIGURED, stage)
    assert mount.exists() is exists
    assert not exists or list(mount.iterdir()) == []


def test_a_folder_beside_the_volume_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="not on the volume at /proc") as caught:
        LocalStorage(tmp_path / "videos", must_be_mount=Path("/proc")).check()
    assert caught.value.code is ErrorCode.STORAGE_MISCONFIGURED
    assert not (tmp_path / "videos").exists()


def test_a_volume_may_be_a_link_to_the_mount(tmp_path: Path, small_disk: Path, video: Path) -> None:
    (tmp_path / "runpod-volume").symlink_to(small_disk)
    storage = LocalStorage(tmp_path / "runpod-volume/videos", must_be_mount=tmp_path / "runpod-volume")
    storage.check()
    assert path_of(storage.put(video, "talk.mp4", Cancellation()).url).read_bytes() == VIDEO
