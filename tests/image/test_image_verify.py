"""Whether ComfyUI has every node that the graphs need, as the image's build looks: on a stand-in and on a real one."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.image.docker_scripts import DOCKER, load, run
from tests.image.dockerfile import REPOSITORY

GRAPHS = [REPOSITORY / "workflows" / "multitalk.json", REPOSITORY / "workflows" / "infinitetalk.json"]
MAIN = """
import logging, sys
import nodes
assert "--quick-test-for-ci" in sys.argv and "--cpu" in sys.argv
for line in {lines!r}:
    logging.warning(line)
{end}
"""


def _verify(
    tmp_path: Path,
    classes: set[str],
    lines: tuple[str, ...] = (),
    end: str = "exit(0)",
    options: tuple[str, ...] = (),
) -> list[str]:
    """The failures that the script tells of a stand-in for ComfyUI with these node classes, log lines and end."""
    folder = tmp_path / "comfyui"
    folder.mkdir()
    (folder / "nodes.py").write_text(f"NODE_CLASS_MAPPINGS = dict.fromkeys({sorted(classes)!r})")
    (folder / "main.py").write_text(MAIN.format(lines=lines, end=end))
    done = run(sys.executable, DOCKER / "verify_comfyui.py", *options, folder, tmp_path / "state", *GRAPHS)
    failures = [line for line in done.stderr.splitlines() if line.startswith("FAILED: ")]
    assert (done.returncode == 0) == (not failures), done.stderr
    return failures


def _needed() -> set[str]:
    module = load("verify_comfyui")
    needed: set[str] = module.classes_of(GRAPHS) | module.ALWAYS_NEEDED
    return needed


def test_the_graphs_name_the_classes_of_both_modes() -> None:
    assert {"WanVideoSampler", "WanVideoImageToVideoMultiTalk", "MultiTalkWav2VecEmbeds"} <= _needed()


def test_a_comfyui_with_everything_passes(tmp_path: Path) -> None:
    assert _verify(tmp_path, _needed(), lines=("all is well",)) == []


def test_a_missing_node_class_is_named(tmp_path: Path) -> None:
    failures = _verify(tmp_path, _needed() - {"WanVideoImageToVideoMultiTalk"})
    assert failures == ["FAILED: node class WanVideoImageToVideoMultiTalk is missing"]


def test_a_failed_import_is_told_even_where_every_class_is_there(tmp_path: Path) -> None:
    (failure,) = _verify(tmp_path, _needed(), lines=("   0.3 seconds (IMPORT FAILED): /opt/ComfyUI/custom_nodes/x",))
    assert "IMPORT FAILED" in failure


@pytest.mark.parametrize(
    ("line", "failures"),
    [
        ("talking-video: frames below /x are saved by 2 threads", 0),
        ("talking-video: multitalk_loop does not save its frames by Image.fromarray; slower", 1),
        ("something else", 1),
    ],
)
def test_a_pack_of_ours_that_does_not_work_is_told(tmp_path: Path, line: str, failures: int) -> None:
    told = _verify(tmp_path, _needed(), lines=(line,), options=("--our-nodes", str(REPOSITORY)))
    assert len(told) == failures
    assert all("comfy_nodes does not save the frames" in failure for failure in told)


@pytest.mark.parametrize("end", ["exit(255)", "sys.exit('no frontend')", ""])
def test_a_comfyui_that_does_not_come_to_its_end_fails(end: str, tmp_path: Path) -> None:
    assert _verify(tmp_path, _needed(), end=end)


def test_what_is_installed_is_held_against_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"# lock\npytest=={pytest.__version__}\nrunpod==0.0.1\nno-such-package==1.0\n")
    told = load("verify_comfyui").differences(lock)
    assert len(told) == 2
    assert told[0].startswith("runpod is ")
    assert told[1] == "no-such-package is missing, locked 1.0"


REAL_FOLDER, REAL_PYTHON = os.environ.get("COMFYUI_DIR", ""), os.environ.get("COMFYUI_PYTHON", "")
needs_comfyui = pytest.mark.skipif(
    not (REAL_FOLDER and REAL_PYTHON), reason="set COMFYUI_DIR (with the node pack) and COMFYUI_PYTHON to run it"
)


@needs_comfyui
def test_the_real_comfyui_has_what_the_graphs_need(tmp_path: Path) -> None:
    done = run(REAL_PYTHON, DOCKER / "verify_comfyui.py", REAL_FOLDER, tmp_path, *GRAPHS)
    assert done.returncode == 0, done.stderr[-2000:]


@needs_comfyui
def test_our_own_pack_works_beside_the_real_one(tmp_path: Path) -> None:
    arguments: list[str | Path] = ["--our-nodes", REPOSITORY, REAL_FOLDER, tmp_path, *GRAPHS]
    done = run(REAL_PYTHON, DOCKER / "verify_comfyui.py", *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "talking-video: frames below" in done.stderr + done.stdout


@needs_comfyui
@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("nodes.py", "(IMPORT FAILED)"),
        ("multitalk/nodes.py", "node class WanVideoImageToVideoMultiTalk is missing"),  # ComfyUI takes no notice of it
    ],
)
def test_a_broken_node_pack_is_found(module: str, told: str, tmp_path: Path) -> None:
    folder = tmp_path / "ComfyUI"
    shutil.copytree(REAL_FOLDER, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.gguf", "output", "input"))
    with (folder / "custom_nodes" / "ComfyUI-WanVideoWrapper" / module).open("a", encoding="utf-8") as file:
        file.write("\ndef broken(:\n")
    done = run(REAL_PYTHON, DOCKER / "verify_comfyui.py", folder, tmp_path / "state", *GRAPHS)
    assert done.returncode == 1
    assert told in "".join(line for line in done.stderr.splitlines() if line.startswith("FAILED: "))
