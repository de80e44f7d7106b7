"""The published JSON Schemas are those of the code, and take and refuse what the worker takes and refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ERRORS, ErrorCode, WorkerError
from contract.fields import field_names
from contract.request import parse_request
from contract.response import as_json, failure
from contract.rules import FIXED_STEPS
from contract.schema import schemas, write
from tests.contract.contract_samples import (
    BOOLEANS,
    CHOICES,
    FRACTIONS,
    VOICE,
    WHOLE_NUMBERS,
    Number,
    beyond,
    job,
    parse,
    reply,
    speaking,
)

REPOSITORY = Path(__file__).resolve().parents[2]
PUBLISHED = REPOSITORY / "docs" / "schema"
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.json"))
INPUT: dict[str, Any] = json.loads(schemas()["input.schema.json"])
REPLY: dict[str, Any] = json.loads(schemas()["reply.schema.json"])
NUMBERS = (*WHOLE_NUMBERS, *FRACTIONS)
SOURCES = (
    "a",
    "ä ö/b.png",
    "HTTPS://A/b",
    "http:",
    "dAta:,x",
    "data:" + "A" * 9000,
    "/x:y",
    "1:2",
    "a." * 4096,
    "\x85",
)
MORE_SOURCES = (
    *(" a", "a\n", "\ufeffhttps://A/b\u200b", "data:image/png;base64,AA\r\nAA", "base64,AAAA", "image/png;base64,AAAA"),
    *("audio/x-m4a;codecs=mp4a.40.2;base64,AAAA", "nullable/a.wav", "[anna] one.wav", "b'ben.wav"[:1] + "/c"),
    *("https://a/https://b", "https://a/b?c=d,https://e", "http.wav", "https_/a.wav"),
    *("A" * 8193, "iVBORw0KGgo" + "A" * 60, "/9j/" + "A-_" * 20 + "==", "UklGR" + "AAAA\n" * 20),
)
NO_SOURCES = (
    "",
    "ftp:",
    "file:",
    "File:///a",
    "s3://b",
    "a:b",
    "a\nb",
    "\n",
    "\x7f",
    "a." * 4097,
    "www.a.example/b.png",
    "iVBORw0KGgo\n" * 2,
    "//a.example/b",
    "data:\x00",
    *("null", " undefined\n", "None", "[object File]", "{{ $json.url }}", "${IMAGE}"),
    *('"https://a/b"', "<http://a>", "![](https://a/b)", '["https://a/b"]', "b'AAAA'", "https//a/b", "https%3A%2F%2Fa"),
    *("https://a/b,https://a/c", "https://a/b http://c", "a.wav, https://a/c", "https://a/b\nhttps://a/c"),
    "http://" + "a" * 8192,
)
EMPTY: tuple[object, ...] = ("", " \n", [])
NO_BOXES = ([-0.1, 0, 1, 1], [0, -0.1, 1, 1], [0, 0, 1.1, 1], [0, 0, 1, 1.1], [1, 0, 1, 1], [0, 0, 1, 0])
NO_NUMBERS: tuple[object, ...] = ("5 fps", "1,5", True, [5], {})


def valid(schema: dict[str, Any], value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


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


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"image_url": "a"},
        {"audio_urls": [VOICE]},
        job(foo=1),
        job(image_url=7),
        job(image_url=""),
        job(image_url="", image=" "),
        speaking(audio_urls=[]),
        speaking({"audio": ""}),
        job(speakers={"anna": {"audio": VOICE}}),
        {"image_url": "a", "speakers": {"anna": VOICE, "ben": VOICE}},
        job(audio_urls=[]),
        job(audio_urls=[None]),
        job(audio_urls=[VOICE] * 5),
        speaking(),
        speaking({"region": "left"}),
        speaking({"audio": VOICE, "regio": "left"}),
        speaking({"audio": VOICE, "region": [0, 0, 1]}),
        speaking({"audio": VOICE, "region": "above"}),
        speaking({"audio": None}),
        speaking({"audio": VOICE, "offset_seconds": -1}),
        *(speaking({"audio": VOICE, "channel": channel}) for channel in (0, 33, 1.5, "both", ["left"])),
        job(positive_prompt="x" * 2001),
        *(job(mode=mode) for mode in ("infinite  talk", "infinitetal\u212a")),
        *(job(resolution=other) for other in (481, "480x", "480x255", "1537x480", "1080p")),
        *(job(image=7), job(image_url=None, image=None), job(cfg=99), job(imageURLs="a")),
        {"image": "a", "audio": None},
        job(resolution="480p", video_width=400),
        job(negative_prompt="x" * 2001),
        job(window_frames=34),
        job(window_frames=85),
        job(max_audio_duration=0),
        job(metadata=[1]),
        *(job(output_key=key) for key in ("../a", "a/..", "./a", "/a", "a/", "a//b", "a b", "é.mp4", "a\\b", "a\n")),
        *(job(output_key=key) for key in ("x" * 256, f"a/{'x' * 256}", ".a.part", "a/.b.part", ".a.part/b")),
        *(
            job(upload_url=url)
            for url in (
                "x",
                "ftp://x",
                "https://",
                "https:///v",
                "https://a b",
                "https://a\nb",
                "www.a/v",
                "https://a?b&amp;c",
            )
        ),
        *(job(upload_url="http://a/" + "x" * 8192), job(upload_url="http\u017f://a/v")),
        *(job(image_url=source) for source in NO_SOURCES),
        *(job(audio_urls=[VOICE, source]) for source in NO_SOURCES),
        *(speaking({"audio": source}) for source in NO_SOURCES),
        *(speaking({"audio": VOICE, "region": box}) for box in NO_BOXES),
        *(job(positive_prompt="a\x1b[0m"), job(negative_prompt="a\x85")),
        job(speakers=[{"audio": VOICE}]),
        {"image_url": "a", "audio_urls": None},
        {"image_url": "a", "speakers": None},
        {"image_url": "a", "audio_urls": None, "speakers": None},
        *(job(resolution="480p", width=400), job(resolution="720p", height=704)),
        job(upload_url="https://a/v", output_key="v.mp4"),
        *(job(scheduler=name, steps=5) for name in FIXED_STEPS),
        job(scheduler="flowmatch_distill", use_speed_lora=False),
    ],
    ids=lambda raw: repr(raw)[-40:],
)
def test_what_the_worker_refuses_the_schema_refuses(raw: dict[str, object]) -> None:
    with pytest.raises(WorkerError):
        parse_request(raw)
    assert not valid(INPUT, raw)


@pytest.mark.parametrize(
    "raw",
    [
        *(job(image_url=source, audio_urls=[source]) for source in MORE_SOURCES),
        *(job(audio_urls=source) for source in MORE_SOURCES),
        *(job(image_url="a", **{name: None}) for name in field_names() if name not in ("image_url", "audio_urls")),
        *(
            job(resolution=value)
            for value in (480, 720.0, "480", "480P", "720 p", " 480p", "480x832", "832 X 480", "256*1536")
        ),
        *(job(scheduler=name, steps="4") for name in FIXED_STEPS),
        job(scheduler="flowmatch_distill", use_speed_lora="yes", steps=None),
        job(scheduler="flowmatch_distill", use_speed_lora=1),
        *(job(mode=mode) for mode in ("InfiniteTalk", "infinite_talk", " MULTI-TALK\n")),
        *(job(window_frames=window) for window in ("81", "Fit", " 33 ")),
        *({"image": "a", "audioUrl": "b", name: 4} for name in ("num_inference_steps", "steps", "inferenceSteps")),
        {"imageURL": "a", "image_url": None, "speakers": {"url": "b", "offsetSeconds": "1.5"}},
        {"image_url": "a", "image": None, "speakers": ["b", {"audio": "c", "bbox": ["0", 0, "0.5", 1]}]},
        speaking({"audio": VOICE, "region": "Centre", "offset_seconds": None}),
        *(speaking({"url": VOICE, "audioChannel": channel}) for channel in ("Left", " r", 1, "2", 3.0, 32, None)),
        job(positive_prompt="", negative_prompt=None),
        *(
            {"image_url": "a", "audio_urls": VOICE, name: value}
            for name in field_names()[2:]
            for value in EMPTY
            if name not in ("negative_prompt", "speakers") or value == ""
        ),
        {"image_url": "", "image": "a", "audio_urls": [], "speakers": [{"audio": "", "url": VOICE, "region": ""}]},
        job(scheduler="multitalk", steps=""),
        job(upload_url=" https://a/v\n"),
        *(job(output_key=key) for key in ("a", "a..b", ".a", "...", "a/.../b", ".a/-b/_c", "x" * 255, None)),
        *(job(upload_url=url) for url in ("http://a", "HTTPS://A:1/ä?b=c#d", "http://[::1]/v", None)),
        *(job(image_url=source, audio_urls=[source]) for source in SOURCES),
        *(speaking({"audio": source}) for source in SOURCES),
        *(speaking({"audio": VOICE, "region": box}) for box in ([0, 0, 1, 1], [0.999, 0, 1, 5e-324], None, "auto")),
        job(positive_prompt="a\tb\r\nc 😀", negative_prompt=""),
        job(speakers=None),
        speaking({"audio": VOICE}, audio_urls=None),
        *(job(resolution=None, width=400, height=704), job(resolution="480p"), job(width=400)),
        *(job(upload_url=None, output_key="v.mp4"), job(upload_url="https://a/v", output_key=None)),
        *(job(steps=5), job(use_speed_lora=False), job(scheduler="unipc", steps=5, use_speed_lora=False)),
        *(job(scheduler=name, steps=steps) for name, steps in FIXED_STEPS.items()),
    ],
    ids=lambda raw: repr(raw)[-40:],
)
def test_what_the_worker_takes_the_schema_takes(raw: dict[str, object]) -> None:
    parse_request(raw)
    assert valid(INPUT, raw)


@pytest.mark.parametrize("number", WHOLE_NUMBERS, ids=lambda number: number.name)
@pytest.mark.parametrize("value", [20.0, 25.0, 512.0, -1.0, 20.5, 2.0**53, 1e19, "20 s", True, [20.0]], ids=repr)
def test_of_a_whole_number_both_say_the_same(number: Number, value: object) -> None:
    assert valid(INPUT, number.job(value)) is taken(number.job(value))


@pytest.mark.parametrize("window", [33.0, 65.0, 66.0, 85.0, 65.5])
def test_of_a_window_both_say_the_same(window: float) -> None:
    assert valid(INPUT, job(window_frames=window)) is taken(job(window_frames=window))


def taken(raw: object) -> bool:
    try:
        parse_request(raw)
    except WorkerError:
        return False
    return True


TEXT = st.text(st.sampled_from("aA1._-/:?# \n\x1f\x7f\x85é😀"), max_size=6)


@settings(deadline=None, database=None, derandomize=True, max_examples=500)
@given(
    st.sampled_from(["output_key", "upload_url", "image_url", "positive_prompt"]),
    st.sampled_from(["", "http://", "HttpS:", "data:", "file:", "a+b-c.1:", "http\u017f://"]),
    TEXT,
)
def test_of_a_text_both_say_the_same(name: str, begin: str, text: str) -> None:
    raw = job(**{name: begin + text})
    assert valid(INPUT, raw) is taken(raw)


@settings(deadline=None, database=None, derandomize=True, max_examples=500)
@given(
    st.fixed_dictionaries(
        {"image_url": st.just("a")},
        optional={
            "audio_urls": st.just([VOICE]) | st.none(),
            "speakers": st.just([{"audio": VOICE}]) | st.none(),
            "resolution": st.sampled_from(["480p", None]),
            "width": st.just(400),
            "height": st.just(704),
            "upload_url": st.just("https://a/v") | st.none(),
            "output_key": st.just("v.mp4") | st.none(),
            "scheduler": st.sampled_from(CHOICES["scheduler"]),
            "steps": st.sampled_from([4, 5]),
            "use_speed_lora": st.booleans(),
        },
    )
)
def test_of_fields_together_both_say_the_same(raw: dict[str, object]) -> None:
    assert valid(INPUT, raw) is taken(raw)


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
