"""`python -m contract.schema FOLDER` writes the schemas of request and reply, OpenAPI, and the fields as types."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from contract import input_schema, openapi, reply_schema
from contract.typed_fields import typed_fields

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@cache
def schemas() -> dict[str, str]:
    """File name to text, stable from run to run."""
    found = {"input.schema.json": input_schema.json_schema(), "reply.schema.json": reply_schema.json_schema()}
    sorted_ones = {name: _text({"$schema": DIALECT, **schema}, sort=True) for name, schema in found.items()}
    # The order of these is the one in which people read the fields.
    fields = _text({"$schema": DIALECT, **openapi.fields_schema()}, sort=False)
    document = _text(openapi.document(), sort=False)
    return {
        **sorted_ones,
        "fields.schema.json": fields,
        "openapi.json": document,
        "input_fields.py": typed_fields(),
    }


def _text(schema: dict[str, Any], *, sort: bool) -> str:
    return json.dumps(schema, indent=2, sort_keys=sort, ensure_ascii=True) + "\n"


def write(folder: Path) -> None:
    """Write every schema into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
