"""A folder as storage, with real files and links."""

import hashlib
import os
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.base import Storage, StoredVideo
from storage.local import LocalStorage
from tests.storage.folders import files_under, path_of
from tests.storage.storage_servers import VIDEO


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "videos"
    made.mkdir()
    return made


def failure_of_put(folder: Path, video: Path, key: str) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        LocalStorage(folder).put(video, key, Cancellation())
    assert caught.value.stage is Stage.UPLOAD
    assert str(folder.parent) not in caught.value.message
    assert "\n" not in caught.value.message
    return caught.value


def test_a_video_arrives_whole_in_folders_that_are_made_for_it(folder: Path, video: Path) -> None:
    storage: Storage = LocalStorage(folder)
    stored = storage.put(video, "customer-7/2026/talk.mp4", Cancellation())
    target = folder / "customer-7/2026/talk.mp4"
    assert stored == StoredVideo(target.as_uri(), len(VIDEO), None, hashlib.sha256(VIDEO).hexdigest())
    assert target.read_bytes() == VIDEO
    assert video.read_bytes() == VIDEO
    assert files_under(folder) == ["customer-7/2026/talk.mp4"]


def test_the_url_is_percent_encoded_and_leads_back_to_the_file(tmp_path: Path, video: Path) -> None:
    stored = LocalStorage(tmp_path / "ünsere 100% #1?").put(video, "talk.mp4", Cancellation())
    assert stored.url.endswith("/%C3%BCnsere%20100%25%20%231%3F/talk.mp4")
    assert path_of(stored.url).read_bytes() == VIDEO


def test_the_url_of_a_relative_folder_is_absolute(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        path_of(LocalStorage(Path("out")).put(video, "talk.mp4", Cancellation()).url)
        == tmp_path.resolve() / "out/talk.mp4"
    )


def test_the_video_is_as_readable_as_any_new_file(folder: Path, video: Path) -> None:
    LocalStorage(folder).put(video, "talk.mp4", Cancellation())
    (folder / "any").touch()
    assert (folder / "talk.mp4").stat().st_mode == (folder / "any").stat().st_mode


def test_a_reader_sees_the_former_video_or_the_new_one(tmp_path: Path, folder: Path) -> None:
    target = folder / "talk.mp4"
    target.write_bytes(b"former")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    copying = threading.Thread(target=LocalStorage(folder).put, args=(pipe, "talk.mp4", Cancellation()))
    copying.start()
    half = bytes(4 * 1024 * 1024)
    with pipe.open("wb") as writer:
        writer.write(half)  # a pipe holds 64 KiB: when this returns, most of it has been copied
        writer.flush()
        assert target.read_bytes() == b"former"
        assert [name for name in files_under(folder) if not name.startswith(".")] == ["talk.mp4"]
        writer.write(half)
    copying.join()
    assert target.read_bytes() == half + half
    assert files_under(folder) == ["talk.mp4"]


def test_a_copy_that_breaks_off_leaves_the_former_video_and_nothing_else(folder: Path, video: Path) -> None:
    (folder / "talk.mp4").write_bytes(b"former")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    video.write_bytes(bytes(3 * 1024 * 1024))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * 1024 * 1024, hard))
    try:
        error = failure_of_put(folder, video, "talk.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.code is ErrorCode.STORAGE_FAILED
    assert "File too large" in error.message
    assert (folder / "talk.mp4").read_bytes() == b"former"
    assert files_under(folder) == ["talk.mp4"]


@pytest.mark.parametrize("key", ["../talk.mp4", "a/../../talk.mp4", "{outside}/talk.mp4", "", ".", "a/.."])
def test_a_key_that_leaves_the_folder_is_refused(tmp_path: Path, folder: Path, video: Path, key: str) -> None:
    before = files_under(tmp_path)
    error = failure_of_put(folder, video, key.format(outside=tmp_path))
    assert error.code is ErrorCode.STORAGE_MISCONFIGURED
    assert files_under(tmp_path) == before


@pytest.mark.parametrize("key", ["away/talk.mp4", "away/new/talk.mp4", "talk.mp4", "ring"])
def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path, folder: Path, video: Path, key: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "talk.mp4").write_bytes(b"not ours")
    (folder / "away").symlink_to(outside)
    (folder / "talk.mp4").symlink_to(outside / "talk.mp4")
    (folder / "ring").symlink_to(folder / "ring")
    assert failure_of_put(folder, video, key).code is ErrorCode.STORAGE_MISCONFIGURED
    assert [str(entry.relative_to(outside)) for entry in outside.rglob("*")] == ["talk.mp4"]
    assert (outside / "talk.mp4").read_bytes() == b"not ours"


