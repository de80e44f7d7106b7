"""What the image is made of is pinned: base images, commits, and every package of both environments."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.dockerfile import DOCKERFILE, REPOSITORY

COMMITS = {name: value for name, value in DOCKERFILE.arguments.items() if name.endswith("_COMMIT")}
PROJECTS = {"COMFYUI": "Comfy-Org/ComfyUI", "WANVIDEOWRAPPER": "kijai/ComfyUI-WanVideoWrapper"}
PROJECTS["SAGEATTENTION"] = "thu-ml/SageAttention"
IMAGES = {DOCKERFILE.arguments[name] for name in ("CUDA_BASE", "CUDA_DEVEL")}
DOCKERFILE_PATH = REPOSITORY / "Dockerfile"
MODELS = json.loads((REPOSITORY / "workflows" / "models.json").read_text("utf-8"))["models"]
REVISIONS = {model["revision"] for model in MODELS}
COMFYUI_LOCK = REPOSITORY / "docker" / "comfyui-requirements.txt"
WORKER_LOCK = REPOSITORY / "requirements.txt"
SAGE_LOCK = REPOSITORY / "docker" / "sage-requirements.txt"
LOCKS = (COMFYUI_LOCK, WORKER_LOCK, SAGE_LOCK, *(REPOSITORY / f"requirements-{name}.txt" for name in ("dev", "audit")))
PIN, HASH = r"[a-z0-9][a-z0-9-]*==[0-9][0-9A-Za-z.]*", r"--hash=sha256:[0-9a-f]{64}"


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def _exact(lock: Path) -> list[str]:
    return re.findall(r"(?m)^([^\s#]+==\S+)", lock.read_text(encoding="utf-8"))


def _pins(path: Path) -> dict[str, tuple[int, ...]]:
    pairs = (pin.split("==") for pin in _exact(path))
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
    kinds = {".md", ".py", ".sh", ".toml", ".json", ".yml", ".yaml", ".txt", ".in", ""}
    paths = [REPOSITORY / name for name in listing.stdout.splitlines()]
    return [path for path in paths if path.suffix in kinds and path.is_file() and "tests" not in path.parts]


def _strangers(text: str) -> list[str]:
    """What is written like a pin and is none: whole commits and digests of images, but not revisions of model files,
    which `workflows/models.json` and what is made of it hold."""
    text = re.sub(r"uses: actions/\S+", "", text)  # tests/test_workflows.py has what these must be
    commits = set(re.findall(r"(?<![0-9a-z])[0-9a-f]{40}(?![0-9a-z])", text))
    images = set(re.findall(r"nvidia/cuda:[^\s`|\"']+", text))
    return sorted((commits - set(COMMITS.values()) - REVISIONS) | (images - IMAGES))


@pytest.mark.parametrize("path", _texts(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_commit_and_image_that_is_named_is_a_pin_of_the_dockerfile(path: Path) -> None:
    assert _strangers(path.read_text("utf-8")) == []


def _places() -> Iterator[tuple[str, Path]]:
    for pin in (*COMMITS.values(), *IMAGES):
        yield from ((pin, path) for path in _texts() if pin in path.read_text("utf-8") and path != DOCKERFILE_PATH)


@pytest.mark.parametrize(("pin", "path"), list(_places()), ids=str)
def test_another_pin_is_seen_wherever_it_stands(pin: str, path: Path) -> None:
    other = re.sub(r"[0-9a-f]{40,64}$", lambda found: "2" * len(found[0]), pin)
    text = path.read_text("utf-8")
    for place in re.finditer(re.escape(pin), text):
        assert _strangers(text[: place.start()] + other + text[place.end() :]) == [other]


def test_the_page_on_deploying_and_the_list_of_licences_name_what_they_must() -> None:
    named = {
        path.relative_to(REPOSITORY).as_posix(): {pin for pin, at in _places() if at == path} for _, path in _places()
    }
    assert named["docs/deploy.md"] >= {COMMITS["COMFYUI_COMMIT"], COMMITS["WANVIDEOWRAPPER_COMMIT"]}
    assert named["docs/licences.md"] >= {*COMMITS.values(), DOCKERFILE.arguments["CUDA_BASE"]}


@pytest.mark.parametrize(("argument", "flavour"), [("CUDA_BASE", "base"), ("CUDA_DEVEL", "devel")])
def test_base_images_are_pinned_by_tag_and_digest(argument: str, flavour: str) -> None:
    image = DOCKERFILE.arguments[argument]
    assert re.fullmatch(rf"nvidia/cuda:12\.8\.\d-{flavour}-ubuntu24\.04@sha256:[0-9a-f]{{64}}", image)


def test_no_stage_stands_on_an_image_that_moves() -> None:
    outside = [stage.base for stage in DOCKERFILE.stages.values() if stage.base not in DOCKERFILE.stages]
    assert sorted(outside) == ["${CUDA_BASE}", "${CUDA_DEVEL}", "sage-${WITH_SAGE:-0}", "scratch"]
    assert DOCKERFILE.arguments["WITH_SAGE"] == "0", "RunPod's builds from GitHub take no arguments and 30 minutes"
    assert {"sage-0", "sage-1"} <= set(DOCKERFILE.stages)


@pytest.mark.parametrize(
    ("said", "meant"), [("no", "0"), ("false", "0"), ("off", "0"), ("yes", "1"), ("true", "1"), ("on", "1")]
)
def test_another_way_to_ask_for_sage_attention_is_no_image_of_a_registry(said: str, meant: str) -> None:
    assert DOCKERFILE.stages[f"sage-{said}"].base == f"sage-{meant}"


def test_no_tag_that_moves_is_named() -> None:
    assert "latest" not in (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_exact_versions_with_their_hashes_and_nothing_else(lock: Path) -> None:
    for entry in re.sub(r" \\\n +", " ", "\n".join(_lines(lock))).splitlines():
        assert re.fullmatch(rf"{PIN}( {HASH})+", entry), entry
    names = [pin.split("==")[0] for pin in _exact(lock)]
    assert len(names) == len(set(names)) > 1


def test_nothing_is_installed_but_what_has_a_hash() -> None:
    """Wherever a lock is installed; the two programs that install one are tried by other tests."""
    recipes = ("Makefile", "*Dockerfile", ".ci/*", "docker/*.sh", "scripts/*.sh", ".github/workflows/*.yml")
    files = [path for recipe in recipes for path in REPOSITORY.glob(recipe)]
    installs = {path.name: re.findall(r".*pip install.*", path.read_text(encoding="utf-8")) for path in files}
    assert {name for name, lines in installs.items() if lines} >= {"Makefile", "Dockerfile"}
    for lines in installs.values():
        for line in lines:
            assert re.search(r"--require-hashes (--no-deps )?-r \S+$|--no-index ", line.rstrip("; \\")), line


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
    assert exact <= set(_exact(COMFYUI_LOCK))


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
