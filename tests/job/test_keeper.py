"""A finished video is stored, kept or sent: never both deleted and undelivered, and never made twice."""

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from job.keeper import Delivery, Keeper, fingerprint_of
from storage.base import StoredVideo
from storage.local import LocalStorage
from tests.job.finished import JOB, MP4, REPLY, broken_storage


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "video.mp4"
    path.parent.mkdir()
    path.write_bytes(MP4)
    return path


def _keeper(tmp_path: Path, *, on_volume: bool = True, inline_bytes: int = 0, remembers: bool = True) -> Keeper:
    return Keeper(tmp_path / "kept-here", on_volume, inline_bytes, remembers)


def _delivery(video: Path, fingerprint: str = JOB) -> Delivery:
    return Delivery("job/1", fingerprint, "v.mp4", video, REPLY)


def _undelivered(keeper: Keeper, video: Path, tmp_path: Path) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        keeper.deliver(_delivery(video), broken_storage(tmp_path), Cancellation())
    return caught.value


def test_a_stored_result_is_returned_for_the_same_job(video: Path, tmp_path: Path) -> None:
    storage, keeper = LocalStorage(tmp_path / "out"), _keeper(tmp_path)
    reply = keeper.deliver(_delivery(video), storage, Cancellation())
    assert reply["output_video_url"] == (tmp_path / "out" / "v.mp4").as_uri()
    again = _keeper(tmp_path).recall("job/1", JOB, storage, Cancellation())
    assert again is not None
    assert again["output_video_url"] == reply["output_video_url"]
    assert again["warnings"] == ["one", "this job was done before: its stored result is returned"]


@pytest.mark.parametrize(
    "what", ["another job", "other input", "gone", "shorter", "another", "not asked to", "broken record"]
)
def test_nothing_else_is_returned(video: Path, tmp_path: Path, what: str) -> None:
    storage, keeper = LocalStorage(tmp_path / "out"), _keeper(tmp_path, remembers=what != "not asked to")
    keeper.deliver(_delivery(video), storage, Cancellation())
    stored = tmp_path / "out" / "v.mp4"
    if what == "gone":
        stored.unlink()
    if what == "shorter":
        stored.write_bytes(MP4[:-1])
    if what == "another":
        stored.write_bytes(MP4[::-1])  # of the same length
    if what == "broken record":
        (record,) = (tmp_path / "kept-here" / "results").iterdir()
        record.write_text("{")
    job_id = "job/2" if what == "another job" else "job/1"
    job = fingerprint_of({"image_url": "b"}, None) if what == "other input" else JOB
    assert keeper.recall(job_id, job, storage, Cancellation()) is None


def test_what_cannot_be_stored_is_kept_on_the_volume_and_delivered_when_the_job_comes_again(
    video: Path, tmp_path: Path
) -> None:
    error = _undelivered(_keeper(tmp_path, inline_bytes=10**9), video, tmp_path)
    assert error.code is ErrorCode.STORAGE_FAILED
    assert error.kept is not None
    assert error.kept.path is not None
    assert error.kept.base64 is None
    kept = Path(error.kept.path)
    assert kept.read_bytes() == MP4
    assert kept.name in error.message
    assert "volume" in error.message
    video.unlink()
    storage = LocalStorage(tmp_path / "out")
    reply = _keeper(tmp_path).recall("job/1", JOB, storage, Cancellation())
    assert reply is not None
    assert (tmp_path / "out" / "v.mp4").read_bytes() == MP4
    assert "was stored now" in reply["warnings"][-1]
    assert not kept.exists()
    again = _keeper(tmp_path).recall("job/1", JOB, storage, Cancellation())
    assert again is not None
    assert again["warnings"] == ["one", "this job was done before: its stored result is returned"]


def test_results_are_forgotten_after_a_week_and_kept_videos_never(video: Path, tmp_path: Path) -> None:
    keeper, storage = _keeper(tmp_path), LocalStorage(tmp_path / "out")
    keeper.deliver(_delivery(video), storage, Cancellation())
    kept = Delivery("job/2", JOB, "v.mp4", video, REPLY)
    with pytest.raises(WorkerError):
        keeper.deliver(kept, broken_storage(tmp_path), Cancellation())
    keeper.tidy()
    assert keeper.recall("job/1", JOB, storage, Cancellation()) is not None
    halves = [tmp_path / "kept-here" / place for place in ("kept/half.part", "results/half.part")]
    for half in halves:
        half.touch()
    keeper.tidy()
    assert all(half.exists() for half in halves)  # somebody may be writing them
    for record in (*(tmp_path / "kept-here" / "results").iterdir(), *halves):
        os.utime(record, (time.time() - 8 * 24 * 3600,) * 2)
    keeper.tidy()
    assert not any(half.exists() for half in halves)
    assert keeper.recall("job/1", JOB, storage, Cancellation()) is None
    assert keeper.recall("job/2", JOB, storage, Cancellation()) is not None


