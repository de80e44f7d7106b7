"""A server that lacks something for the graphs is found out before the first job, by name."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from comfy_client.readiness import shortcomings
from workflows.graph import Precision, template_graph
from workflows.models import choose_models

FACTS: dict[str, Any] = json.loads((Path(__file__).parents[2] / "simulator/object_info.json").read_text())
LOADER = "WanVideoModelLoader"


def _graph() -> dict[str, Any]:
    return template_graph("infinitetalk", choose_models("infinitetalk", 2, "q4_k_m"), Precision())


def _facts() -> dict[str, Any]:
    return copy.deepcopy(FACTS)


def test_a_complete_server_lacks_nothing() -> None:
    found = shortcomings(_graph(), FACTS)
    assert (found.models, found.others) == ((), ())


def test_a_missing_node_pack_is_told_once_a_class() -> None:
    facts = {name: fact for name, fact in FACTS.items() if name != "WanVideoSampler"}
    assert shortcomings(_graph(), facts).others == ("node WanVideoSampler: there is no such node as 'WanVideoSampler'",)


def test_a_missing_model_is_named() -> None:
    facts = _facts()
    facts[LOADER]["input"]["required"]["model"][0].remove("wan2.1-i2v-14b-480p-Q4_K_M.gguf")
    assert shortcomings(_graph(), facts).models == ("wan2.1-i2v-14b-480p-Q4_K_M.gguf",)


@pytest.mark.parametrize("spoil", ["renamed", "new_required", "type", "choice"])
def test_another_version_of_a_node_is_found_out(spoil: str) -> None:
    facts = _facts()
    inputs = facts[LOADER]["input"]
    if spoil == "renamed":
        inputs["optional"]["attention"] = inputs["optional"].pop("attention_mode")
    elif spoil == "new_required":
        inputs["required"]["new"] = ["INT", {}]
    elif spoil == "type":
        facts["MultiTalkModelLoader"]["output"] = ["OTHER"]
    else:
        inputs["optional"]["attention_mode"][0].remove("sdpa")
    found = shortcomings(_graph(), facts)
    assert found.models == ()
    assert len(found.others) == 1
    assert LOADER in found.others[0]


def test_a_jobs_own_files_are_not_looked_for() -> None:
    assert "portrait.png" not in FACTS["LoadImage"]["input"]["required"]["image"][0]
    assert shortcomings(_graph(), FACTS).models == ()


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "x",
        {},
        {"input": None},
        {"input": {"required": []}},
        {"input": {"required": {"model": []}}},
        {"input": {"required": {"model": "INT"}}},
        {"input": {"required": {}}, "output": None},
    ],
)
def test_facts_that_cannot_be_read_are_told_and_break_nothing(told: object) -> None:
    facts = _facts()
    facts[LOADER] = told
    assert any(LOADER in other for other in shortcomings(_graph(), facts).others)
