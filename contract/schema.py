"""`python -m contract.schema FOLDER` writes the JSON Schemas of a request's input and of a reply."""

import json
import sys
from pathlib import Path
from typing import Any

from contract import input_schema, response

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """File name to text, stable from run to run."""
    found = {"input.schema.json": input_schema.json_schema(), "reply.schema.json": response.json_schema()}
    return {name: _text({"$schema": DIALECT, **schema}) for name, schema in found.items()}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=True) + "\n"


def write(folder: Path) -> None:
    """Write every schema into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
