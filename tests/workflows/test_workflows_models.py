"""The list of model files is complete, well formed, and names every file that a graph can ask for."""

import json
import re
from dataclasses import fields
from itertools import product
from typing import Any, get_args

import pytest

from contract.fields import Mode
from tests.workflows.graph_checker import REPOSITORY
from tests.workflows.graph_samples import MODES, arguments, every_kind_of_job
from worker.settings import Settings
from workflows.graph import build_graph
from workflows.models import ModelFile, ModelSet, choose_models, read_models
from workflows.separation import separation_graph

ENTRIES: list[dict[str, Any]] = json.loads((REPOSITORY / "workflows" / "models.json").read_text(encoding="utf-8"))[
    "models"
]
ALWAYS = {"role", "modes", "folder", "file", "repository", "revision", "path", "licence", "bytes", "sha256"}
FOLDERS = {
    "base": "diffusion_models",
    "talk": "diffusion_models",
    "speed_lora": "loras",
    "vae": "vae",
    "text_encoder": "text_encoders",
    "clip_vision": "clip_vision",
    "wav2vec": "wav2vec2",
    "separator": "voice_separation",
}
BASES = ("q4_k_m", "q8_0", "fp8")
# docs/facts/talk-models.md#files-that-run-together: a GGUF talk model runs with a GGUF base only.
COMBINATIONS = {
    "multitalk": [(base, "default") for base in BASES],
    "infinitetalk": [*((base, "default") for base in BASES), ("q4_k_m", "q8_0"), ("q8_0", "q8_0")],
}
MULTITALK = "WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors"
SINGLE = "Wan2_1-InfiniTetalk-Single_fp16.safetensors"  # the real spelling
SINGLE_Q8, SEVERAL_Q8 = "Wan2_1-InfiniteTalk_Single_Q8.gguf", "Wan2_1-InfiniteTalk_Multi_Q8.gguf"
SEVERAL = "Wan2_1-InfiniteTalk-Multi_fp16.safetensors"
# docs/facts/talk-models.md#model-files
KNOWN_SUMS = {
    SINGLE: "bf212c5c647eaf1c019b2158d2edf4a360d97e38b746c4bac994fee485e09fc3",
    SEVERAL: "4c2486cdfb6ff9a9f27408e98e11e20619136933b20411e0c365b1e84075d195",
    "Wan2_1-I2V-14B-480P_fp8_e4m3fn.safetensors": "996dbad030df09b0b3c8e764f0fb5a81b98b220ab89524d6a9369e9ed882791f",
    "wan_2.1_vae.safetensors": "2fc39d31359a4b0a64f55876d8ff7fa8d780956ae2cb13463b0223e15148976b",
    "clip_vision_h.safetensors": "64a7ef761bfccbadbaa3da77366aac4185a6c58fa5de5f589b42a65bcc21f161",
    "umt5_xxl_fp8_e4m3fn_scaled.safetensors": "c3355d30191f1f066b26d93fba017ae9809dce6c627dda5f6a66eaa651204f68",
    "wav2vec2-chinese-base_fp16.safetensors": "000813e441020f18cff844c969d2d5d4adc2a5ce46b2db1f23950b05d88805b4",
    "lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors": (
        "85c4a61c30e0497aa44b91d93a893b624708461a56fe5485183b28fa07e2dfb3"
    ),
}
by_file = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"][:40])


def files_of(graph: dict[str, dict[str, Any]]) -> set[str]:
    """Every constant that names a model file."""
    constants = (value for entry in graph.values() for value in entry["inputs"].values() if isinstance(value, str))
    return {value for value in constants if re.search(r"\.(safetensors|gguf|pth?|bin|ckpt|onnx)$", value)}


@by_file
def test_an_entry_has_every_field(entry: dict[str, Any]) -> None:
    own = {"base": {"variant"}, "talk": {"variant", "speakers"}, "separator": {"optional"}}.get(entry["role"], set())
    assert set(entry) == ALWAYS | own
    assert entry["folder"] == FOLDERS[entry["role"]]
    assert entry["path"].rsplit("/", 1)[-1] == entry["file"]
    assert set(entry["modes"]) <= set(MODES)
    assert len(entry["modes"]) == len(set(entry["modes"])) > 0
    for name in ("file", "revision", "licence"):
        assert re.fullmatch(r"[\w.-]+", entry[name])
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", entry["repository"])
    assert entry.get("speakers", "any") in ("one", "several", "any")


