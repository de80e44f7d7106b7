"""Holds a graph against what a real server says of its nodes (`simulator/object_info.json`, `own_nodes.json`).

Stricter than the server: a constant has the very type, and its step; nothing dangles; one node shows the result.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
Graph = dict[str, dict[str, Any]]
FACTS: dict[str, Any] = {}
for file in ("object_info.json", "own_nodes.json"):
    FACTS |= json.loads((REPOSITORY / "simulator" / file).read_text(encoding="utf-8"))
UPLOADS = ("image_upload", "audio_upload")  # their lists are the files of the server's own input folder


def problems(graph: Graph) -> list[str]:
    """Everything that is wrong with a graph; each line begins with the node's id."""
    found = [f"{node}: {line}" for node in graph for line in _node_problems(graph, node)]
    if not found:
        found = list(_shape_problems(graph))
    return found


def declared(class_type: str) -> dict[str, Any]:
    """Input name to its declaration, required and optional."""
    inputs = FACTS[class_type]["input"]
    return {**inputs["required"], **inputs.get("optional", {})}


def choices(class_type: str, name: str) -> list[str]:
    """What a list input may be."""
    return list(declared(class_type)[name][0])


def links(graph: Graph, node: str) -> set[str]:
    """The nodes that a node reads."""
    return {value[0] for value in graph[node]["inputs"].values() if isinstance(value, list)}


def _node_problems(graph: Graph, node: str) -> Iterator[str]:
    entry = graph[node]
    class_type = entry.get("class_type")
    if class_type not in FACTS:
        yield f"no class {class_type}"
        return
    if set(entry) != {"class_type", "inputs", "_meta"} or set(entry["_meta"]) != {"title"}:
        yield "keys other than class_type, inputs and _meta with a title"
    known = declared(class_type)
    for name in FACTS[class_type]["input"]["required"]:
        if name not in entry["inputs"]:
            yield f"required input {name} is missing"
    for name, value in entry["inputs"].items():
        if name not in known:
            yield f"no input {name}"
        elif isinstance(value, list):
            yield from (f"{name}: {line}" for line in _link_problems(graph, value, known[name]))
        else:
            yield from (f"{name}: {line}" for line in _constant_problems(value, known[name]))


def _link_problems(graph: Graph, link: list[Any], declaration: list[Any]) -> Iterator[str]:
    if len(link) != 2 or not isinstance(link[0], str) or type(link[1]) is not int:
        yield f"{link} is no [node, output]"
        return
    source, output = link
    if source not in graph:
        yield f"no node {source}"
        return
    outputs = FACTS.get(str(graph[source].get("class_type")), {"output": []})["output"]
    if not 0 <= output < len(outputs):
        yield f"{source} has no output {output}"
        return
    wanted, given = declaration[0], outputs[output]
    if isinstance(wanted, list) or not ({"*"} & {wanted, given} or given in wanted.split(",")):
        yield f"takes {wanted}, not {given}"


def _constant_problems(value: object, declaration: list[Any]) -> Iterator[str]:
    kind, options = declaration[0], (declaration[1] if len(declaration) > 1 else {})
    if isinstance(kind, list) or kind == "COMBO":
        offered = kind if isinstance(kind, list) else options["options"]
        if not isinstance(value, str) or not (value in offered or any(options.get(upload) for upload in UPLOADS)):
            yield f"{value!r} is not in its list"
    elif kind in ("INT", "FLOAT"):
        yield from _number_problems(value, kind, options)
    elif kind in ("BOOLEAN", "STRING"):
        if type(value) is not (bool if kind == "BOOLEAN" else str):
            yield f"{value!r} is no {kind}"
    else:
        yield f"takes a link to {kind}, not {value!r}"


def _number_problems(value: object, kind: str, options: dict[str, Any]) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int if kind == "INT" else int | float):
        yield f"{value!r} is no {kind}"
    elif not math.isfinite(value) or not options.get("min", value) <= value <= options.get("max", value):
        yield f"{value!r} is out of range"
    elif kind == "INT" and "step" in options and (value - options.get("min", 0)) % options["step"]:
        yield f"{value!r} is between two steps"


def _shape_problems(graph: Graph) -> Iterator[str]:
    outputs = [node for node in graph if FACTS[graph[node]["class_type"]]["output_node"]]
    if len(outputs) != 1:
        yield f"graph: {len(outputs)} output nodes"
    reached: set[str] = set()
    todo = list(outputs)
    while todo:
        node = todo.pop()
        if node not in reached:
            reached.add(node)
            todo.extend(links(graph, node))
    yield from (f"{node}: dangles" for node in graph if node not in reached)
    done: set[str] = set()
    while ready := [node for node in graph if node not in done and links(graph, node) <= done]:
        done.update(ready)
    yield from (f"{node}: waits for itself" for node in graph if node not in done)
    titles = [entry["_meta"]["title"] for entry in graph.values()]
    yield from (f"graph: title {title} stands twice" for title in sorted({t for t in titles if titles.count(t) > 1}))
