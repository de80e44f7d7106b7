"""What the published schema says of a request's fields: their names, what they mean, and where files may stand."""

import difflib
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Schema = dict[str, Any]
SOURCE = "#/$defs/Source"
UNSET = "#/$defs/Unset"


@dataclass(frozen=True)
class Field:
    """One field, for a person: its choices or kind, and what it means."""

    name: str
    kind: str
    meaning: str


@cache
def input_schema() -> Schema:
    """The one that this package was built with."""
    found: Schema = json.loads((files("talking_video") / "input.schema.json").read_text(encoding="utf-8"))
    return found


def fields() -> list[Field]:
    """Every field of a request."""
    schema = input_schema()
    return [
        Field(name, _kind(one, schema), " ".join(one.get("description", "").split()))
        for name, one in schema["properties"].items()
    ]


def check_names(names: list[str]) -> str | None:
    """What is wrong with the names of a request's fields, or None. Other names that the worker takes are fine."""
    schema = input_schema()
    for name in names:
        known = name in schema["properties"] or any(re.search(one, name) for one in schema.get("patternProperties", {}))
        if not known:
            near = difflib.get_close_matches(name, schema["properties"], 1, 0.6)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(schema['properties']))}"
            return f"a request has no field {name!r}; {hint}"
    return None


def map_sources(input_fields: dict[str, Any], change: Any) -> dict[str, Any]:
    """The fields with each source, wherever the schema has one, replaced by what `change(source)` gives."""
    schema = input_schema()
    return {name: _mapped(value, _of_name(schema, name), schema, change) for name, value in input_fields.items()}


def _mapped(value: Any, schema: Schema, root: Schema, change: Any) -> Any:
    """Text is a source where any branch of its schema is one; lists and objects are looked into."""
    branches = _branches(schema, root)
    if isinstance(value, list | tuple):
        inner: Schema = {"anyOf": [branch["items"] for branch in branches if "items" in branch]}
        return [_mapped(one, inner, root, change) for one in value]
    if isinstance(value, dict):
        objects = [branch for branch in branches if "properties" in branch]
        return {
            name: _mapped(one, {"anyOf": [_of_name(branch, name) for branch in objects]}, root, change)
            for name, one in value.items()
        }
    is_source = any(branch.get("$ref") == SOURCE for branch in branches)
    return change(value) if is_source and value is not None and not isinstance(value, bool) else value


def _branches(schema: Schema, root: Schema) -> list[Schema]:
    if schema.get("$ref") not in (None, SOURCE, UNSET):
        return _branches(_at(root, schema["$ref"]), root)
    if "anyOf" in schema and schema is not root:
        return [one for branch in schema["anyOf"] for one in _branches(branch, root)]
    return [schema]


def _of_name(schema: Schema, name: str) -> Schema:
    """The schema of a property by any of its names; an empty one where there is none."""
    if name in schema.get("properties", {}):
        return dict(schema["properties"][name])
    found = (one for pattern, one in schema.get("patternProperties", {}).items() if re.search(pattern, name))
    return dict(next(found, {}))


def _at(root: Schema, pointer: str) -> Schema:
    found: Any = root
    for part in pointer.removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _kind(schema: Schema, root: Schema) -> str:
    """For a command's help."""
    found = []
    for branch in _branches(schema, root):
        if branch.get("$ref") == SOURCE:
            found.append("file or url")
        elif "enum" in branch and not set(branch["enum"]) <= {0, 1}:
            found.append("|".join(map(str, branch["enum"][:8])) + ("|…" if len(branch["enum"]) > 8 else ""))
        elif branch.get("type") in ("integer", "number"):
            least, most = branch.get("minimum"), branch.get("maximum")
            found.append("number" if least is None or most is None else f"{least:g} to {most:g}")
        elif branch.get("type") == "boolean":
            found.append("true|false")
        elif branch.get("type") in ("array", "object"):
            found.append("JSON")
    return " or ".join(dict.fromkeys(found)) or "text"
