"""Marks of a finished video: what cannot be signed is known before the GPU works, and nothing is lost after it has."""

import shutil
import socket
import threading
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from job.marking import Marks
from media.credentials import load_signer
from media.mark import DIGITAL_SOURCE_TYPE
from tests.media.certificates import certificate
from tests.media.test_media_mark import plain, samples
from tests.media.test_media_signing import told
from tests.serverless.disks import small_disk

__all__ = ["plain"]
NOBODY = "http://127.0.0.1:9/"  # a port where nothing listens


def put(marks: Marks, plain: Path, folder: Path) -> tuple[Path, tuple[str, ...], list[str]]:
    """A video with its marks, the marks that are told, and the warnings."""
    video, warnings = folder / "video.mp4", list[str]()
    shutil.copy(plain, video)
    told_marks = marks.put(video, "infinitetalk", warnings, Cancellation())
    assert samples(video) == samples(plain)
    assert [path.name for path in folder.iterdir()] == ["video.mp4"]
    return video, told_marks, warnings


def test_metadata_and_signature_together(plain: Path, tmp_path: Path) -> None:
    marks = Marks(metadata=True, signer=load_signer(*certificate()))
    marks.rehearse(Cancellation())
    video, names, warnings = put(marks, plain, tmp_path)
    assert (names, warnings) == (("metadata", "c2pa"), [])
    assert told(video)["validation_state"] == "Valid"
    assert f"<Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}<".encode() in video.read_bytes()
    assert b"InfiniteTalk" in video.read_bytes()


def test_without_marks_the_video_stays_as_it_is(plain: Path, tmp_path: Path) -> None:
    marks = Marks(metadata=False)
    marks.rehearse(Cancellation())
    video, names, warnings = put(marks, plain, tmp_path)
    assert (names, warnings, marks.comment) == ((), [], None)
    assert video.read_bytes() == plain.read_bytes()


def test_a_signer_that_cannot_sign_ends_the_job_before_the_gpu(plain: Path, tmp_path: Path) -> None:
    marks = Marks(signer=load_signer(*certificate(days=(-30, -2))))
    with pytest.raises(WorkerError) as refused:
        marks.rehearse(Cancellation())
    error = refused.value
    assert (error.code, error.stage, error.retryable) == (ErrorCode.SETTINGS_INVALID, Stage.PREPARE, False)
    assert "This worker cannot sign videos: C2PA_CERT has expired" in error.message
    video, names, warnings = put(marks, plain, tmp_path)  # where it expired while the GPU worked
    assert names == ("metadata",)
    assert ["not signed" in warning for warning in warnings] == [True]
    assert "c2pa" not in video.read_bytes().decode("latin-1")


def test_a_timestamp_that_cannot_be_had_is_tried_before_and_told_after(plain: Path, tmp_path: Path) -> None:
    marks = Marks(signer=load_signer(*certificate(), NOBODY))
    with pytest.raises(WorkerError) as refused:
        marks.rehearse(Cancellation())
    assert (refused.value.code, refused.value.retryable) == (ErrorCode.SETTINGS_INVALID, True)
    video, names, warnings = put(marks, plain, tmp_path)
    assert names == ("metadata", "c2pa")
    assert ["has no timestamp" in warning for warning in warnings] == [True]
    assert told(video)["validation_state"] == "Valid"


def test_a_cancelled_job_signs_nothing_and_does_not_wait_for_a_timestamp() -> None:
    before, meanwhile = Cancellation(), Cancellation()
    before.cancel()
    Marks().rehearse(before)  # nothing to do, nothing to end
    with socket.create_server(("127.0.0.1", 0)) as authority:
        marks = Marks(signer=load_signer(*certificate(), f"http://127.0.0.1:{authority.getsockname()[1]}/"))

        def cancel_once_asked() -> None:
            connection, _ = authority.accept()
            meanwhile.cancel()
            ended.wait()
            connection.close()

        ended, asked = threading.Event(), threading.Thread(target=cancel_once_asked)
        asked.start()
        codes = []
        for cancel in (before, meanwhile):
            with pytest.raises(WorkerError) as refused:
                marks.rehearse(cancel)
            codes.append(refused.value.code)
        ended.set()
        asked.join()
    assert codes == [ErrorCode.CANCELLED] * 2


def test_a_disk_without_room_for_the_marks_costs_the_marks_and_not_the_video(plain: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", f"{plain.stat().st_size // 1024 + 8}k") as disk:
        video, names, warnings = put(Marks(signer=load_signer(*certificate())), plain, disk)
        assert names == ()
        assert ["no XMP" in warnings[0], "not signed" in warnings[1]] == [True, True]
        assert video.read_bytes() == plain.read_bytes()
