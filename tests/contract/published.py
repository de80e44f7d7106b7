"""The published JSON Schemas, and whether something fits one."""

import json
from typing import Any

import jsonschema

from contract.schema import schemas

INPUT: dict[str, Any] = json.loads(schemas()["input.schema.json"])
REPLY: dict[str, Any] = json.loads(schemas()["reply.schema.json"])


def valid(schema: dict[str, Any], value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))
