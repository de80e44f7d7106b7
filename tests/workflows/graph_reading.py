"""Templates, and what stands in a graph."""

import json
from typing import Any

from contract.fields import Mode
from tests.workflows.graph_checker import REPOSITORY, Graph


def template(mode: Mode) -> Graph:
    """A template as it stands in the repository."""
    graph: Graph = json.loads((REPOSITORY / "workflows" / f"{mode}.json").read_text(encoding="utf-8"))
    return graph


def inputs(graph: Graph, title: str) -> dict[str, Any]:
    """The inputs of the node with this title."""
    (found,) = [entry["inputs"] for entry in graph.values() if entry["_meta"]["title"] == title]
    return dict(found)


def titles(graph: Graph) -> set[str]:
    return {entry["_meta"]["title"] for entry in graph.values()}
