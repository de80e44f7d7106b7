"""Pictures: only plain saves of frames below our folder are handed over; the rest is PIL's."""

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from comfy_nodes.pictures import Pictures
from comfy_nodes.saver import FrameSaver
from tests.comfy_nodes.pixels import Pixels, frame, level_of


class RecordingSaver(FrameSaver):
    """Remembers what it was handed."""

    handed: list[str]

    def __init__(self) -> None:
        super().__init__(threads=1)
        self.handed = []

    def submit(self, pixels: Any, path: Path) -> None:
        self.handed.append(path.name)
        super().submit(pixels, path)


class Bench:
    """Pictures with our folder, and the saver of the run."""

    def __init__(self, root: Path) -> None:
        self.ours, self.other = root / "ours", root / "other"
        self.ours.mkdir()
        self.other.mkdir()
        self.savers: list[RecordingSaver] = []
        self.pictures = Pictures(PIL.Image, self.ours, self._make)

    @property
    def handed(self) -> list[str]:
        return [name for saver in self.savers for name in saver.handed]

    def _make(self) -> FrameSaver:
        self.savers.append(RecordingSaver())
        return self.savers[-1]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_frame_below_our_folder_is_handed_over(bench: Bench, kind: Callable[[Path], Any]) -> None:
    folder = bench.ours / "job" / "frames"
    folder.mkdir(parents=True)
    with bench.pictures.saving():
        bench.pictures.fromarray(Pixels(5)).save(kind(frame(folder, 0)))
    assert bench.handed == ["frame_00000.png"]
    assert level_of(frame(folder, 0)) == 5


def test_saves_elsewhere_are_done_at_once_by_pil(bench: Bench) -> None:
    roundabout = bench.ours / ".." / "other" / "b.png"
    with bench.pictures.saving():
        for path in (bench.other / "a.png", roundabout, bench.ours.with_name("ours2.png"), bench.ours / "a.bmp"):
            bench.pictures.fromarray(Pixels(5)).save(path)
            assert path.is_file()
    assert bench.handed == []


def test_saves_with_more_than_a_path_are_done_at_once_by_pil(bench: Bench) -> None:
    path, target = frame(bench.ours, 0), io.BytesIO()
    with bench.pictures.saving():
        bench.pictures.fromarray(Pixels(5)).save(target, "PNG")
        bench.pictures.fromarray(Pixels(5)).save(path, optimize=True)
        assert path.is_file()
    assert target.getvalue().startswith(b"\x89PNG")
    assert bench.handed == []


def test_a_picture_that_was_changed_is_saved_as_it_is_now(bench: Bench) -> None:
    with bench.pictures.saving():
        picture = bench.pictures.fromarray(Pixels(5))
        picture.paste((6, 249, 7), (0, 0, *picture.size))
        picture.save(frame(bench.ours, 0))
    assert bench.handed == []
    assert level_of(frame(bench.ours, 0)) == 6


def test_outside_of_a_run_everything_is_pil(bench: Bench) -> None:
    with bench.pictures.saving():
        pass
    assert type(bench.pictures.fromarray(Pixels(5))) is PIL.Image.Image
    assert bench.pictures.open is PIL.Image.open
    assert bench.pictures.Image is PIL.Image.Image
    with pytest.raises(AttributeError):
        _ = bench.pictures.no_such_name


def test_another_thread_is_not_part_of_the_run(bench: Bench) -> None:
    made: list[object] = []
    with bench.pictures.saving():
        thread = threading.Thread(target=lambda: made.append(bench.pictures.fromarray(Pixels(5))))
        thread.start()
        thread.join()
    assert isinstance(made[0], PIL.Image.Image)


def test_each_run_has_a_saver_of_its_own(bench: Bench) -> None:
    for number in range(2):
        with bench.pictures.saving():
            bench.pictures.fromarray(Pixels(number)).save(str(frame(bench.ours, number)))
    assert [saver.handed for saver in bench.savers] == [["frame_00000.png"], ["frame_00001.png"]]
