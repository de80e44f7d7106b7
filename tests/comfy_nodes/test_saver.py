"""FrameSaver: every frame whole, a bounded queue, no lost error, no thread left."""

import errno
import threading
import weakref
from pathlib import Path

import pytest

from comfy_nodes.saver import MOST_THREADS, FrameSaver, save_frame, thread_count
from media.video import PNG_END, FrameFolder
from tests.comfy_nodes.pixels import HEIGHT, WIDTH, Pixels, frame, level_of, saver_threads


class InterruptError(Exception):
    """Stands for ComfyUI's InterruptProcessingException."""


def test_every_frame_is_on_the_disk_when_the_block_is_left(tmp_path: Path) -> None:
    with FrameSaver() as saver:
        for number in range(100):
            saver.submit(Pixels(number), frame(tmp_path, number))
    assert [level_of(frame(tmp_path, number)) for number in range(100)] == list(range(100))
    assert len(list(tmp_path.iterdir())) == 100
    assert saver_threads() == []


def test_frames_are_begun_in_the_order_they_came(tmp_path: Path) -> None:
    begun: list[int] = []
    with FrameSaver(threads=1) as saver:
        for number in range(30):
            saver.submit(Pixels(0, lambda number=number: begun.append(number)), frame(tmp_path, number))  # type: ignore[misc]
    assert begun == list(range(30))


def test_a_frame_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "20250101_000000_infinitetalk_output"
    folder.mkdir()
    reader = FrameFolder(tmp_path, WIDTH, HEIGHT)
    seen: list[str] = []
    rename = Path.replace

    def watched(part: Path, target: Path) -> Path:
        assert part.read_bytes().endswith(PNG_END)
        assert reader.take(0) is None
        assert list(folder.glob("frame_*.png")) == []
        seen.append(part.name)
        return rename(part, target)

    monkeypatch.setattr(Path, "replace", watched)
    save_frame(Pixels(9), frame(folder, 0))
    assert seen == [".frame_00000.png.part"]
    assert reader.take(0) is not None
    assert list(folder.iterdir()) == []


def test_a_frame_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    for level in (1, 2):
        save_frame(Pixels(level), frame(tmp_path, 0))
    assert level_of(frame(tmp_path, 0)) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_fails_the_run_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / ".frame_00000.png.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught, FrameSaver() as saver:
        saver.submit(Pixels(0), frame(tmp_path, 0))
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
    assert saver_threads() == []


def test_a_folder_that_is_gone_fails_the_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), FrameSaver() as saver:
        saver.submit(Pixels(0), frame(tmp_path / "gone", 0))


def test_after_an_error_the_next_frame_is_refused_and_the_rest_is_dropped(tmp_path: Path) -> None:
    saver = FrameSaver(threads=1, waiting=1)
    saver.submit(Pixels(0), frame(tmp_path / "gone", 0))
    for number in range(3):  # with room for one frame, the first of these already knows of the error
        with pytest.raises(FileNotFoundError):
            saver.submit(Pixels(0), frame(tmp_path, number))
    with pytest.raises(FileNotFoundError):
        saver.drain()
    assert list(tmp_path.iterdir()) == []
    assert saver_threads() == []


def test_the_first_error_is_the_one_that_is_raised(tmp_path: Path) -> None:
    gate = threading.Event()
    saver = FrameSaver(threads=1)
    saver.submit(Pixels(0, gate.wait), frame(tmp_path / "first", 0))
    saver.submit(Pixels(0), frame(tmp_path / "second", 0))
    gate.set()
    with pytest.raises(FileNotFoundError, match="first"):
        saver.drain()


def test_a_full_queue_holds_the_sampler(tmp_path: Path) -> None:
    room, begun, most = 3, 0, 0

    def begin() -> None:
        nonlocal begun
        begun += 1

    with FrameSaver(threads=1, waiting=room) as saver:
        for number in range(300):
            saver.submit(Pixels(0, begin), frame(tmp_path, number))
            most = max(most, number + 1 - begun)
    assert 0 < most <= room
    assert begun == 300


def test_an_interrupt_drops_what_waits_and_lets_go_of_the_pictures(tmp_path: Path) -> None:
    gate, in_hand = threading.Event(), threading.Event()

    def hold() -> None:
        in_hand.set()
        assert gate.wait(10)

    def run() -> None:
        with FrameSaver(threads=1) as saver:
            saver.submit(Pixels(0, hold), frame(tmp_path, 0))
            dropped = Pixels(1)
            weakref.finalize(dropped, gate.set)  # the frame in hand goes on once a waiting one is forgotten
            saver.submit(dropped, frame(tmp_path, 1))
            del dropped
            saver.submit(Pixels(2), frame(tmp_path, 2))
            assert in_hand.wait(10)
            raise InterruptError

    with pytest.raises(InterruptError):
        run()
    assert gate.is_set()
    assert list(tmp_path.iterdir()) == [frame(tmp_path, 0)]
    assert saver_threads() == []


def test_an_interrupted_run_mentions_the_save_that_failed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def run() -> None:
        with FrameSaver(threads=1, waiting=1) as saver:
            saver.submit(Pixels(0), frame(tmp_path / "gone", 0))
            with pytest.raises(FileNotFoundError):
                saver.submit(Pixels(0), frame(tmp_path, 1))
            raise InterruptError

    with pytest.raises(InterruptError):
        run()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "gone" in caplog.text


def test_a_run_without_frames_starts_no_thread() -> None:
    with FrameSaver():
        assert saver_threads() == []


def test_there_is_a_thread_per_cpu_and_never_more_than_four() -> None:
    assert 1 <= thread_count() <= MOST_THREADS


def test_what_follows_comes_once_all_that_was_before_is_on_the_disk(tmp_path: Path) -> None:
    gate = threading.Event()
    there: list[int] = []
    with FrameSaver(threads=3) as saver:
        for number in range(6):
            saver.submit(Pixels(number, lambda: gate.wait(10)), frame(tmp_path, number))
        saver.after(lambda: there.append(len(list(tmp_path.glob("frame_*.png")))))
        saver.submit(Pixels(9), frame(tmp_path, 9))
        gate.set()
    assert there in ([6], [7])
    failing = FrameSaver()
    failing.submit(Pixels(1), frame(tmp_path / "gone", 1))
    failing.after(lambda: there.append(0))
    with pytest.raises(FileNotFoundError):
        failing.drain()
    assert 0 not in there, "a frame is missing"


def test_a_muted_saver_leaves_what_is_there(tmp_path: Path) -> None:
    save_frame(Pixels(1), frame(tmp_path, 0))
    with FrameSaver() as saver:
        saver.muted = True
        saver.submit(Pixels(2), frame(tmp_path, 0))
        saver.muted = False
        saver.submit(Pixels(3), frame(tmp_path, 1))
    assert [level_of(frame(tmp_path, number)) for number in (0, 1)] == [1, 3]
