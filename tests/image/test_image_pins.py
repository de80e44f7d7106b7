"""What the image is made of is pinned: base images, commits, and every package of both environments."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.image.dockerfile import DOCKERFILE, REPOSITORY

COMMITS = {name: value for name, value in DOCKERFILE.arguments.items() if name.endswith("_COMMIT")}
PROJECTS = {"COMFYUI": "Comfy-Org/ComfyUI", "WANVIDEOWRAPPER": "kijai/ComfyUI-WanVideoWrapper"}
PROJECTS["SAGEATTENTION"] = "thu-ml/SageAttention"
COMFYUI_LOCK = REPOSITORY / "docker" / "comfyui-requirements.txt"
WORKER_LOCK = REPOSITORY / "requirements.txt"
SAGE_LOCK = REPOSITORY / "docker" / "sage-requirements.txt"
LOCKS = (COMFYUI_LOCK, WORKER_LOCK, SAGE_LOCK)


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def _pins(path: Path) -> dict[str, tuple[int, ...]]:
    pairs = (line.split("==") for line in _lines(path))
    return {_key(name): tuple(int(part) for part in re.findall(r"\d+", version)) for name, version in pairs}


def test_the_sources_are_pinned_by_whole_commits() -> None:
    assert set(COMMITS) == {f"{name}_COMMIT" for name in PROJECTS}
    assert all(re.fullmatch(r"[0-9a-f]{40}", commit) for commit in COMMITS.values())


@pytest.mark.parametrize("name", PROJECTS)
def test_each_project_is_fetched_at_its_pin_and_nothing_else_is(name: str) -> None:
    runs = " ".join(instruction.text for instruction in DOCKERFILE.instructions if instruction.name == "RUN")
    assert len(re.findall(rf"https://github.com/{PROJECTS[name]} \"\${name}_COMMIT\"", runs)) == 1
    assert len(re.findall(r"://", runs)) == len(PROJECTS), "another address is used"


def _texts() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    kinds = {".md", ".py", ".sh", ".toml", ".json", ".txt", ".in", ""}
    paths = [REPOSITORY / name for name in listing.stdout.splitlines()]
    return [path for path in paths if path.suffix in kinds and path.is_file() and "tests" not in path.parts]


@pytest.mark.parametrize("path", _texts(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_mention_of_a_commit_agrees_with_the_dockerfile(path: Path) -> None:
    mentions = re.findall(
        r"(?:ComfyUI|Wrapper|SageAttention)\b[^\n0-9a-f]{1,40}\b([0-9a-f]{40})\b", path.read_text("utf-8")
    )
    assert set(mentions) <= set(COMMITS.values())


@pytest.mark.parametrize(("argument", "flavour"), [("CUDA_RUNTIME", "runtime"), ("CUDA_DEVEL", "devel")])
def test_base_images_are_pinned_by_tag_and_digest(argument: str, flavour: str) -> None:
    image = DOCKERFILE.arguments[argument]
    assert re.fullmatch(rf"nvidia/cuda:12\.8\.\d-{flavour}-ubuntu24\.04@sha256:[0-9a-f]{{64}}", image)


def test_no_stage_stands_on_an_image_that_moves() -> None:
    outside = [stage.base for stage in DOCKERFILE.stages.values() if stage.base not in DOCKERFILE.stages]
    assert sorted(outside) == ["${CUDA_DEVEL}", "${CUDA_RUNTIME}", "sage-${WITH_SAGE}"]
    assert DOCKERFILE.arguments["WITH_SAGE"] == "1"
    assert {"sage-0", "sage-1"} <= set(DOCKERFILE.stages)
    assert "latest" not in (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_exact_versions_and_nothing_else(lock: Path) -> None:
    for line in _lines(lock):
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.]*", line), line
    names = [_key(line.split("==")[0]) for line in _lines(lock)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_lock_names_an_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text


def test_the_lock_has_all_that_is_asked_for() -> None:
    wanted = {_key(re.split(r"[<>=~!;\[ ]", line)[0]) for line in _lines(COMFYUI_LOCK.with_suffix(".in"))}
    assert wanted <= set(_pins(COMFYUI_LOCK))
    assert {"torch", "color-matcher", "imageio", "gguf", "peft", "setuptools"} <= set(_pins(COMFYUI_LOCK))


def test_exact_wishes_are_in_the_lock_as_they_are() -> None:
    exact = {line for line in _lines(COMFYUI_LOCK.with_suffix(".in")) if "==" in line}
    assert exact
    assert exact <= set(_lines(COMFYUI_LOCK))


def test_torch_and_its_companions_belong_together_and_to_cuda_12_8() -> None:
    pins = _pins(COMFYUI_LOCK)
    minor = pins["torch"][1]
    assert pins["torch"][:2] == pins["torchaudio"][:2] == (2, minor)
    assert pins["torchvision"][:2] == (0, minor + 15)
    assert pins["nvidia-cuda-runtime-cu12"][:2] == pins["nvidia-cuda-nvrtc-cu12"][:2] == (12, 8)
    assert {name for name in pins if name.startswith("nvidia-") and not name.endswith("-cu12")} == set()


def test_the_versions_that_the_node_pack_can_live_with() -> None:
    pins = _pins(COMFYUI_LOCK)
    assert pins["transformers"] < (5,)
    assert pins["diffusers"][:2] == (0, 35)
    assert pins["huggingface-hub"] < (1,)
    assert pins["numpy"] >= (1, 25)


def test_the_worker_has_no_torch() -> None:
    assert not {"torch", "triton", "cupy"} & set(_pins(WORKER_LOCK))
    assert "runpod" in _pins(WORKER_LOCK)
