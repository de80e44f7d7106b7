"""The JSON Schema of a reply."""

from typing import Any

from contract.dry_run import DryRun
from contract.model import Model
from contract.response import OPTIONAL, Failure, Reply

KINDS: tuple[type[Model], ...] = (Reply, DryRun, Failure)


def json_schema() -> dict[str, Any]:
    """JSON Schema of a reply: of a finished job, of a dry run, or of a failed job."""
    definitions: dict[str, Any] = {}
    for kind in KINDS:
        one = kind.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
        one["required"] = [name for name in one["required"] if name not in OPTIONAL]
        definitions |= {**one.pop("$defs", {}), kind.__name__: one}
    definitions["VideoInfo"]["required"].remove("source")  # of a dubbed video alone
    return {
        "title": "talking-video worker: reply",
        "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in KINDS],
        "$defs": definitions,
    }
