"""Which results of the last prompt still hold (the server's classic cache, docs/facts/comfyui.md#the-execution-cache).

The key of a node is its class, its constant inputs and, for Load* nodes, the hash of the file, of it and of all its
ancestors. Ids do not count, except where the class asks for its own. Only entries whose key occurs in the newest prompt
stay.
"""

import hashlib
from collections.abc import Hashable, Mapping
from typing import Any, Generic, TypeVar

from simulator.catalog import NodeClass
from simulator.folders import Folders
from simulator.graph import Graph, inputs_of, is_link

FILE_INPUTS = {"LoadImage": "image", "LoadAudio": "audio"}

Value = TypeVar("Value")
Keys = dict[str, Hashable]


class Cache(Generic[Value]):
    """Results by the key of the node that made them."""

    def __init__(self) -> None:
        self._entries: dict[Hashable, Value] = {}
        self._keys: Keys = {}

    def begin(self, keys: Keys) -> None:
        """A new prompt with these keys starts: forget what it does not name."""
        self._keys = keys
        used = set(keys.values())
        self._entries = {key: value for key, value in self._entries.items() if key in used}

    def get(self, node_id: str) -> Value | None:
        """The result of a node of the current prompt, or None."""
        return self._entries.get(self._keys.get(node_id))

    def set(self, node_id: str, value: Value) -> None:
        """Keep the result of a node of the current prompt."""
        self._entries[self._keys[node_id]] = value


def keys_of(graph: Graph, classes: Mapping[str, NodeClass], folders: Folders) -> Keys:
    """The key of every node of a graph, also of those no output needs."""
    fingerprints = {node_id: _fingerprint(node, folders) for node_id, node in graph.items()}
    keys: Keys = {}
    for node_id in graph:
        ancestors: dict[str, int] = {}
        _collect(graph, node_id, ancestors)
        members = [node_id, *ancestors]
        keys[node_id] = tuple(_own_key(graph, member, ancestors, fingerprints, classes) for member in members)
    return keys


def _collect(graph: Graph, node_id: str, ancestors: dict[str, int]) -> None:
    if node_id not in graph:
        return
    for _, value in sorted(inputs_of(graph, node_id).items()):
        if is_link(value) and value[0] not in ancestors:
            ancestors[value[0]] = len(ancestors)
            _collect(graph, value[0], ancestors)


def _own_key(
    graph: Graph,
    node_id: str,
    ancestors: Mapping[str, int],
    fingerprints: Mapping[str, Hashable],
    classes: Mapping[str, NodeClass],
) -> Hashable:
    if node_id not in graph:
        return float("nan")
    class_type = graph[node_id]["class_type"]
    parts: list[Hashable] = [class_type, fingerprints[node_id]]
    if classes[class_type].keyed_by_id:
        parts.append(node_id)
    for name, value in sorted(inputs_of(graph, node_id).items()):
        parts.append((name, ("ANCESTOR", ancestors[value[0]], value[1]) if is_link(value) else _frozen(value)))
    return tuple(parts)


def _fingerprint(node: Mapping[str, Any], folders: Folders) -> Hashable:
    name = FILE_INPUTS.get(node["class_type"])
    if name is None:
        return False
    if "is_changed" in node:
        return _frozen(node["is_changed"])
    value = node.get("inputs", {}).get(name)
    try:
        return hashlib.sha256(folders.annotated(str(value)).read_bytes()).hexdigest()
    except OSError:
        return float("nan")


def _frozen(value: object) -> Hashable:
    if isinstance(value, dict):
        return tuple((key, _frozen(member)) for key, member in sorted(value.items()))
    if isinstance(value, list):
        return tuple(_frozen(member) for member in value)
    return value if isinstance(value, Hashable) else float("nan")
