"""`python -m contract.schema FOLDER` writes the JSON Schemas of a request's input and of a reply."""

import json
import sys
from pathlib import Path
from typing import Any

from contract import input_schema
from contract.dry_run import DryRun
from contract.model import Model
from contract.response import OPTIONAL, Failure, Reply

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """File name to text, stable from run to run."""
    found = {"input.schema.json": input_schema.json_schema(), "reply.schema.json": reply_schema()}
    return {name: _text({"$schema": DIALECT, **schema}) for name, schema in found.items()}


def reply_schema() -> dict[str, Any]:
    """JSON Schema of a reply: of a finished job, of a dry run, or of a failed job."""
    definitions: dict[str, Any] = {}
    kinds: tuple[type[Model], ...] = (Reply, DryRun, Failure)
    for kind in kinds:
        one = kind.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
        one["required"] = [name for name in one["required"] if name not in OPTIONAL]
        definitions |= {**one.pop("$defs", {}), kind.__name__: one}
    return {
        "title": "talking-video worker: reply",
        "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds],
        "$defs": definitions,
    }


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=True) + "\n"


def write(folder: Path) -> None:
    """Write every schema into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
