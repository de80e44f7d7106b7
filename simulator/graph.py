"""Graphs in ComfyUI's API format, and the order in which a server runs their nodes.

The order is part of the protocol (clients show it, recordings hold it): nodes are found depth first from the outputs,
the last input of a node first; of the nodes whose inputs are there, one near an output goes first, else the one found
earliest.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

Graph = dict[str, dict[str, Any]]
Link = list[Any]

FAR = 3


def is_link(value: object) -> TypeGuard[Link]:
    """Whether an input is `[node id, output number]`."""
    return (
        isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int | float)
    )


def inputs_of(graph: Graph, node_id: str) -> dict[str, Any]:
    """A node's inputs by name; `{}` for a node without any."""
    inputs: dict[str, Any] = graph[node_id].get("inputs", {})
    return inputs


class RunOrder:
    """The nodes that have to run, handed out one at a time.

    outputs: the ids asked for; is_cached: says which nodes already have a result and are not run (outputs are always
    visited).
    """

    def __init__(
        self,
        graph: Graph,
        outputs: Sequence[str],
        is_cached: Callable[[str], bool],
        is_output: Callable[[str], bool],
    ) -> None:
        self._graph = graph
        self._is_output = is_output
        self._waits_for: dict[str, set[str]] = {}
        self._feeds: dict[str, dict[str, None]] = {}
        for output in outputs:
            self._find(output, is_cached)

    def _find(self, output: str, is_cached: Callable[[str], bool]) -> None:
        stack = [output]
        links: list[tuple[str, str]] = []
        while stack:
            node_id = stack.pop()
            if node_id in self._waits_for:
                continue
            self._waits_for[node_id] = set()
            self._feeds[node_id] = {}
            sources = [value[0] for value in inputs_of(self._graph, node_id).values() if is_link(value)]
            needed = [source for source in sources if not is_cached(source)]
            stack.extend(needed)
            links.extend((source, node_id) for source in needed)
        for source, node_id in links:
            self._waits_for[node_id].add(source)
            self._feeds[source][node_id] = None

    def __bool__(self) -> bool:
        return bool(self._waits_for)

    def pick(self) -> str | None:
        """The node to run next; None if those left wait for one another."""
        ready = [node_id for node_id, waits in self._waits_for.items() if not waits]
        return min(ready, key=self._distance) if ready else None

    def done(self, node_id: str) -> None:
        """The node has its result: what waited for it may run."""
        del self._waits_for[node_id]
        for fed in self._feeds.pop(node_id):
            self._waits_for[fed].discard(node_id)

    def left(self) -> Sequence[str]:
        """The nodes not run yet."""
        return list(self._waits_for)

    def _distance(self, node_id: str) -> int:
        level: Mapping[str, None] = {node_id: None}
        for distance in range(FAR):
            if any(self._is_output(member) for member in level):
                return distance
            level = {fed: None for member in level for fed in self._feeds[member]}
        return FAR
