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
    message = caught.value.message
    assert message.startswith(
        f"The storage folder cannot be written: File exists: {tmp_path / 'file' / below}, by user"
    )
    assert message.endswith(f"mv {tmp_path}/file {tmp_path}/file.old")


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("closed", [".", "deep", "deep/videos"])
def test_a_remedy_opens_what_is_closed_on_the_way(closed: str) -> None:
    """A volume of root's alone, 0700: a folder below it that belongs to the worker would be of no use."""
    with tempfile.TemporaryDirectory() as volume:
        folder = Path(volume, "deep", "videos")
        folder.mkdir(parents=True)
        for path in (folder, folder.parent, Path(volume)):
            path.chmod(0o755)
        Path(volume, closed).chmod(0o700)
        os.chown(Path(volume, closed), 65534, 65534)
        command = [sys.executable, "-c", CHECK_AS_WORKER, str(folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        message = done.stderr.strip().splitlines()[-1]
        assert f"Permission denied: {folder}, by user 10001 of group 0. Run as root" in message
        subprocess.run(message.partition("is mounted: ")[2], shell=True, check=True)  # noqa: S602 - as its reader does
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
    who = f"{small_disk}, by user {os.geteuid()} of group {os.getegid()}."
    assert f"Read-only file system: {who} Mount something" in at_start.value.message


def test_a_volume_that_is_full_at_the_start_is_told_with_its_place(small_disk: Path) -> None:
    with suppress(OSError), (small_disk / "others").open("wb", buffering=0) as others:
        while True:
            others.write(bytes(4096))
    with pytest.raises(WorkerError) as caught:
        LocalStorage(small_disk / "videos").check()
    assert f"No space left on device: {small_disk}/videos, by user" in caught.value.message
    assert caught.value.message.endswith(f"df -h {small_disk}/videos")


def test_a_job_s_log_tells_the_place_that_its_reply_keeps_to_itself(tmp_path: Path, video: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(WorkerError) as caught:
        LocalStorage(tmp_path).put(video, "mine/talk.mp4", Cancellation())
    assert str(tmp_path) not in caught.value.message
    assert f"{tmp_path}/mine" in caught.value.detail
    assert f"by user {os.geteuid()} of group {os.getegid()}" in caught.value.detail


@pytest.mark.parametrize(("given", "made"), [(0o2775, 0o2775), (0o777, 0o775), (0o755, 0o755), (0o700, 0o755)], ids=oct)
def test_a_folder_that_the_group_shares_has_shared_folders_in_it(
    tmp_path: Path, video: Path, given: int, made: int
) -> None:
    """A worker of another user, of the same group, stores beside the first one's videos."""
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume").chmod(given)
    storage = LocalStorage(tmp_path / "volume" / "videos")
    storage.check()
    storage.put(video, "customer-7/2026/talk.mp4", Cancellation())
    folders = [path for path in (tmp_path / "volume").rglob("*") if path.is_dir()]
    assert {path.name: path.stat().st_mode & 0o7777 for path in folders} == dict.fromkeys(
        ("videos", "customer-7", "2026"), made
    )


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
