"""`python -m worker.reference docs` writes the tables of that folder, and of the READMEs beside it, anew from the code.

A table stands between `<!-- made: NAME -->` and `<!-- end -->`; what is written around it stays.
"""

import re
import sys
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from contract.errors import ERRORS
from contract.fields import JobInput
from worker import bench_tables, speed_tables
from worker.settings import Settings

PAGES = ("request.md", "settings.md", "errors.md", "speed.md", "../README.md", "../README.vi.md")
LAST_PUBLISHED = "max_audio_duration"
MOST_CHOICES = 7
LONGEST_DEFAULT = 60  # characters
LARGEST_WHOLE = 2**63 - 1
SHARED = "data: URI"
# The description of sources, with these words, is shared by all; what each of them is for:
SOURCES = {
    "image_url": "the portrait",
    "audio": "the voice",
}
Schema = dict[str, Any]


def tables() -> dict[str, str]:
    """Name to Markdown table."""
    schema = JobInput.model_json_schema()
    names = list(schema["properties"])
    first = names.index(LAST_PUBLISHED) + 1
    found = {
        "published fields": _fields(schema, names[:first]),
        "further fields": _fields(schema, names[first:]),
        "settings": _settings(),
        "errors": _errors(),
        **speed_tables.tables(),
        **bench_tables.tables(),
    }
    return found | {
        f"fields of {name}": _fields(one, list(one["properties"])) for name, one in _objects(schema).items()
    }


def _objects(schema: Schema) -> dict[str, Schema]:
    """The objects inside a request, such as a speaker, by their class's name."""
    return {name: {**one, "$defs": schema["$defs"]} for name, one in schema["$defs"].items() if "properties" in one}


def page(path: Path) -> str:
    """The page with its tables as they are to be."""
    made = tables()
    return re.sub(
        r"(<!-- made: ([^\n]+?) -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}\n{made[found[2]]}\n{found[3]}",
        path.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )


def _fields(schema: Schema, names: list[str]) -> str:
    rows = ["| field | type, range | default | meaning |", "|---|---|---|---|"]
    for name in names:
        field = schema["properties"][name]
        default = "required" if name in schema.get("required", []) else _default(field.get("default"))
        rows.append(f"| `{name}` | {_kind(field, schema['$defs'])} | {default} | {_meaning(name, field)} |")
    return "\n".join(rows) + "\n"


def _meaning(name: str, field: Schema) -> str:
    own = field.get("description") or ""
    return SOURCES.get(name, own) if SHARED in own or not own else own


def _kind(field: Schema, objects: Schema) -> str:
    """A field's type and range in a few words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return _kind(objects[name], objects) if "properties" not in objects[name] else f"[{name}](#{name.lower()})"
    if SHARED in field.get("description", ""):
        return "source"
    choices = [str(one) for one in field.get("enum", [field["const"]] if "const" in field else [])]
    if choices:
        shown = ", ".join(f"`{one}`" for one in choices[:MOST_CHOICES])
        return shown if len(choices) <= MOST_CHOICES else f"{shown}, … ({len(choices)} in the schema)"
    if "anyOf" in field:
        return _either(field["anyOf"], objects)
    return _plain(field, objects)


def _either(branches: list[Schema], objects: Schema) -> str:
    kinds = [_kind(branch, objects) for branch in branches if branch.get("type") != "null"]
    return " or ".join(dict.fromkeys(kinds))


def _plain(field: Schema, objects: Schema) -> str:
    kind = field.get("type", "any")
    if kind == "array" and "prefixItems" in field:
        return f"list of {len(field['prefixItems'])} numbers from 0 to 1"
    if kind == "array":
        return f"list of {field.get('minItems', 0)} to {field['maxItems']}: {_kind(field['items'], objects)}"
    if kind in ("integer", "number"):
        return f"{'whole number' if kind == 'integer' else 'number'}{_range(field)}"
    if kind == "string":
        return f"text, up to {field['maxLength']} characters" if "maxLength" in field else "text"
    return {"boolean": "true or false"}.get(kind, str(kind))


def _range(field: Schema) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if high == LARGEST_WHOLE:
        high = "2^63 - 1"
    if low is not None and high is not None:
        return f", {low} to {high}"
    if high is not None:
        return f", above {field['exclusiveMinimum']}, up to {high}"
    if low is not None:
        return f", {low} or more"
    return ", above 0" if field.get("exclusiveMinimum") == 0 else ""


def _default(value: object) -> str:
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value)
    text = f"{value:g}" if isinstance(value, float) and value == int(value) and value < 1e6 else str(value)
    if len(text) > LONGEST_DEFAULT:
        text = f"{text[:LONGEST_DEFAULT].rpartition(' ')[0]} …"
    return text if isinstance(value, int | float) else f"`{text}`"


def _settings() -> str:
    schema = Settings.model_json_schema()
    rows = ["| variable | values | default | meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        values = _setting_kind(schema["properties"][name])
        default = "" if field.default is PydanticUndefined else _default(field.default)
        rows.append(f"| `{name.upper()}` | {values} | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _setting_kind(field: Schema) -> str:
    if "array" in str(field.get("type")):
        return "list"
    kind = _kind({key: value for key, value in field.items() if key != "description"}, {})
    return kind.replace("text", "path") if field.get("format") == "path" else kind


def _errors() -> str:
    rows = ["| `error_code` | usual `error_stage` | `retryable` | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{code}` | {kind.stage} | {'yes' if kind.retryable else 'no'} | {kind.meaning} |"
        for code, kind in ERRORS.items()
    ]
    return "\n".join(rows) + "\n"


def write(folder: Path) -> None:
    """Every page anew, of a folder with documents and of the one above it."""
    for name in PAGES:
        path = folder / name
        path.write_text(page(path), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
