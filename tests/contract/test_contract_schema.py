"""The published JSON Schemas are those of the code, with its names, ranges, choices and defaults."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contract.errors import ERRORS, ErrorCode, WorkerError
from contract.fields import field_names
from contract.request import parse_request
from contract.response import as_json, failure
from contract.schema import schemas, write
from tests.contract.contract_samples import (
    BOOLEANS,
    CHOICES,
    NUMBERS,
    VOICE,
    WHOLE_NUMBERS,
    Number,
    beyond,
    job,
    parse,
    reply,
    speaking,
)
from tests.contract.published import INPUT, REPLY, valid

REPOSITORY = Path(__file__).resolve().parents[2]
PUBLISHED = REPOSITORY / "docs" / "schema"
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.json"))
NO_NUMBERS: tuple[object, ...] = ("5 fps", "1,5", True, [5], {})


def without(data: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy that lacks one key."""
    copy: dict[str, Any] = json.loads(json.dumps(data))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return copy


def test_the_published_schemas_are_not_stale() -> None:
    """Where this fails: `make schema`."""
    assert {path.name: path.read_text(encoding="utf-8") for path in PUBLISHED.iterdir()} == schemas()


def test_the_command_writes_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "contract.schema", str(tmp_path / "new" / "schema")]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=60)
    write(tmp_path / "again")
    for name, text in schemas().items():
        assert (tmp_path / "new" / "schema" / name).read_text(encoding="utf-8") == text
        assert (tmp_path / "again" / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize("schema", [INPUT, REPLY], ids=["input", "reply"])
def test_they_are_schemas(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_valid_and_taken(example: Path) -> None:
    data = json.loads(example.read_text(encoding="utf-8"))
    assert set(data) == {"input"}
    assert valid(INPUT, data["input"])
    assert parse_request(data["input"]).warnings == ()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


def test_the_input_schema_has_every_field_and_only_the_image_is_always_required() -> None:
    assert set(INPUT["properties"]) == set(field_names())
    assert not valid(INPUT, {"audio_urls": [VOICE]})
    assert INPUT["additionalProperties"] is False


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_ranges_and_defaults_are_published(number: Number) -> None:
    assert INPUT["properties"][number.name]["default"] == number.default
    for edge in (number.low, number.high):
        assert valid(INPUT, number.job(edge))
    for outside in beyond(number, whole=number in WHOLE_NUMBERS):
        assert not valid(INPUT, number.job(outside))
    assert not any(valid(INPUT, number.job(other)) for other in NO_NUMBERS)


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_published(name: str) -> None:
    assert all(valid(INPUT, job(**{name: choice})) for choice in CHOICES[name])
    assert not any(valid(INPUT, job(**{name: other})) for other in ("other", 1, True))


@pytest.mark.parametrize("name", BOOLEANS)
def test_booleans_are_published(name: str) -> None:
    others = (True, False, 0, 1.0, "true", "No", " ON\n", None)
    assert all(valid(INPUT, job(**{name: value, "scheduler": "unipc"})) for value in others)
    assert not any(valid(INPUT, job(**{name: value})) for value in (2, "maybe", [1], {"a": 1}))


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("positive_prompt", "The person takes turns talking"),
        ("scheduler", "flowmatch_distill"),
        ("mode", "multitalk"),
        ("use_block_swap", False),
        ("use_speed_lora", True),
        ("max_audio_duration", None),
        ("speakers", None),
        ("timing", "together"),
        ("resolution", None),
        ("fit", "cover"),
        ("color_match", None),
        ("window_frames", "fit"),
        ("metadata", None),
        ("output_key", None),
    ],
)
def test_the_other_defaults_are_published(name: str, default: object) -> None:
    assert INPUT["properties"][name]["default"] == default


def test_the_patterns_are_such_as_every_validator_knows() -> None:
    """Some have no look-arounds, flags or classes of characters by name."""
    text = schemas()["input.schema.json"]
    patterns = re.findall(r'"pattern": (".*")', text) + re.findall(r'("\^.*"): ', text)
    assert len(patterns) > 5
    assert not [pattern for pattern in map(json.loads, patterns) if re.search(r"\(\?|\\[^ntrx]", pattern)]
    assert text.isascii(), "characters that nobody sees are written as escapes"


def test_they_name_their_dialect() -> None:
    assert INPUT["$schema"] == REPLY["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$schema"]


def test_a_request_with_every_field_is_valid() -> None:
    speaker = {"audio": VOICE, "region": [0, 0.1, 0.5, 1], "offset_seconds": 1.5, "channel": "left"}
    raw = speaking(speaker, {"audio": VOICE, "region": "right"}, resolution="720p", metadata={"a": [1]}, output_key="a")
    everything = raw | {name: INPUT["properties"][name].get("default") for name in field_names() if name not in raw}
    del everything["width"], everything["height"]
    assert valid(INPUT, everything)
    assert parse_request(everything).speakers[0].offset_seconds == 1.5


@pytest.mark.parametrize("metadata", [None, {}, {"a": [1]}])
def test_replies_are_valid(metadata: dict[str, Any] | None) -> None:
    data = as_json(reply(metadata=parse(metadata=metadata).metadata, expires_at="2026-01-02T03:04:05+00:00"))
    assert valid(REPLY, data)
    assert not valid(REPLY, data | {"engine": "other"})
    assert not valid(REPLY, data | {"extra": 1})


@pytest.mark.parametrize("code", ErrorCode)
def test_failures_are_valid(code: ErrorCode) -> None:
    data = failure(WorkerError(code, ERRORS[code].meaning), "job-1")
    assert valid(REPLY, data)
    assert not valid(REPLY, data | {"error": ""})
    assert not valid(REPLY, data | {"extra": 1})


@pytest.mark.parametrize(
    "path",
    [
        *(("output_video_url",), ("processing_time_seconds",), ("generation_time_seconds",), ("video_info",)),
        *(("generation_params",), ("timings",), ("warnings",), ("engine",), ("job_id",), ("timings", "load")),
        *(
            ("video_info", "file_size_mb"),
            ("generation_params", "seed"),
            ("video_info", "sha256"),
            ("video_info", "marks"),
        ),
    ],
)
def test_a_reply_without_a_published_key_is_not_valid(path: tuple[str, ...]) -> None:
    assert not valid(REPLY, without(as_json(reply()), *path))


@pytest.mark.parametrize("key", ["error", "error_code", "error_stage", "retryable", "job_id"])
def test_a_failure_without_a_published_key_is_not_valid(key: str) -> None:
    assert not valid(REPLY, without(failure(WorkerError(ErrorCode.INTERNAL, "x"), "job-1"), key))


def test_a_reply_of_either_kind_without_its_status_is_not_valid() -> None:
    assert not valid(REPLY, without(as_json(reply()), "status"))
    assert not valid(REPLY, without(failure(WorkerError(ErrorCode.INTERNAL, "x"), "job-1"), "status"))