@by_file
def test_sizes_and_sums_are_well_formed_or_unknown(entry: dict[str, Any]) -> None:
    assert entry["sha256"] is None or re.fullmatch(r"[0-9a-f]{64}", entry["sha256"])
    assert entry["bytes"] is None or (type(entry["bytes"]) is int and entry["bytes"] > 100_000_000)
    assert KNOWN_SUMS.get(entry["file"], entry["sha256"]) == entry["sha256"]


def test_nothing_stands_twice() -> None:
    for names in (("folder", "file"), ("repository", "path"), ("sha256",)):
        found = [tuple(entry[name] for name in names) for entry in ENTRIES if entry[names[0]] is not None]
        assert len(found) == len(set(found))


def test_the_list_is_read_as_it_is_written() -> None:
    models = read_models()
    assert [model.file for model in models] == [entry["file"] for entry in ENTRIES]
    for model, entry in zip(models, ENTRIES, strict=True):
        assert model == ModelFile(**{**entry, "modes": tuple(entry["modes"])})


def test_every_file_of_every_graph_is_in_the_list() -> None:
    listed = {entry["file"] for entry in ENTRIES}
    asked = {file for job in every_kind_of_job() for file in files_of(build_graph(**job))}
    for mode in MODES:
        for base in BASES:
            asked |= files_of(build_graph(**arguments(mode, 2, base=base)))
        for voices, (base, talk) in product((1, 2), COMBINATIONS[mode]):
            models = choose_models(mode, voices, base, talk_variant=talk)
            asked |= files_of(build_graph(**arguments(mode, voices, models=models)))
        asked |= files_of(json.loads((REPOSITORY / "workflows" / f"{mode}.json").read_text(encoding="utf-8")))
    asked |= files_of(separation_graph())
    assert asked == listed  # and the list has none that no graph asks for


@pytest.mark.parametrize(
    ("mode", "voices", "talk"),
    [
        *(("infinitetalk", 1, SINGLE), ("infinitetalk", 2, SEVERAL), ("infinitetalk", 3, SEVERAL)),
        *(("infinitetalk", 4, SEVERAL), ("multitalk", 1, MULTITALK), ("multitalk", 2, MULTITALK)),
        *(("multitalk", 3, MULTITALK), ("multitalk", 4, MULTITALK)),
    ],
)
@pytest.mark.parametrize("base", BASES)
def test_the_talk_model_follows_the_mode_and_the_voices(mode: Mode, voices: int, talk: str, base: str) -> None:
    assert choose_models(mode, voices, base).talk == talk


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("voices", [1, 2])
def test_a_job_gets_one_file_of_each_role(mode: Mode, base: str, voices: int) -> None:
    chosen = choose_models(mode, voices, base)
    by_name = {entry["file"]: entry for entry in ENTRIES}
    for part in fields(ModelSet):
        entry = by_name[getattr(chosen, part.name)]
        assert entry["role"] == part.name
        assert mode in entry["modes"]
    assert by_name[chosen.base]["variant"] == base


@pytest.mark.parametrize(("voices", "talk"), [(1, SINGLE_Q8), (2, SEVERAL_Q8), (4, SEVERAL_Q8)])
def test_the_quantised_talk_model_follows_the_voices_too(voices: int, talk: str) -> None:
    assert choose_models("infinitetalk", voices, "q4_k_m", talk_variant="q8_0").talk == talk


def test_a_gguf_talk_model_is_not_given_to_another_base() -> None:
    with pytest.raises((KeyError, ValueError)):
        choose_models("infinitetalk", 1, "fp8", talk_variant="q8_0")


@pytest.mark.parametrize("mode", MODES)
def test_the_files_go_together(mode: Mode) -> None:
    """A GGUF talk model needs a GGUF base; a scaled one makes noise of a GGUF base; the name tells the mode.

    docs/facts/talk-models.md#files-that-run-together, #the-mode-of-a-file
    """
    for voices, (base, talk) in product((1, 2), COMBINATIONS[mode]):
        chosen = choose_models(mode, voices, base, talk_variant=talk)
        assert not chosen.talk.endswith(".gguf") or chosen.base.endswith(".gguf")
        assert not ("scaled" in chosen.talk and chosen.base.endswith(".gguf"))
        assert ("infinite" in chosen.talk.lower()) is (mode == "infinitetalk")


def test_the_settings_bases_are_the_lists() -> None:
    variants = {entry["variant"] for entry in ENTRIES if entry["role"] == "base"}
    assert variants == set(BASES) == set(get_args(Settings.model_fields["base_model"].annotation))
    with pytest.raises(KeyError):
        choose_models("multitalk", 1, "q2_k")
    with pytest.raises(KeyError):
        choose_models("multitalk", 1, "q4_k_m", talk_variant="q8_0")