def test_a_second_failure_keeps_it_still(video: Path, tmp_path: Path) -> None:
    first = _undelivered(_keeper(tmp_path), video, tmp_path)
    with pytest.raises(WorkerError) as caught:
        _keeper(tmp_path).recall("job/1", JOB, broken_storage(tmp_path), Cancellation())
    assert caught.value.kept == first.kept
    assert first.kept is not None
    assert Path(str(first.kept.path)).read_bytes() == MP4


def test_without_a_volume_a_small_video_is_in_the_reply(video: Path, tmp_path: Path) -> None:
    error = _undelivered(_keeper(tmp_path, on_volume=False, inline_bytes=len(MP4)), video, tmp_path)
    assert error.kept is not None
    assert base64.b64decode(str(error.kept.base64)) == MP4
    assert not (tmp_path / "kept-here").exists()


def test_without_a_volume_a_large_video_stays_on_the_worker(video: Path, tmp_path: Path) -> None:
    error = _undelivered(_keeper(tmp_path, on_volume=False, inline_bytes=len(MP4) - 1), video, tmp_path)
    assert error.kept is not None
    assert Path(str(error.kept.path)).read_bytes() == MP4
    assert "ends with the worker" in error.message


def test_a_cancelled_delivery_keeps_nothing(video: Path, tmp_path: Path) -> None:
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(WorkerError) as caught:
        _keeper(tmp_path).deliver(_delivery(video), LocalStorage(tmp_path / "out"), cancel)
    assert caught.value.code is ErrorCode.CANCELLED
    assert not (tmp_path / "kept-here").exists()


def test_a_delivery_that_takes_too_long_is_kept(video: Path, tmp_path: Path) -> None:
    cancel = Cancellation()
    with cancel.deadline(0, "too slow"):
        with pytest.raises(WorkerError):
            cancel.wait(10)
        with pytest.raises(WorkerError) as caught:
            _keeper(tmp_path).deliver(_delivery(video), LocalStorage(tmp_path / "out"), cancel)
    assert caught.value.code is ErrorCode.STORAGE_FAILED
    assert caught.value.kept is not None


def test_a_disk_that_takes_nothing_is_told(video: Path, tmp_path: Path) -> None:
    (tmp_path / "kept-here").touch()
    error = _undelivered(_keeper(tmp_path), video, tmp_path)
    assert error.kept is None
    assert "could not be kept" in error.message


def test_a_volume_that_is_full_leaves_it_to_the_reply_or_to_the_workers_disk(video: Path, tmp_path: Path) -> None:
    (tmp_path / "volume").touch()
    for inline_bytes in (len(MP4), 0):
        own_disk = _keeper(tmp_path, on_volume=False, inline_bytes=inline_bytes)
        keeper = Keeper(tmp_path / "volume", True, inline_bytes, True, own_disk)
        error = _undelivered(keeper, video, tmp_path)
        assert error.kept is not None
        if inline_bytes:
            assert base64.b64decode(str(error.kept.base64)) == MP4
        else:
            assert Path(str(error.kept.path)).read_bytes() == MP4
            assert "ends with the worker" in error.message
    again = keeper.recall("job/1", JOB, LocalStorage(tmp_path / "out"), Cancellation())
    assert again is not None
    assert (tmp_path / "out" / "v.mp4").read_bytes() == MP4


def test_an_upload_url_is_remembered_as_it_cannot_be_asked(tmp_path: Path) -> None:
    record: dict[str, Any] = {"job": JOB, "key": "v.mp4", "reply": REPLY, "size": 3, "url": "https://a.example/v.mp4"}
    keeper = _keeper(tmp_path)
    _write(keeper, record)
    assert keeper.recall_without_storage("job/1", fingerprint_of("another"), Cancellation()) is None
    reply = keeper.recall_without_storage("job/1", JOB, Cancellation())
    assert reply is not None
    assert reply["output_video_url"] == "https://a.example/v.mp4"


