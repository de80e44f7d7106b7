"""The node classes the simulated server has, read from `object_info.json` (a recording: `make facts`), and those of
this project's own pack from `own_nodes.json` (held against the pack by `tests/real/test_own_nodes.py`).

The catalog answers GET /object_info and is what graphs are validated against. Lists of input files are those of the
input folder, as on the real server; lists of models can be shortened, to test what a caller does about a missing file.
"""

import json
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

FACTS = ("object_info.json", "own_nodes.json")
UPLOAD_KINDS = {("LoadImage", "image"): ("image",), ("LoadAudio", "audio"): ("audio", "video")}


@dataclass(frozen=True)
class Input:
    """One input of a class: type (a name, or the allowed values), options (default, min, max …), if it is required."""

    type: str | list[Any]
    options: dict[str, Any]
    required: bool

    @property
    def config(self) -> list[Any]:
        """`input_config` of a validation error."""
        return [self.type, self.options]


@dataclass(frozen=True)
class NodeClass:
    """One class: its inputs in order, the types of its outputs, if it is an output node, if its cache key holds the
    node's id."""

    name: str
    inputs: Mapping[str, Input]
    outputs: tuple[str, ...]
    is_output: bool
    keyed_by_id: bool


class Catalog:
    """All classes by name; `missing` are the names of model files to leave out of every list, `absent` those of classes
    that this server does not have."""

    def __init__(self, missing: Iterable[str] = (), absent: Iterable[str] = ()) -> None:
        self._info: dict[str, dict[str, Any]] = {}
        for file in FACTS:
            self._info |= json.loads(resources.files("simulator").joinpath(file).read_text(encoding="utf-8"))
        for name in absent:
            del self._info[name]
        for info in self._info.values():
            _remove(info, frozenset(missing))
        self.classes = {name: _node_class(name, info) for name, info in self._info.items()}

    def info(self, name: str, input_directory: Path) -> dict[str, Any]:
        """The entry of /object_info for one class; prose (description, category, tooltips) is left empty."""
        info = self._info[name]
        required = dict(info["input"].get("required", {}))
        for (class_name, input_name), kinds in UPLOAD_KINDS.items():
            if class_name == name:
                required[input_name] = [_uploads(input_directory, kinds), *required[input_name][1:]]
        inputs = {**info["input"], **({"required": required} if required else {})}
        order = {group: list(members) for group, members in inputs.items()}
        return {**info, "input": inputs, "input_order": order, "display_name": name, "description": "", "category": ""}

    def all_info(self, input_directory: Path) -> dict[str, Any]:
        """The body of GET /object_info."""
        return {name: self.info(name, input_directory) for name in self._info}


def _remove(info: dict[str, Any], missing: frozenset[str]) -> None:
    for group in ("required", "optional"):
        for spec in info["input"].get(group, {}).values():
            if isinstance(spec[0], list):
                spec[0] = [value for value in spec[0] if value not in missing]


def _node_class(name: str, info: dict[str, Any]) -> NodeClass:
    inputs = {}
    for group in ("required", "optional"):
        for input_name, spec in info["input"].get(group, {}).items():
            inputs[input_name] = Input(spec[0], spec[1] if len(spec) > 1 else {}, group == "required")
    hidden = ("".join(kind) for kind in info["input"].get("hidden", {}).values())
    return NodeClass(name, inputs, tuple(info["output"]), bool(info["output_node"]), "UNIQUE_ID" in hidden)


def _uploads(folder: Path, kinds: tuple[str, ...]) -> list[str]:
    names = (entry.name for entry in folder.iterdir() if entry.is_file()) if folder.is_dir() else iter(())
    return sorted(name for name in names if (mimetypes.guess_type(name)[0] or "").split("/")[0] in kinds)
