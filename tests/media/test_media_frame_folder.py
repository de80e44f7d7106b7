"""The encoder follows the frames folder: never a half-written PNG, each gone once fed, none too many, none missing."""

import gc
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from media.video import FrameEncoder, FrameFolder
from tests.media.media_frames import (
    boxes_of,
    decoded_frames,
    frame_path,
    frames_folder,
    grey,
    leftovers,
    level_of,
    make_spec,
    open_files,
    png,
    probe,
    write_frames,
)

PATIENCE = 60.0  # only a test that fails waits so long


def _assert_order(video: Path, count: int) -> None:
    seen = decoded_frames(video)
    assert len(seen) == count
    for number, colour in enumerate(seen):
        assert all(abs(part - level_of(number)) <= 6 for part in colour), (number, colour, level_of(number))


def _failure_of(encoder: FrameEncoder) -> "pytest.ExceptionInfo[WorkerError]":
    with pytest.raises(WorkerError) as caught:
        encoder.result()
    return caught


class Looks:
    """Tells a writer when the encoder has looked for a frame, without changing what it sees."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._looked = threading.Condition()
        self._looks = 0
        take = FrameFolder.take

        def watched(folder: FrameFolder, number: int) -> bytes | None:
            found = take(folder, number)
            with self._looked:
                self._looks += 1
                self._looked.notify_all()
            return found

        monkeypatch.setattr(FrameFolder, "take", watched)

    def wait(self, more: int = 2) -> None:
        """Until the encoder has looked so many times more: one look may have begun before."""
        with self._looked:
            wanted = self._looks + more
            assert self._looked.wait_for(lambda: self._looks >= wanted, PATIENCE)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.99])
def test_a_part_of_a_frame_is_not_there_yet(share: float, tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    whole = grey(99)
    path = frame_path(inner, 0)
    path.write_bytes(whole[: int(len(whole) * share)])
    folder = FrameFolder(parent, 96, 64)
    assert folder.take(0) is None
    assert path.exists()
    path.write_bytes(whole)
    assert folder.take(0) == whole
    assert not path.exists()


@pytest.mark.parametrize("early", [True, False], ids=["known-before", "new"])
def test_what_an_attempt_left_of_a_frame_hides_no_later_one(early: bool, tmp_path: Path) -> None:
    """A ComfyUI that was ended in the middle of a frame; both folders in the order of their names and of their age."""
    parent, first = frames_folder(tmp_path)
    whole = grey(99)
    for name in ("a_second", "z_second"):
        frame_path(first, 0).write_bytes(whole[: len(whole) // 2])
        second = parent / name
        folder = FrameFolder(parent, 96, 64)
        if early:
            second.mkdir()
        assert not folder.is_whole(0)
        assert folder.take(0) is None
        second.mkdir(exist_ok=True)
        frame_path(second, 0).write_bytes(whole)
        assert folder.is_whole(0)
        assert folder.take(0) == whole
        second.rmdir()


def test_no_part_of_a_frame_whatsoever_is_taken(tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    whole = grey(99)
    folder = FrameFolder(parent, 96, 64)
    for end in range(len(whole)):
        frame_path(inner, 0).write_bytes(whole[:end])
        assert folder.take(0) is None


def test_frames_written_in_pieces_arrive_whole_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two pieces the encoder has looked at the unfinished file at least once."""
    count = 6
    looks = Looks(monkeypatch)
    spec = make_spec(tmp_path, count)
    parent = tmp_path / "frames"
    parent.mkdir()

    def write() -> None:
        inner = parent / "server_made_this"
        looks.wait()  # the folder itself comes late
        inner.mkdir()
        for number in range(count):
            data = grey(level_of(number))
            with frame_path(inner, number).open("wb", buffering=0) as file:
                for cut in (slice(0, 8), slice(8, 40), slice(40, len(data) - 5), slice(len(data) - 5, None)):
                    looks.wait()
                    file.write(data[cut])

    with FrameEncoder(spec, parent, tmp_path / "video.mp4", Cancellation()) as encoder:
        writer = threading.Thread(target=write)
        writer.start()
        writer.join(PATIENCE)
        assert not writer.is_alive()
        video = encoder.result()
    _assert_order(video, count)


def test_each_frame_is_gone_once_it_is_fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    parent, inner = frames_folder(tmp_path)
    spec = make_spec(tmp_path, 40)
    with FrameEncoder(spec, parent, tmp_path / "video.mp4", Cancellation()) as encoder:
        for window in range(3):
            write_frames(inner, 10, first=10 * window)
            looks.wait(12)
            assert encoder.fed == 10 * (window + 1)
            assert list(inner.iterdir()) == []
        write_frames(inner, 10, first=30)
        _assert_order(encoder.result(), 40)
        assert list(inner.iterdir()) == []


