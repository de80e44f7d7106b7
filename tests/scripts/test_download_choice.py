"""Which files a mode needs, as the script and `choose_models` see it; and the script's options."""

import json
from dataclasses import astuple
from pathlib import Path
from typing import Literal

import pytest

from contract.fields import Mode
from tests.scripts.model_runs import REPOSITORY, Runs, entry
from workflows.models import choose_models
from workflows.modes import MODES

SEPARATOR_SUM = "26abf3f05f56f7b3618af9448e1aa0580a3ac6ef3c357840be838385b045aab5"
ALWAYS_HERE = 5  # LoRA, VAE, text encoder, CLIP vision, wav2vec
CHOICES = [
    (mode, base, talk)
    for mode in (*MODES, "all")
    for base in ("q4_k_m", "q8_0", "fp8")
    for talk in ("default", "q8_0")
    if not (talk == "q8_0" and (base == "fp8" or mode == "multitalk"))
]


@pytest.fixture
def real_list(curl_runs: Runs) -> Runs:
    """Runs with the project's own list."""
    curl_runs.variables["MODELS_JSON"] = ""
    return curl_runs


def wanted(mode: Mode, base: str, talk: str) -> set[str]:
    """Every file that a job of this mode can ask for."""
    variant = "default" if mode == "multitalk" else talk
    chosen = (choose_models(mode, voices, base, talk_variant=variant) for voices in range(1, 5))
    return {file for one in chosen for file in astuple(one)}


@pytest.mark.parametrize(("mode", "base", "talk"), CHOICES)
def test_the_files_are_those_that_jobs_ask_for_and_no_more(
    real_list: Runs, mode: Mode | Literal["all"], base: str, talk: str
) -> None:
    ended = real_list.run("http://127.0.0.1:9", "--list", "--mode", mode, "--base", base, "--talk", talk)
    assert ended.code == 0, ended.log
    listed = {line.split()[1].rsplit("/", 1)[-1] for line in ended.log.splitlines()[1:-1]}
    modes = MODES if mode == "all" else (mode,)
    assert listed == {file for one in modes for file in wanted(one, base, talk)}
    assert len(listed) == ALWAYS_HERE + 1 + {"multitalk": 1, "infinitetalk": 2, "all": 3}[mode]


def test_weights_for_research_alone_are_taken_only_where_they_are_named(real_list: Runs) -> None:
    plain = real_list.run("http://127.0.0.1:9", "--list", "--mode", "all").log
    asked = real_list.run("http://127.0.0.1:9", "--list", "--mode", "multitalk", "--separation").log
    assert "voice_separation/" not in plain
    (line,) = [line for line in asked.splitlines() if line.startswith("separator ")]
    assert line.split()[1:4] == ["voice_separation/hdemucs_high_trained.safetensors", "334608048", SEPARATOR_SUM]


def test_the_list_tells_role_place_size_and_source_without_network_or_files(real_list: Runs) -> None:
    ended = real_list.run("http://127.0.0.1:9/", "--list")
    header, *rows, total = [line.split() for line in ended.log.splitlines()]
    assert header == ["role", "file", "bytes", "sha256", "source"]
    unknown = [row for row in rows if row[2] == "unknown"]
    assert " ".join(total).startswith(f"total: {len(rows)} files, ")
    assert " ".join(total).endswith(f"B and {len(unknown)} files of unknown size")
    entries = json.loads((REPOSITORY / "workflows" / "models.json").read_text(encoding="utf-8"))["models"]
    by_place = {f"{model['folder']}/{model['file']}": model for model in entries}
    for role, place, size, proof, source in rows:
        model = by_place[place]
        assert role == model["role"]
        assert size == str(model["bytes"] or "unknown")
        assert proof == (model["sha256"] or "unknown")
        assert source == f"http://127.0.0.1:9/{model['repository']}/resolve/{model['revision']}/{model['path']}"
    assert not real_list.dest.exists()


