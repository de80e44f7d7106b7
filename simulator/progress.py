"""`progress` and `progress_state`: which node is how far (docs/facts/comfyui.md#progress).

The state of every node that started is repeated whole in each progress_state, finished nodes included.
"""

from typing import Any

from simulator.hub import Hub


class Progress:
    """The progress of one prompt, told to the hub with each change."""

    def __init__(self, hub: Hub, prompt_id: str) -> None:
        self._hub = hub
        self._prompt_id = prompt_id
        self._nodes: dict[str, tuple[float, float, str]] = {}

    def start(self, node_id: str) -> None:
        """The node runs."""
        self._nodes[node_id] = (0.0, 1.0, "running")
        self._send_state()

    def tick(self, node_id: str, value: float, most: float) -> None:
        """The node has done `value` of `most`."""
        self._nodes[node_id] = (value, most, "running")
        self._send_state()
        data = {"value": value, "max": most, "prompt_id": self._prompt_id, "node": node_id}
        self._hub.send("progress", data, self._hub.client_id)

    def finish(self, node_id: str) -> None:
        """The node ended well, or its result was there already."""
        most = self._nodes.get(node_id, (0, 1, ""))[1]
        self._nodes[node_id] = (most, most, "finished")
        self._send_state()

    def _send_state(self) -> None:
        nodes: dict[str, Any] = {}
        for node_id, (value, most, state) in self._nodes.items():
            nodes[node_id] = {
                "value": value,
                "max": most,
                "state": state,
                "node_id": node_id,
                "prompt_id": self._prompt_id,
                "display_node_id": node_id,
                "parent_node_id": None,
                "real_node_id": node_id,
            }
        self._hub.send("progress_state", {"prompt_id": self._prompt_id, "nodes": nodes}, self._hub.client_id)
