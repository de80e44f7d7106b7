"""The fields of a request as Python's own types, for programs that send jobs: a module, written from the schema."""

import json
from typing import Any

from contract.fields import JobInput

HEAD = '''"""The fields of a request, made from the worker's own: `python -m contract.schema docs/schema`."""

from os import PathLike
from typing import Any, Literal, TypedDict

Source = str | PathLike[str]
"""A local file, an http(s) address, a data: URI, or a path on the worker's volume."""
'''
WIDTH = 118
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "object": "dict[str, Any]"}
Schema = dict[str, Any]


def typed_fields() -> str:
    """The text of the module."""
    schema = JobInput.model_json_schema()
    source = schema["properties"]["image_url"]["anyOf"]
    definitions = {name: one for name, one in schema["$defs"].items() if "properties" in one}
    classes = [_class(name, one, source, list(definitions)) for name, one in definitions.items()]
    return "\n\n".join([HEAD, *classes, _class("InputFields", schema, source, list(definitions))])


def _class(name: str, schema: Schema, source: list[Schema], known: list[str]) -> str:
    rows = [f"class {name}(TypedDict, total=False):", f'    """{schema["description"].splitlines()[0]}"""', ""]
    for field, one in schema["properties"].items():
        rows += _row(field, list(dict.fromkeys(_types(one, source, known))))
    return "\n".join(rows) + "\n"


def _row(field: str, types: list[str]) -> list[str]:
    row = f"    {field}: {' | '.join(types)}"
    if len(row) <= WIDTH:
        return [row]
    if len(types) == 1 and types[0].startswith("Literal["):
        words = types[0].removeprefix("Literal[").removesuffix("]").split(", ")
        return [f"    {field}: Literal[", *(f"        {word}," for word in words), "    ]"]
    return [f"    {field}: (", *(f"        {'| ' if n else ''}{one}" for n, one in enumerate(types)), "    )"]


def _types(schema: Schema, source: list[Schema], known: list[str]) -> list[str]:
    """Of one field; null is left out, as it counts as not sent."""
    if schema.get("anyOf") == source:
        return ["Source"]
    if "anyOf" in schema:
        return [one for branch in schema["anyOf"] for one in _types(branch, source, known)]
    return [] if schema.get("type") == "null" else [_type(schema, source, known)]


def _type(schema: Schema, source: list[Schema], known: list[str]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return name if name in known else "Any"
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return f"Literal[{', '.join(json.dumps(value) for value in values)}]"
    if "prefixItems" in schema:
        return f"tuple[{', '.join(_types(one, source, known)[0] for one in schema['prefixItems'])}]"
    if schema.get("type") == "array":
        return f"list[{' | '.join(dict.fromkeys(_types(schema.get('items', {}), source, known))) or 'Any'}]"
    return PLAIN.get(schema.get("type", ""), "str" if "pattern" in schema else "Any")