def test_the_defaults_are_all_modes_and_the_small_base(real_list: Runs) -> None:
    plain = real_list.run("http://127.0.0.1:9", "--list").log
    assert plain == real_list.run("http://127.0.0.1:9", "--list", "--mode=all", "--base=q4_k_m", "--talk=default").log


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["--mode", "both"],
            ["--base", "q2_k"],
            ["--talk", "fp8"],
            ["--jobs", "0"],
            ["--jobs", "two"],
            ["--jobs", "17"],
        ),
        *(["--mode"], ["--nonsense"], ["all"], ["--dest="], ["--talk", "q8_0", "--base", "fp8"]),
        *(["--dest", "--verify"], ["--dest", "two\nlines"]),
    ],
    ids=" ".join,
)
def test_wrong_usage_has_its_own_code(real_list: Runs, arguments: list[str]) -> None:
    ended = real_list.run("http://127.0.0.1:9", *arguments, "--list")
    assert ended.code == 2
    assert len(ended.lines("ERROR: ")) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("HF_ENDPOINT", "huggingface"), ("HF_ENDPOINT", "http://a b"), ("HF_ENDPOINT", "https://mirror/?to=hf")),
        *(("HF_TOKEN_PATH", "/"), ("RETRY_SECONDS", "soon"), ("PROGRESS_SECONDS", "a[$(id)]")),
    ],
)
def test_a_wrong_variable_is_wrong_usage(curl_runs: Runs, name: str, value: str) -> None:
    curl_runs.variables[name] = value
    ended = curl_runs.run("http://127.0.0.1:9")
    assert ended.code == 2
    assert name in ended.log


def test_help_tells_every_option_variable_and_exit_code(curl_runs: Runs) -> None:
    ended = curl_runs.run("http://127.0.0.1:9", "--help")
    assert ended.code == 0
    for option in ("mode", "base", "talk", "dest", "jobs", "verify", "repair", "strict", "list", "separation"):
        assert f"  --{option} " in ended.log
    for variable in (
        "HF_TOKEN",
        "HF_TOKEN_PATH",
        "HF_ENDPOINT",
        "MODELS_JSON",
        "VOLUME_DIRS",
        "RETRY_SECONDS",
        "PROGRESS_SECONDS",
    ):
        assert f"  {variable} " in ended.log
    for code in ("0 everything", "2 wrong usage", "3 no space", "4 network", "5 a file", "6 not found"):
        assert code in ended.log


@pytest.mark.parametrize(
    "broken",
    [
        {"folder": "../outside"},
        {"file": "a/b"},
        {"sha256": "abc"},
        {"bytes": "a[$(id)]"},
        {"path": "with space"},
        {"modes": []},
    ],
    ids=lambda broken: next(iter(broken)),
)
def test_a_list_that_is_none_is_refused(curl_runs: Runs, broken: dict[str, object]) -> None:
    curl_runs.list_files({**entry("file", b"x"), **broken})
    ended = curl_runs.run("http://127.0.0.1:9")
    assert ended.code == 1
    assert "is no list of models for this" in ended.log
    assert not curl_runs.dest.exists()


def test_a_missing_list_is_named(curl_runs: Runs, tmp_path: Path) -> None:
    ended = curl_runs.run("http://127.0.0.1:9")
    assert ended.code == 1
    assert f"{tmp_path}/models.json" in ended.log


def test_a_missing_program_is_named(curl_runs: Runs, tmp_path: Path) -> None:
    curl_runs.list_files(entry("file", b"x"))
    few = tmp_path / "few"
    few.mkdir()
    for program in ("bash", "dirname", "readlink"):
        (few / program).symlink_to((curl_runs.programs / program).readlink())
    curl_runs.programs = few
    ended = curl_runs.run("http://127.0.0.1:9")
    assert ended.code == 1
    assert "ERROR: curl is missing" in ended.log


def test_the_talk_variant_is_default_unless_told() -> None:
    assert choose_models("infinitetalk", 1, "q4_k_m").talk == "Wan2_1-InfiniTetalk-Single_fp16.safetensors"
    for voices, name in ((1, "Single"), (2, "Multi"), (4, "Multi")):
        chosen = choose_models("infinitetalk", voices, "q4_k_m", talk_variant="q8_0")
        assert chosen.talk == f"Wan2_1-InfiniteTalk_{name}_Q8.gguf"
    assert choose_models("multitalk", 1, "q8_0", talk_variant="default").talk.startswith("WanVideo_2_1_Multitalk")
    with pytest.raises(KeyError):
        choose_models("multitalk", 1, "q8_0", talk_variant="q8_0")
