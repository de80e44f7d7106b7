"""The Dockerfile's make: what is copied, in which order, and what runs in the end."""

import ast
import re
import stat
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.image.dockerfile import DOCKERFILE, DOCKERIGNORE, REPOSITORY, is_sent, sources
from worker.settings import Settings

STAGES = DOCKERFILE.stages
FINAL = DOCKERFILE.chain("final")
COPIED = set(sources(DOCKERFILE))


def _one(name: str) -> str:
    (instruction,) = [found for stage in FINAL for found in stage.all(name)]
    return instruction.text


# The tests, and what stands on the caller's side.
NOT_IN_SERVICE = {"tests", "endpoint", "talking_video"}


@cache
def _worker_needs() -> frozenset[str]:
    """The modules and packages at the top level that handler.py reaches, and those that it starts by name."""
    needed: set[str] = set()
    waiting = ["handler"]
    while waiting:
        name = waiting.pop()
        if name in needed or not ((REPOSITORY / name).is_dir() or (REPOSITORY / f"{name}.py").is_file()):
            continue
        needed.add(name)
        for path in (REPOSITORY / name).rglob("*.py") if (REPOSITORY / name).is_dir() else [REPOSITORY / f"{name}.py"]:
            text = path.read_text(encoding="utf-8")
            waiting += re.findall(r'"-m", "(\w+)', text)
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Import):
                    waiting += [alias.name.partition(".")[0] for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    waiting.append(node.module.partition(".")[0])
    return frozenset(needed)


def test_what_the_worker_imports_is_found() -> None:
    assert {"handler", "worker", "job", "contract", "simulator", "workflows"} <= _worker_needs()
    assert not {"tests", "scripts", "docs"} & _worker_needs()


def test_everything_that_the_worker_imports_is_copied() -> None:
    assert [name for name in _worker_needs() if not {name, f"{name}.py"} & COPIED] == []


ROOMS = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - NOT_IN_SERVICE


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_every_room_is_copied_even_if_nothing_imports_it(room: str) -> None:
    assert room in COPIED


@pytest.mark.parametrize("source", sorted(COPIED))
def test_what_is_copied_exists_and_reaches_the_build(source: str) -> None:
    path = REPOSITORY / source
    files = [found for found in path.rglob("*.*") if "__pycache__" not in found.parts] if path.is_dir() else [path]
    assert files
    for found in files:
        assert found.is_file()
        assert is_sent(str(found.relative_to(REPOSITORY)), DOCKERIGNORE), found


@pytest.mark.parametrize(
    "path",
    [
        ".git/HEAD",
        ".venv/bin/python",
        "tests/image/dockerfile.py",
        "examples/duo.png",
        "examples/client.py",
        "output/a.mp4",
        "README.md",
        "scripts/demo.py",
        "media/__pycache__/fetch.pyc",
        "models/vae/wan.safetensors",
        ".env",
        "test_input.json",
    ],
)
def test_nothing_else_reaches_the_build(path: str) -> None:
    assert not is_sent(path, DOCKERIGNORE)


def test_nothing_is_copied_wholesale() -> None:
    assert not {".", "", "tests", "examples"} & COPIED


def test_the_proof_is_no_part_of_the_image_but_a_condition_of_it() -> None:
    assert [stage.name for stage in FINAL] == ["base", "comfyui-env", "worker", "final"]
    assert list(STAGES)[-1] == "final", "a plain `docker build` makes the last stage"
    assert [copy.options["from"] for copy in STAGES["final"].all("COPY")] == ["verify"]
    assert STAGES["verify"].base == "worker", "what is proved is what ships"
    (proof,) = STAGES["verify"].all("RUN")
    assert "verify.sh; " in proof.text


def test_the_system_brings_no_ffmpeg_and_so_no_mesa_and_no_llvm() -> None:
    """The worker has its own, among its packages; what the proof calls ffmpeg is that one."""
    assert "imageio-ffmpeg==" in (REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    installed = [run.text for run in DOCKERFILE.instructions if run.name == "RUN" and "apt-get install" in run.text]
    assert installed
    assert not [text for text in installed if re.search(r"ffmpeg|libgl|mesa", text)]
    assert "get_ffmpeg_exe" in (REPOSITORY / "docker" / "verify.sh").read_text(encoding="utf-8")


def test_what_changes_least_comes_first() -> None:
    kinds = [
        "sage" if instruction.name == "RUN" else instruction.options.get("from") or instruction.words[0]
        for instruction in STAGES["worker"].instructions
        if instruction.name == "COPY" or "from=sage" in instruction.text
    ]
    assert list(dict.fromkeys(kinds))[:4] == ["comfyui", "sage", "models", "worker-env"]
    assert kinds[-1] == "handler.py"


def test_every_stage_on_an_outside_image_stops_at_the_first_failure() -> None:
    for stage in (STAGES["base"], STAGES["sage-1"]):
        assert stage.instructions[0].name == "SHELL"
        assert stage.instructions[0].array == ["/bin/bash", "-euxo", "pipefail", "-c"]
    for instruction in DOCKERFILE.instructions:
        if instruction.name == "RUN":
            assert "||" not in instruction.text
            assert "set +e" not in instruction.text


def test_no_file_comes_from_an_address() -> None:
    assert not [instruction for instruction in DOCKERFILE.instructions if instruction.name == "ADD"]
    assert not [source for source in COPIED if "://" in source]


def test_no_secret_is_an_argument_or_in_the_environment() -> None:
    arguments = set(DOCKERFILE.arguments)
    arguments |= {word.partition("=")[0] for stage in STAGES.values() for arg in stage.all("ARG") for word in arg.words}
    environment = {name for stage in STAGES.values() for name in stage.environment()}
    for name in arguments | environment:
        assert not re.search(r"TOKEN|SECRET|PASSWORD|KEY|CREDENTIAL", name), name


def test_the_environment_sets_what_somebody_reads() -> None:
    environment = STAGES["worker"].environment()
    ours = {name.upper() for name in Settings.model_fields}
    of_others = {"HF_HUB_OFFLINE", "HOME", "USER", "PYTHONUNBUFFERED", "RUNPOD_INIT_TIMEOUT"}
    assert set(environment) <= ours | of_others
    assert environment["BASE_MODEL"] == "${BASE}"
    assert environment["PYTHONUNBUFFERED"] == "1"
    assert int(environment["RUNPOD_INIT_TIMEOUT"]) > Settings.model_fields["comfyui_start_seconds"].default


def test_the_settings_look_where_the_image_has_it() -> None:
    assert str(Settings.model_fields["comfyui_dir"].default) == "/opt/ComfyUI"
    assert str(Settings.model_fields["comfyui_python"].default) == "/opt/comfyui-venv/bin/python"
    assert "/opt/comfyui-venv" in " ".join(run.text for run in STAGES["comfyui-env"].all("RUN"))
    assert next(copy.words for copy in STAGES["worker"].all("COPY")) == ["/opt/ComfyUI", "/opt/ComfyUI"]


def test_the_worker_is_the_main_process() -> None:
    (command,) = [found for stage in FINAL for found in stage.all("CMD")]
    assert command.array == ["/opt/worker-venv/bin/python", "-u", "handler.py"]
    (entrypoint,) = [found for stage in FINAL for found in stage.all("ENTRYPOINT")]
    assert entrypoint.array == [], "the base image's is a script"
    assert _one("WORKDIR") == "/app"
    assert _one("STOPSIGNAL") == "SIGTERM"


def test_the_worker_is_not_root_and_opens_no_port() -> None:
    assert re.fullmatch(r"[1-9]\d*:0", _one("USER"))
    created = " ".join(run.text for run in STAGES["base"].all("RUN"))
    assert f"useradd --uid {_one('USER').partition(':')[0]} --gid 0 " in created
    assert not [instruction for instruction in DOCKERFILE.instructions if instruction.name == "EXPOSE"]


def test_the_health_check_starts_no_python() -> None:
    (check,) = [found for stage in FINAL for found in stage.all("HEALTHCHECK")]
    (program,) = check.array
    assert program == "/opt/docker/healthcheck.sh"
    assert "python" not in re.sub(r"#.*", "", (REPOSITORY / "docker" / "healthcheck.sh").read_text("utf-8")).lower()


@pytest.mark.parametrize("script", sorted((REPOSITORY / "docker").glob("*.sh")), ids=lambda path: path.name)
def test_scripts_can_be_started(script: Path) -> None:
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.stat().st_mode & stat.S_IXOTH
    assert re.search(r"^set -euo pipefail$|^set -eu$", script.read_text(encoding="utf-8"), re.MULTILINE)


def test_both_environments_hold_exactly_their_locks() -> None:
    parts = ("nvidia.txt", "torch.txt", "others.txt")
    for stage, locks in (("comfyui-env", parts), ("worker-env", ("worker-requirements.txt",))):
        text = "; ".join(run.text for run in STAGES[stage].all("RUN")) + ";"
        assert re.findall(r"install [^;]* -r /opt/locks/([^;]*);", text) == list(locks)
        assert text.count("--no-deps --only-binary :all: --require-hashes -r ") == len(locks)
        assert text.index("/bin/pip check") > text.index(locks[-1])
        assert "index" not in text


def test_the_three_layers_are_the_lock_and_each_is_cached_while_its_own_pins_stay(tmp_path: Path) -> None:
    """What an instruction before a layer copies decides whether that layer is made anew."""
    (split,) = [run.text for run in STAGES["locks"].all("RUN")]
    lock = (REPOSITORY / "docker" / "comfyui-requirements.txt").read_text(encoding="utf-8")

    def parts(text: str) -> dict[str, list[str]]:
        (tmp_path / "comfyui-requirements.txt").write_text(text, encoding="utf-8")
        subprocess.run(["bash", "-euo", "pipefail", "-c", split], cwd=tmp_path, check=True)
        names = ("nvidia", "torch", "others")
        return {name: (tmp_path / f"{name}.txt").read_text("utf-8").splitlines() for name in names}

    before = parts(lock)
    assert sum((len(part) for part in before.values()), start=0) == len(re.findall(r"(?m)^[^#]", lock))
    names = {part: {line.split("==")[0] for line in lines if "==" in line} for part, lines in before.items()}
    assert names["torch"] == {"torch", "torchaudio", "torchvision", "triton"}
    assert names["nvidia"] == {name for name in re.findall(r"(?m)^(\S+)==", lock) if name.startswith("nvidia-")}
    assert all(part[0].split("==")[0] in names[name] for name, part in before.items()), "a hash without its pin"
    after = parts(lock.replace("tqdm==", "tqdm==9"))
    assert [name for name in before if before[name] != after[name]] == ["others"]
    copies = [(copy.options.get("from"), copy.words[0]) for copy in STAGES["comfyui-env"].all("COPY")]
    assert copies[:3] == [("locks", f"/opt/locks/{name}.txt") for name in ("nvidia", "torch", "others")]


def test_sage_attention_is_built_for_the_five_generations() -> None:
    targets = next(arg.words[0] for arg in STAGES["sage-1"].all("ARG") if arg.words[0].startswith("SAGE_TARGETS"))
    assert targets == "SAGE_TARGETS=8.0;8.6;8.9;9.0;12.0"
    compiles = next(run.text for run in STAGES["sage-1"].all("RUN") if "build_sage.py" in run.text)
    for name in ("MAX_JOBS", "NVCC_THREADS"):  # of the memory that the build takes they are the factors
        assert f'{name}="${name}"' in compiles


def test_the_notice_names_the_labels_with_the_commits() -> None:
    notice = (REPOSITORY / "docker" / "NOTICE").read_text(encoding="utf-8")
    (labels,) = STAGES["final"].all("LABEL")
    names = {word.partition("=")[0] for word in labels.words}
    for name in ("comfyui.commit", "wanvideowrapper.commit", "sageattention.commit"):
        assert name in names
        assert f'"{name}"' in notice
    assert "GPL-3.0" in notice
    assert "://" not in labels.text
