"""The table of modes is whole: a mode that lacks its row, graph, files or a word to the user turns one of these red."""

import json
from itertools import product
from typing import get_args

import pytest

from contract.fields import JobInput, Mode
from tests.workflows.graph_checker import REPOSITORY
from workflows.models import Variants, read_models
from workflows.modes import MODES

by_mode = pytest.mark.parametrize("mode", get_args(Mode))
BASES = [str(model.variant) for model in read_models() if model.role == "base"]
# What a person reads or a shell runs names the modes by hand.
BY_HAND = {
    "README.md": "`{mode}`",
    "Dockerfile": "{mode}|",
    "scripts/download_models.sh": "{mode}|",
    "docker/verify.sh": "workflows/{mode}.json",
    "docs/architecture.md": "({mode})",
}


def test_the_table_has_exactly_the_modes_of_the_contract() -> None:
    assert tuple(MODES) == get_args(Mode) == get_args(JobInput.model_fields["mode"].annotation)


def test_each_graph_belongs_to_one_mode() -> None:
    graphs = {path.name for path in (REPOSITORY / "workflows").glob("*.json")} - {"models.json"}
    assert sorted(facts.graph for facts in MODES.values()) == sorted(graphs)


@by_mode
def test_a_graph_is_made_for_its_mode(mode: Mode) -> None:
    graph = json.loads((REPOSITORY / "workflows" / MODES[mode].graph).read_text(encoding="utf-8"))
    (windows,) = (entry["inputs"] for entry in graph.values() if entry["_meta"]["title"] == "Windows")
    assert (windows["mode"], windows["motion_frame"]) == (mode, MODES[mode].overlap)


@by_mode
def test_the_list_of_files_has_each_talk_model_of_the_table_and_no_other(mode: Mode) -> None:
    talks = [model for model in read_models() if model.role == "talk" and mode in model.modes]
    listed = [(str(model.variant), str(model.speakers)) for model in talks]
    assert sorted(listed) == sorted(product(MODES[mode].talk_variants, MODES[mode].talk_speakers))


@by_mode
def test_every_job_of_a_mode_finds_its_files(mode: Mode) -> None:
    for base, talk in product(BASES, MODES[mode].talk_variants):
        if base == "fp8" and talk == "q8_0":
            continue  # GGUF and not: refused
        variants = Variants(base, talk)
        assert {variants.choose(mode, voices) for voices in (1, 2, 3, 4)} == set(variants.all_of(mode))


@by_mode
def test_a_talk_variant_that_a_mode_lacks_is_its_default(mode: Mode) -> None:
    plain = Variants("q4_k_m")
    assert Variants("q4_k_m", "unheard of").all_of(mode) == plain.all_of(mode)


@pytest.mark.parametrize(
    ("mode", "seconds", "used"),
    [
        ("multitalk", 1.0, "mkl"),
        ("multitalk", 300.0, "mkl"),
        ("infinitetalk", 29.99, "disabled"),
        ("infinitetalk", 30.0, "mkl"),
    ],
)
def test_color_match_follows_the_mode_and_the_length(mode: Mode, seconds: float, used: str) -> None:
    assert MODES[mode].default_color_match(seconds) == used


@by_mode
@pytest.mark.parametrize("file", BY_HAND)
def test_what_is_written_by_hand_names_each_mode(mode: Mode, file: str) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    assert BY_HAND[file].format(mode=mode) in text
