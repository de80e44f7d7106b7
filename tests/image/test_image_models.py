"""The build arguments MODELS and BASE take what the list of models and its download script know."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.image.dockerfile import DOCKERFILE, REPOSITORY
from workflows.models import read_models

SCRIPT = REPOSITORY / "scripts" / "download_models.sh"
(RUN,) = [run.text for run in DOCKERFILE.stages["models"].all("RUN")]


LISTED = json.loads((REPOSITORY / "workflows" / "models.json").read_text(encoding="utf-8"))["models"]
UNPUBLISHED = {  # nobody publishes their sha256
    "wan2.1-i2v-14b-480p-Q8_0.gguf",
    "WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors",
    "Wan2_1-InfiniteTalk_Single_Q8.gguf",
    "Wan2_1-InfiniteTalk_Multi_Q8.gguf",
}


def _accepted(variable: str) -> set[str]:
    block = RUN.split(f'case "${variable}" in', 1)[1].split("esac", 1)[0]
    return {value for pattern in re.findall(r"([\w|]+)\)", block) for value in pattern.split("|")}


def _list(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SCRIPT), "--list", *options], capture_output=True, text=True, timeout=60, check=False)


def _run(models: str, base: str) -> subprocess.CompletedProcess[str]:
    """The instruction's own shell text, with its files replaced by harmless words."""
    text = RUN.removeprefix("--mount=type=secret,id=hf_token ")
    text = text.replace("/opt/models", "models").replace("/opt/list", "list")
    text = text.replace("/opt/download/scripts/download_models.sh", "echo download")
    text = f"part() {{ sed s/^/part:/; }}; {text.replace('/opt/docker/part_models.sh', 'part')}"
    environment = {"MODELS": models, "BASE": base, "PATH": "/usr/bin:/bin"}
    command = ["/bin/bash", "-euo", "pipefail", "-c", f"cd $(mktemp -d); {text}; rm -r $PWD"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_models_and_base_are_those_of_the_list() -> None:
    assert _accepted("MODELS") == {mode for model in read_models() for mode in model.modes} | {"none", "all"}
    assert _accepted("BASE") == {model.variant for model in read_models() if model.role == "base"}
    assert DOCKERFILE.arguments["MODELS"] == "none"
    assert DOCKERFILE.arguments["BASE"] == "q4_k_m"


def test_every_file_is_taken_at_a_commit_and_proved_where_its_sum_is_public() -> None:
    """A branch moves: another day it may bring other bytes."""
    moving = {model["file"] for model in LISTED if not re.fullmatch(r"[0-9a-f]{40}", model["revision"])}
    assert moving == set()
    assert {model["file"] for model in LISTED if model["sha256"] is None} == UNPUBLISHED
    assert all(re.fullmatch(r"[0-9a-f]{64}", model["sha256"] or "0" * 64) for model in LISTED)


def test_the_page_on_models_says_what_the_list_proves() -> None:
    page = (REPOSITORY / "docs" / "models.md").read_text(encoding="utf-8")
    (unproved,) = [line for line in page.splitlines() if line.endswith("| commit only |")]
    for word in ("MultiTalk", "`q8_0`"):
        assert word in unproved
    assert "q4_k_m" not in unproved
    assert "`main`" not in page + (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("mode", sorted(_accepted("MODELS") - {"none"}))
@pytest.mark.parametrize("base", sorted(_accepted("BASE")))
def test_the_script_takes_each_combination(mode: str, base: str) -> None:
    listing = _list("--mode", mode, "--base", base)
    assert listing.returncode == 0, listing.stderr
    assert base.replace("_k_m", "_K_M").lower() in listing.stdout.lower()


@pytest.mark.parametrize("options", [("--mode", "none"), ("--base", "q5")])
def test_the_script_takes_no_other(options: tuple[str, str]) -> None:
    assert _list(*options).returncode == 2


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ("none", ""),
        ("all", "download --mode all --base fp8 --dest models\npart:download --mode all --base fp8 --list\n"),
        ("infinitetalk", "download --mode infinite"),
    ],
)
def test_the_build_downloads_what_was_asked_for(models: str, said: str) -> None:
    done = _run(models, "fp8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(said)
    assert bool(done.stdout) == bool(said)


@pytest.mark.parametrize(("models", "base"), [("both", "fp8"), ("", "fp8"), ("none", "fp16"), ("all", "")])
def test_the_build_stops_at_a_value_that_it_does_not_know(models: str, base: str) -> None:
    done = _run(models, base)
    assert done.returncode == 2
    assert "use " in done.stderr
    assert "download" not in done.stdout


def test_a_build_takes_a_token_that_no_layer_and_no_log_has_and_a_mirror() -> None:
    assert "--mount=type=secret,id=hf_token " in RUN
    assert "HF_TOKEN_PATH=/run/secrets/hf_token /opt/download/scripts/download_models.sh" in RUN
    assert "$(" not in RUN, "the shell prints what it substitutes"
    assert "HF_ENDPOINT=https://huggingface.co" in {arg.text for arg in DOCKERFILE.stages["models"].all("ARG")}


def test_what_the_script_needs_is_in_the_stage() -> None:
    copied = {source: copy.words[-1] for copy in DOCKERFILE.stages["models"].all("COPY") for source in copy.words[:-1]}
    assert copied == {
        "scripts/download_models.sh": "/opt/download/scripts/",
        "scripts/fetch_model.sh": "/opt/download/scripts/",
        "scripts/transfer_model.sh": "/opt/download/scripts/",
        "docker/part_models.sh": "/opt/docker/",
        "/models.json": "/opt/download/workflows/",
    }
    installed = " ".join(run.text for run in DOCKERFILE.stages["base"].all("RUN"))
    assert all(f" {program} " in installed for program in ("aria2", "curl", "python3"))


def test_a_list_of_your_own_takes_the_place_of_ours_in_both_places() -> None:
    """A stage's name is that of a build context, too: BuildKit then takes the folder in place of the stage."""
    assert DOCKERFILE.stages["model-list"].base == "scratch"
    assert [copy.words for copy in DOCKERFILE.stages["model-list"].all("COPY")] == [["workflows/models.json", "/"]]
    for stage in ("models", "worker"):
        taken = [copy for copy in DOCKERFILE.stages[stage].all("COPY") if copy.options.get("from") == "model-list"]
        assert [copy.words[0] for copy in taken] == ["/models.json"]
    texts = [copy.text for copy in DOCKERFILE.stages["worker"].all("COPY")]
    assert texts.index("workflows/ workflows/") < texts.index("--from=model-list /models.json workflows/")


def _parted(tmp_path: Path, listing: str) -> set[str]:
    script = REPOSITORY / "docker" / "part_models.sh"
    command = [str(script), str(tmp_path / "models"), str(tmp_path / "parts")]
    subprocess.run(command, input=listing, text=True, check=True, timeout=60)
    assert not (tmp_path / "models").exists()
    return {str(path.relative_to(tmp_path / "parts")) for path in (tmp_path / "parts").rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["multitalk", "all"])
def test_models_come_into_layers_that_are_pulled_side_by_side(tmp_path: Path, mode: str) -> None:
    listing = _list("--mode", mode).stdout
    files = {row.split()[1]: row.split()[0] for row in listing.splitlines()[1:-1]}
    recorded = next(file for file, role in files.items() if role == "talk")
    for file in (*files, f"{recorded}.sha256", ".download.lock"):
        (tmp_path / "models" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "models" / file).touch(0o600)
    parts = {file: role if role in ("base", "talk") else "others" for file, role in files.items()}
    wanted = {f"{part}/{file}" for file, part in parts.items()} | {f"talk/{recorded}.sha256"}
    assert _parted(tmp_path, listing) == wanted
    assert all(path.stat().st_mode & 0o044 for path in (tmp_path / "parts").rglob("*"))
    copies = {copy.words[0]: copy.words[1] for copy in DOCKERFILE.stages["worker"].all("COPY")}
    assert {copies[f"/opt/parts/{part}/"] for part in set(parts.values())} == {"/opt/models/"}


def test_without_models_the_parts_are_empty(tmp_path: Path) -> None:
    assert _parted(tmp_path, "") == set()
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {"base", "talk", "others"}
