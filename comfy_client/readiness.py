"""Whether a server can run a graph: its node classes, inputs, types and files, by /object_info. Pure.

A server that did not import a node pack answers all the same (docs/facts/comfyui.md#node-facts), unknown inputs are
ignored and constants pass for links (docs/facts/comfyui.md#what-validation-lets-through): so every part of a graph
is looked up before the first job.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from comfy_client.outcome import LOADER_INPUTS

FILES_OF_A_JOB = {("LoadImage", "image"), ("LoadAudio", "audio")}
ANY = "*"


@dataclass(frozen=True)
class Shortcomings:
    """What a server lacks: names of model files, and sentences about everything else."""

    models: tuple[str, ...]
    others: tuple[str, ...]


def shortcomings(graph: Mapping[str, Any], object_info: Mapping[str, Any]) -> Shortcomings:
    """Hold a graph against a server's node facts."""
    models: list[str] = []
    others: list[str] = []
    for node in graph.values():
        for name, kind, value in _misfits(node, graph, object_info):
            if kind == "file":
                models.append(str(value))
            else:
                others.append(f"node {node['class_type']}: {kind} '{name}'")
    return Shortcomings(tuple(dict.fromkeys(models)), tuple(dict.fromkeys(others)))


def _misfits(node: Any, graph: Any, object_info: Any) -> Iterator[tuple[str, str, object]]:
    """(input, what is wrong, value) for each input that the server would not take as it is."""
    facts = object_info.get(node["class_type"])
    if facts is None:
        yield node["class_type"], "there is no such node as", None
        return
    declared = _declared(facts)
    if declared is None:
        yield node["class_type"], "the server tells nothing that can be read of", None
        return
    required, optional = declared
    for name in required:
        if name not in node["inputs"]:
            yield name, "no value for the input", None
    for name, value in node["inputs"].items():
        kind = required.get(name, optional.get(name))
        if kind is None:
            yield name, "there is no input", value
        elif isinstance(value, list):
            given = _output(object_info.get(graph[value[0]]["class_type"]), value[1])
            if ANY not in (given, kind) and given != kind:
                yield name, f"{given} does not fit the input", value
        elif isinstance(kind, list) and value not in kind and (node["class_type"], name) not in FILES_OF_A_JOB:
            yield name, "file" if name in LOADER_INPUTS else f"'{value}' is not a choice of the input", value


def _declared(facts: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The required and the optional inputs of a class with their types, or None where the answer is no such thing."""
    inputs = facts.get("input") if isinstance(facts, dict) else None
    if not isinstance(inputs, dict):
        return None
    groups = [inputs.get(group) or {} for group in ("required", "optional")]
    if not all(isinstance(group, dict) for group in groups):
        return None
    if not all(isinstance(told, list) and told for group in groups for told in group.values()):
        return None
    required, optional = ({name: told[0] for name, told in group.items()} for group in groups)
    return required, optional


def _output(facts: Any, place: int) -> str:
    """The type of a class's output; `ANY` of a class that is not there, which is told elsewhere."""
    outputs = facts.get("output") if isinstance(facts, dict) else None
    return str(outputs[place]) if isinstance(outputs, list) and place < len(outputs) else ANY