def test_surplus_frames_are_not_in_the_video(tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    write_frames(inner, 20)
    with FrameEncoder(make_spec(tmp_path, 13), parent, tmp_path / "video.mp4", Cancellation()) as encoder:
        video = encoder.result()
    _assert_order(video, 13)
    assert encoder.fed == 13
    assert probe(video).frames == 13


@pytest.mark.parametrize("written", [0, 3])
def test_missing_frames_are_counted(written: int, tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    write_frames(inner, written)
    frame_path(inner, written).write_bytes(grey(50)[:-4])  # one that was never finished
    with FrameEncoder(make_spec(tmp_path, 5), parent, tmp_path / "video.mp4", Cancellation()) as encoder:
        with pytest.raises(WorkerError) as caught:
            encoder.result()
        with pytest.raises(WorkerError):
            encoder.check()
    assert caught.value.code is ErrorCode.GENERATION_FAILED
    assert caught.value.message.startswith("Video generation failed")
    assert f"{written} of 5" in caught.value.message
    assert leftovers() == []


def test_no_folder_at_all_counts_as_no_frames(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    spec = make_spec(tmp_path, 5)
    with FrameEncoder(spec, tmp_path / "frames", tmp_path / "video.mp4", Cancellation()) as encoder:
        caught = _failure_of(encoder)
    assert caught.value.code is ErrorCode.GENERATION_FAILED
    assert "0 of 5" in caught.value.message


@pytest.mark.parametrize("data", [png((9, 9, 9), (64, 96)), b"\xff\xd8" + bytes(90) + png((9, 9, 9))[-12:]])
def test_a_frame_of_another_size_or_kind_is_refused(data: bytes, tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    write_frames(inner, 2)
    frame_path(inner, 2).write_bytes(data)
    with FrameEncoder(make_spec(tmp_path, 5), parent, tmp_path / "video.mp4", Cancellation()) as encoder:
        caught = _failure_of(encoder)
    assert (caught.value.code, caught.value.stage) == (ErrorCode.ENCODE_FAILED, Stage.ENCODE)
    assert "2" in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_a_sound_that_cannot_be_read_ends_in_encode_failed(tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    spec = make_spec(tmp_path, 5)
    write_frames(inner, 5)
    spec.audio.write_bytes(b"no sound")
    with FrameEncoder(spec, parent, tmp_path / "video.mp4", Cancellation()) as encoder:
        caught = _failure_of(encoder)
    assert caught.value.code is ErrorCode.ENCODE_FAILED
    assert str(tmp_path) not in caught.value.message


def test_cancel_ends_it_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(monkeypatch)
    parent, inner = frames_folder(tmp_path)
    write_frames(inner, 2)
    cancel = Cancellation()
    with FrameEncoder(make_spec(tmp_path, 50), parent, tmp_path / "video.mp4", cancel) as encoder:
        looks.wait(4)
        cancel.cancel()
        with pytest.raises(WorkerError) as caught:
            encoder.result()
    assert caught.value.code is ErrorCode.CANCELLED
    assert leftovers() == []


@pytest.mark.parametrize("frames", [0, 30])
def test_leaving_early_leaves_no_process_no_thread_no_file_open(frames: int, tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    write_frames(inner, frames)
    spec = make_spec(tmp_path, 50)
    gc.collect()
    before = open_files()
    with (
        pytest.raises(ZeroDivisionError),
        FrameEncoder(spec, parent, tmp_path / "video.mp4", Cancellation()) as encoder,
    ):
        raise ZeroDivisionError
    assert leftovers() == []
    with pytest.raises(WorkerError):
        encoder.check()
    assert open_files() == before, "a file is open until the encoder is collected"


def test_a_finished_encoder_leaves_nothing_but_the_video(tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    write_frames(inner, 3)
    spec = make_spec(tmp_path, 3)
    gc.collect()
    before = open_files()
    with FrameEncoder(spec, parent, tmp_path / "video.mp4", Cancellation()) as encoder:
        assert encoder.result() == tmp_path / "video.mp4"
    assert leftovers() == []
    assert open_files() == before
    assert boxes_of(tmp_path / "video.mp4")[0] == "ftyp"


def _poll(encoder: FrameEncoder) -> None:
    for _ in range(1000):
        encoder.check()
        threading.Event().wait(PATIENCE / 1000)


class Uncomparable(int):
    """A number of frames that fails whoever compares it."""

    def __gt__(self, other: object) -> bool:
        raise ZeroDivisionError


def test_an_error_that_nobody_expected_is_seen_at_the_next_poll(tmp_path: Path) -> None:
    """The GPU must not work to the end for an encoder that is gone."""
    spec = replace(make_spec(tmp_path, 4), frames=Uncomparable(4))
    with FrameEncoder(spec, tmp_path / "frames", tmp_path / "video.mp4", Cancellation()) as encoder:
        with pytest.raises(ZeroDivisionError):
            _poll(encoder)
        with pytest.raises(ZeroDivisionError):
            encoder.result()