def _write(keeper: Keeper, record: dict[str, Any]) -> None:
    keeper.deliver(
        Delivery("job/1", JOB, "v", _any(keeper.folder.parent), REPLY),
        LocalStorage(keeper.folder / "x"),
        Cancellation(),
    )
    (path,) = (keeper.folder / "results").iterdir()
    path.write_text(json.dumps(record))


def _any(folder: Path) -> Path:
    path = folder / "any.mp4"
    path.write_bytes(MP4)
    return path


class _Defective(LocalStorage):
    """A place with a defect of its own."""

    def put(self, video: Path, key: str, cancel: Cancellation) -> StoredVideo:
        raise RuntimeError(f"{video}{key}{cancel}")


@pytest.mark.parametrize("on_volume", [True, False])
def test_a_defect_of_the_delivery_does_not_cost_the_video(video: Path, tmp_path: Path, on_volume: bool) -> None:
    """Nor where a reply would have held it: the reply of a defect tells nothing."""
    with pytest.raises(RuntimeError):
        _keeper(tmp_path, on_volume=on_volume, inline_bytes=len(MP4)).deliver(
            _delivery(video), _Defective(tmp_path / "out"), Cancellation()
        )
    video.unlink()
    storage = LocalStorage(tmp_path / "out")
    assert _keeper(tmp_path).recall("job/1", JOB, storage, Cancellation()) is not None
    assert (tmp_path / "out" / "v.mp4").read_bytes() == MP4


@pytest.mark.parametrize("stored", [True, False])
def test_the_group_may_write_where_results_and_videos_are(video: Path, tmp_path: Path, stored: bool) -> None:
    """Another worker on the volume may be another user, of the same group."""
    keeper = _keeper(tmp_path)
    if stored:
        keeper.deliver(_delivery(video), LocalStorage(tmp_path / "out"), Cancellation())
    else:
        _undelivered(keeper, video, tmp_path)
    modes = {path.name: path.stat().st_mode & 0o7777 for path in keeper.folder.iterdir()}
    assert modes == {"results": 0o2775} | ({} if stored else {"kept": 0o2775})


def test_a_place_that_takes_nothing_is_known_before(tmp_path: Path) -> None:
    assert _keeper(tmp_path).fault() == ""
    (tmp_path / "file").touch()
    fault = Keeper(tmp_path / "file", True, 0).fault()
    assert f"{tmp_path}/file, by user {os.geteuid()} of group {os.getegid()}." in fault
    assert fault.endswith(f"mv {tmp_path}/file {tmp_path}/file.old")


@pytest.mark.parametrize("part", ["results", "kept"])
def test_a_part_that_takes_nothing_is_known_before_too(
    video: Path, tmp_path: Path, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as a folder that another user made by hand: the one around it can be written."""
    keeper = _keeper(tmp_path)
    keeper.folder.mkdir()
    (keeper.folder / part).touch()
    assert f"{keeper.folder}/{part}, by user {os.geteuid()} of group" in keeper.fault()
    _undelivered(keeper, video, tmp_path)
    told = [line for line in caplog.messages if f"{keeper.folder}/{part}, by user" in line]
    assert [line.partition(":")[0] for line in told] == [
        "the result could not be remembered" if part == "results" else f"the video could not be kept in {keeper.folder}"
    ]


def test_a_video_on_the_own_disk_is_found_behind_a_stored_one_that_is_gone(video: Path, tmp_path: Path) -> None:
    """The volume filled up between two runs of the job, and the first one's object was deleted."""
    storage = LocalStorage(tmp_path / "out")
    own_disk = Keeper(tmp_path / "own-disk", False, 0, True)
    keeper = Keeper(tmp_path / "kept-here", True, 0, True, own_disk)
    keeper.deliver(_delivery(video), storage, Cancellation())
    (tmp_path / "out" / "v.mp4").unlink()
    assert keeper.recall("job/1", JOB, storage, Cancellation()) is None
    _undelivered(own_disk, video, tmp_path)
    assert keeper.recall("job/1", JOB, storage, Cancellation()) is not None
    assert (tmp_path / "out" / "v.mp4").read_bytes() == MP4


def test_a_place_may_have_a_word_for_its_readers(video: Path, tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "out", note="fetch it by hand")
    reply = _keeper(tmp_path).deliver(_delivery(video), storage, Cancellation())
    again = _keeper(tmp_path).recall("job/1", JOB, storage, Cancellation())
    assert reply["warnings"] == ["one", "fetch it by hand"]
    assert again is not None
    assert again["warnings"][:2] == reply["warnings"]
