"""The hook: in place where all looks as known, else one warning and everything as upstream has it."""

import gc
import logging
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import PIL.Image
import pytest

from comfy_nodes.hook import FOLDER_VARIABLE, attach
from comfy_nodes.pictures import Pictures
from tests.comfy_nodes.pixels import Pixels, frame, level_of, saver_threads
from tests.comfy_nodes.stand_in import CALLER, WRITER, Comfy

REPOSITORY = Path(__file__).resolve().parents[2]


class InterruptError(Exception):
    """Stands for ComfyUI's InterruptProcessingException."""


@pytest.fixture
def comfy(caplog: pytest.LogCaptureFixture) -> Comfy:
    caplog.set_level(logging.INFO)
    return Comfy()


def is_upstream(comfy: Comfy) -> bool:
    """Whether both names are as the node pack left them."""
    loops = vars(comfy.caller).get("multitalk_loop") is vars(comfy.writer).get("multitalk_loop")
    return loops and not isinstance(vars(comfy.writer).get("Image"), Pictures)


def test_frames_are_saved_by_our_threads_and_there_when_the_node_returns(comfy: Comfy, tmp_path: Path) -> None:
    comfy.load_pack()
    attach(str(tmp_path), comfy.modules)
    threads: set[str] = set()
    video = [Pixels(n, lambda: threads.add(threading.current_thread().name)) for n in range(20)]
    assert comfy.sample(video, str(tmp_path)) == (str(tmp_path),)
    assert [level_of(frame(tmp_path, number)) for number in range(20)] == list(range(20))
    assert all(name.startswith("frame-saver") for name in threads)
    assert saver_threads() == []


def test_the_sampler_goes_on_before_its_frames_are_saved(comfy: Comfy, tmp_path: Path) -> None:
    comfy.load_pack()
    attach(str(tmp_path), comfy.modules)
    gate = threading.Event()
    comfy.sample([Pixels(1, lambda: gate.wait(10))], str(tmp_path), at_the_end=gate.set)
    assert level_of(frame(tmp_path, 0)) == 1


def test_other_folders_are_saved_by_the_sampler_itself(comfy: Comfy, tmp_path: Path) -> None:
    comfy.load_pack()
    attach(str(tmp_path / "ours"), comfy.modules)
    threads: list[threading.Thread] = []
    comfy.sample([Pixels(1, lambda: threads.append(threading.current_thread()))], str(tmp_path))
    assert threads == [threading.current_thread()]
    assert level_of(frame(tmp_path, 0)) == 1


def test_a_save_that_fails_fails_the_node(comfy: Comfy, tmp_path: Path) -> None:
    comfy.load_pack()
    attach(str(tmp_path), comfy.modules)
    with pytest.raises(FileNotFoundError):
        comfy.sample([Pixels(1)], str(tmp_path / "gone"))
    assert saver_threads() == []


def test_an_interrupt_passes_and_the_next_run_works(comfy: Comfy, tmp_path: Path) -> None:
    comfy.load_pack()
    attach(str(tmp_path), comfy.modules)

    def interrupt() -> None:
        raise InterruptError

    with pytest.raises(InterruptError):
        comfy.sample([Pixels(1)], str(tmp_path), at_the_end=interrupt)
    assert saver_threads() == []
    comfy.sample([Pixels(2)], str(tmp_path))
    assert level_of(frame(tmp_path, 0)) == 2


class Ring:
    """Garbage from the start, that only a collection finds."""

    def __init__(self) -> None:
        self._myself = self


def test_between_two_windows_only_what_is_new_is_looked_at_for_garbage(comfy: Comfy, tmp_path: Path) -> None:
    comfy.load_pack()
    attach(str(tmp_path), comfy.modules)
    seen: list[tuple[int, bool]] = []

    def between() -> None:
        garbage = weakref.ref(Ring())
        gc.collect()
        seen.append((gc.get_freeze_count(), garbage() is None))

    comfy.sample([Pixels(1)], str(tmp_path), at_the_end=between)
    assert [(frozen > 1000, gone) for frozen, gone in seen] == [(True, True)]
    assert gc.get_freeze_count() == 0


def test_a_pack_that_is_loaded_later_is_hooked_at_the_first_prompt(comfy: Comfy, tmp_path: Path) -> None:
    attach(str(tmp_path), comfy.modules)
    comfy.load_pack()
    assert is_upstream(comfy)
    assert comfy.prompt() == {"prompt": {}}
    assert not is_upstream(comfy)
    hooked = vars(comfy.caller)["multitalk_loop"]
    comfy.prompt()
    assert vars(comfy.caller)["multitalk_loop"] is hooked


def test_the_hook_says_so_in_one_line(comfy: Comfy, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    comfy.load_pack()
    attach(str(tmp_path), comfy.modules)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert f"frames below {tmp_path} are saved by" in caplog.text


@pytest.mark.parametrize("folder", [None, ""])
def test_without_a_folder_nothing_is_hooked(comfy: Comfy, caplog: pytest.LogCaptureFixture, folder: str | None) -> None:
    comfy.load_pack()
    attach(folder, comfy.modules)
    assert is_upstream(comfy)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert FOLDER_VARIABLE in caplog.text


@pytest.mark.parametrize(
    ("writer", "caller"),
    [
        (WRITER.replace("Image.fromarray", "Image.frombuffer"), CALLER),
        (WRITER.replace("im.save", "im.write"), CALLER),
        (WRITER.replace("from PIL import Image", "from PIL import ImageOps as Image"), CALLER),
        (WRITER.replace("multitalk_loop", "loop_of_windows"), CALLER),
        (WRITER + "class Loop:\n    pass\nmultitalk_loop = Loop()\n", CALLER),
        (WRITER, CALLER.replace("multitalk_loop", "loop_of_windows")),
        (WRITER, CALLER.replace("process", "sample")),
    ],
)
def test_another_version_is_left_alone_with_one_warning(
    comfy: Comfy, tmp_path: Path, caplog: pytest.LogCaptureFixture, writer: str, caller: str
) -> None:
    comfy.load_pack(writer, caller)
    attach(str(tmp_path), comfy.modules)
    assert is_upstream(comfy)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_pack_that_never_comes_is_one_warning(comfy: Comfy, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    attach(str(tmp_path), comfy.modules)
    for _ in range(3):
        comfy.prompt()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "there is no node WanVideoSampler" in caplog.text


def test_a_server_without_prompt_handlers_is_one_warning(
    comfy: Comfy, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    del comfy.modules["server"]
    attach(str(tmp_path), comfy.modules)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_two_packs_of_ours_hook_once(comfy: Comfy, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    comfy.load_pack()
    attach(str(tmp_path), comfy.modules)
    hooked = vars(comfy.caller)["multitalk_loop"]
    attach(str(tmp_path), comfy.modules)
    assert vars(comfy.caller)["multitalk_loop"] is hooked
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


def test_outside_comfyui_the_import_does_nothing(tmp_path: Path) -> None:
    program = "import logging; logging.basicConfig(level=0); import comfy_nodes; print(comfy_nodes.NODE_CLASS_MAPPINGS)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, FOLDER_VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("{}\n", "")
    assert PIL.Image.fromarray.__module__ == "PIL.Image"
