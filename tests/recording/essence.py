"""What of a trace is the server's behaviour, and what differs from run to run."""

import json
import re
from collections.abc import Iterable
from typing import Any

from tests.simulator.simulator_process import Message

Entry = dict[str, Any]
AT_THE_END = "GET /history after the end"
UNORDERED = ("executed", "current_outputs", "current_inputs")
LONG_RUN = 100
"""Progress with a maximum from here on counts weights, not steps."""


def essence(value: Any, key: str = "") -> Any:
    """Without ids, times, folders, addresses of objects, and the order of sets."""
    if key in ("prompt_id", "sid", "client_id", "timestamp"):
        result: Any = f"<{key}>"
    elif key in UNORDERED:
        result = sorted(value)
    elif key == "traceback":
        result = ["<traceback>"] if value else value
    elif isinstance(value, dict):
        result = {name: essence(member, name) for name, member in value.items()}
    elif isinstance(value, list):
        result = [essence(member) for member in value]
    elif isinstance(value, str):
        result = re.sub(r"^/.*/\d{8}_\d{6}_", "<frames>/<time>_", value)
    else:
        result = value
    return result


def history_of(body: dict[str, Any]) -> Any:
    """The one entry of a GET /history body, without the graph."""
    (entry,) = body.values()
    prompt = [entry["prompt"][0], "<prompt>", "<the graph>", *entry["prompt"][3:]]
    return essence({**entry, "prompt": prompt})


class Thinner:
    """Lets the messages of one prompt through, in their order, less the long runs of equal ones: of a run that counts
    weights the first tick, progress_state with the first tick of each maximum, and in it only the nodes that run."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, float]] = set()

    def keep(self, message: Message) -> Message | None:
        """What is kept of a message, or None."""
        message = _running_only(message)
        marks = _marks_of(message)
        known = bool(self._seen.intersection(marks))
        self._seen.update(marks)
        return None if known else message


def thinned(messages: Iterable[Message]) -> list[Message]:
    """All messages of a prompt through a `Thinner`."""
    thinner = Thinner()
    return [kept for message in messages if (kept := thinner.keep(message)) is not None]


def _running_only(message: Message) -> Message:
    if message["type"] != "progress_state":
        return message
    nodes = {name: node for name, node in message["data"]["nodes"].items() if node["state"] == "running"}
    return {"type": "progress_state", "data": {**message["data"], "nodes": nodes}}


def _marks_of(message: Message) -> list[tuple[str, str, float]]:
    """Of what a message is one of a long run."""
    kind, data = message["type"], message["data"]
    if kind == "progress_state":
        return [(kind, name, node["max"]) for name, node in data["nodes"].items() if node["max"] > 1]
    return [(kind, data["node"], data["max"])] if kind == "progress" and data["max"] >= LONG_RUN else []


def without_lists(value: Any) -> Any:
    """Validation errors without the server's list of files and its prose."""
    if isinstance(value, dict):
        return {
            name: without_lists(member) for name, member in value.items() if name not in ("tooltip", "input_config")
        }
    if isinstance(value, list):
        return [without_lists(member) for member in value]
    return re.sub(r"not in \[.*\]$", "not in [...]", value) if isinstance(value, str) else value


def comparable(trace: list[Entry]) -> list[str]:
    """The trace's entries as lines of JSON that are equal where two servers behave alike.

    What a history says while its prompt ends is left out: it may be there by then or not.
    """
    lines = []
    for entry in trace:
        told = {name: value for name, value in entry.items() if name != "t"}
        if "at terminal message" in told.get("http", ""):
            continue
        if told.get("http") == AT_THE_END:
            told["body"] = history_of(told["body"])
        lines.append(json.dumps(essence(without_lists(told)), sort_keys=True))
    return lines