def test_the_folder_itself_may_be_a_link_and_so_may_folders_inside(tmp_path: Path, folder: Path, video: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    (folder / "real").mkdir()
    (folder / "alias").symlink_to(folder / "real")
    stored = LocalStorage(tmp_path / "link").put(video, "alias/talk.mp4", Cancellation())
    assert path_of(stored.url) == folder.resolve() / "real/talk.mp4"
    assert (folder / "real/talk.mp4").read_bytes() == VIDEO


def test_check_makes_the_folder_and_leaves_it_empty(tmp_path: Path) -> None:
    LocalStorage(tmp_path / "a/b").check()
    assert list((tmp_path / "a/b").iterdir()) == []


@pytest.mark.parametrize("key", ["file/talk.mp4", "file/deeper/talk.mp4", "full", "n" * 300])
def test_a_place_that_cannot_be_written_fails_the_job(folder: Path, video: Path, key: str) -> None:
    (folder / "file").write_bytes(b"in the way")
    (folder / "full").mkdir()
    (folder / "full/other.mp4").write_bytes(b"other")
    assert failure_of_put(folder, video, key).code is ErrorCode.STORAGE_FAILED
    assert files_under(folder) == ["file", "full/other.mp4"]


def test_a_video_that_is_gone_fails_the_job(tmp_path: Path, folder: Path) -> None:
    error = failure_of_put(folder, tmp_path / "gone.mp4", "talk.mp4")
    assert (error.code, error.retryable) == (ErrorCode.STORAGE_FAILED, True)
    assert files_under(folder) == []


def test_a_cancel_ends_a_copy_and_leaves_the_former_video_and_nothing_else(tmp_path: Path, folder: Path) -> None:
    (folder / "talk.mp4").write_bytes(b"former")
    pipe, cancel = tmp_path / "pipe", Cancellation()
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        copying = pool.submit(LocalStorage(folder).put, pipe, "talk.mp4", cancel)
        with pipe.open("wb", buffering=0) as writer:
            writer.write(bytes(4 * 1024 * 1024))
            cancel.cancel()
            cancel.cancel()
        with pytest.raises(WorkerError) as caught:
            copying.result(20)
    assert caught.value.code is ErrorCode.CANCELLED
    assert (folder / "talk.mp4").read_bytes() == b"former"
    assert files_under(folder) == ["talk.mp4"]


def test_a_job_that_is_cancelled_already_creates_nothing(tmp_path: Path, video: Path) -> None:
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(WorkerError) as caught:
        LocalStorage(tmp_path / "new").put(video, "a/talk.mp4", cancel)
    assert caught.value.code is ErrorCode.CANCELLED
    assert not (tmp_path / "new").exists()


def test_a_stored_video_is_found_by_key_and_size(folder: Path, video: Path) -> None:
    storage: Storage = LocalStorage(folder)
    stored = storage.put(video, "a/talk.mp4", Cancellation())
    assert storage.find("a/talk.mp4", len(VIDEO)) == stored
    for key, size in (("a/talk.mp4", len(VIDEO) - 1), ("talk.mp4", len(VIDEO)), ("a/talk.mp4/b", 1), ("a", 0)):
        assert storage.find(key, size) is None
    (folder / "a/real").mkdir()
    assert storage.find("a/real", (folder / "a/real").stat().st_size) is None


def test_a_key_that_cannot_be_looked_at_is_not_taken_for_absent(folder: Path) -> None:
    for key, code in (("n" * 300, ErrorCode.STORAGE_FAILED), ("../talk.mp4", ErrorCode.STORAGE_MISCONFIGURED)):
        with pytest.raises(WorkerError) as caught:
            LocalStorage(folder).find(key, 1)
        assert (caught.value.code, caught.value.stage) == (code, Stage.UPLOAD)


def test_what_a_killed_worker_was_about_to_store_is_removed_a_day_later(tmp_path: Path) -> None:
    old, young, video = (tmp_path / name for name in (".old.part", ".young.part", ".old.mp4"))
    for path in (old, young, video):
        path.touch()
    for path in (old, video):
        os.utime(path, (time.time() - 25 * 3600,) * 2)
    LocalStorage(tmp_path).check()
    assert sorted(tmp_path.iterdir()) == sorted([young, video])
