"""A graph whose nodes are found by title, to be filled, extended and cut."""

import json
from copy import deepcopy
from typing import Any

Graph = dict[str, dict[str, Any]]


class Template:
    """A graph in API format, and the ids of its nodes by their titles."""

    def __init__(self, text: str) -> None:
        self.graph: Graph = json.loads(text)
        self._ids = {entry["_meta"]["title"]: node for node, entry in self.graph.items()}

    def fill(self, title: str, **inputs: str | float) -> None:
        """Set constants of a node. Raises KeyError for one that is not in the template: a slip in a name."""
        present = self.graph[self._ids[title]]["inputs"]
        for name, value in inputs.items():
            if name not in present:
                raise KeyError(f"the template's node '{title}' has no input '{name}'")
            present[name] = value

    def change_class(self, title: str, class_type: str, *, drop: str = "", **inputs: Any) -> None:
        """Put a node of our own in its place, which takes the same inputs less `drop`, and further ones."""
        entry = self.graph[self._ids[title]]
        kept = {name: value for name, value in entry["inputs"].items() if name != drop}
        entry |= {"class_type": class_type, "inputs": {**kept, **inputs}}

    def add(self, node: str, title: str, class_type: str, inputs: dict[str, Any]) -> list[Any]:
        """A further node; the link to its first output."""
        self.graph[node] = {"class_type": class_type, "_meta": {"title": title}, "inputs": inputs}
        self._ids[title] = node
        return self.output_of(title)

    def extend(self, title: str, **inputs: Any) -> None:
        """Set optional inputs of a node that the template leaves out."""
        self.graph[self._ids[title]]["inputs"] |= inputs

    def output_of(self, title: str) -> list[Any]:
        """What an input holds that takes a node's first output."""
        return [self._ids[title], 0]

    def copy(self, title: str, suffix: str, **inputs: str | float) -> list[Any]:
        """One more node like that of a title, with other constants; the link to its first output."""
        node, named = f"{self._ids[title]}_{suffix}", f"{title} {suffix}"
        self.graph[node] = deepcopy(self.graph[self._ids[title]])
        self.graph[node]["_meta"] = {"title": named}
        self._ids[named] = node
        self.fill(named, **inputs)
        return self.output_of(named)

    def link(self, title: str, name: str, source: str) -> None:
        """Link an input of a node to the first output of another one."""
        self.graph[self._ids[title]]["inputs"][name] = [self._ids[source], 0]

    def unlink(self, title: str, name: str) -> None:
        """Leave an optional input of a node empty."""
        del self.graph[self._ids[title]]["inputs"][name]

    def take_out(self, *titles: str) -> None:
        """Remove nodes, and every input that is linked to one of them."""
        gone = {self._ids[title] for title in titles}
        for node in gone:
            del self.graph[node]
        for entry in self.graph.values():
            entry["inputs"] = {name: value for name, value in entry["inputs"].items() if not _links_to(value, gone)}


def _links_to(value: object, nodes: set[str]) -> bool:
    return isinstance(value, list) and value[0] in nodes
