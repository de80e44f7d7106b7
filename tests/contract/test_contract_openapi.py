"""The OpenAPI document is one, and its schemas fit what is really sent and answered."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from contract.openapi import document, fields_schema
from contract.schema import schemas

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = document()
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.json"))


def _fits(schema: str, value: Any) -> bool:
    whole = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    return bool(jsonschema.Draft202012Validator(whole).is_valid(value))


def test_it_is_a_document_that_tools_can_read() -> None:
    validate(json.loads(schemas()["openapi.json"]))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits_as_a_job_and_by_its_fields(example: Path) -> None:
    job = json.loads(example.read_text(encoding="utf-8"))
    assert _fits("Job", job)
    jsonschema.validate(job["input"], fields_schema(), jsonschema.Draft202012Validator)


def test_what_is_no_job_does_not_fit() -> None:
    good = DOCUMENT["components"]["schemas"]["Job"]["example"]
    assert _fits("Job", good)
    assert not _fits("Job", good["input"])
    for wrong in ({"steps": 99}, {"stepz": 4}, {"mode": "lipsync"}, {"image_url": ""}):
        assert not _fits("Job", {"input": {**good["input"], **wrong}})


def test_the_fields_stand_in_published_order() -> None:
    names = list(json.loads(schemas()["fields.schema.json"])["properties"])
    assert names[:4] == ["image_url", "audio_urls", "positive_prompt", "negative_prompt"]
    assert "region" in DOCUMENT["components"]["schemas"]["SpeakerInput"]["properties"]


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "a", "status": "IN_QUEUE"},
        {"id": "a", "status": "IN_PROGRESS", "output": {"stage": "load", "percent": 3.0, "eta_seconds": None}},
        {"id": "a", "status": "FAILED", "error": "no", "delayTime": 12, "executionTime": 3},
    ],
)
def test_what_status_answers_fits(answer: dict[str, Any]) -> None:
    assert _fits("Status", answer)
    assert not _fits("Status", {**answer, "status": "DONE"})
