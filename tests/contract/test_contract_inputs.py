"""Sources, metadata, output keys and upload URLs: what is taken and how the rest is refused."""

import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ErrorCode, WorkerError
from contract.fields import field_names
from contract.request import Request, Speaker, parse_request
from tests.contract.contract_samples import IMAGE, VOICE, job, parse, refusal, speaking
from tests.processor import processor_seconds

PYTHON_WORDS = re.compile(r"tuple|dict\b|dictionary|instance of|SpeakerInput|NoneType", re.IGNORECASE)
PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
ANYTHING = PLAIN_JSON | st.floats() | st.integers(-(10**40), 10**40)


def outcome_of(raw: object) -> Request | WorkerError:
    try:
        return parse_request(raw)
    except WorkerError as error:
        return error


@pytest.mark.parametrize(
    "source",
    [
        *("https://a.example/b.png?x=1&y=%20", "http://10.0.0.1:8000/b", "HTTPS://A.EXAMPLE/b", "a." * 4096),
        *("data:image/png;base64," + "A" * 20_000, "/runpod-volume/anna.png", "anna.png", "folder/ä ö.png"),
    ],
    ids=lambda source: source[:20],
)
def test_a_source_is_a_url_a_data_uri_or_a_path(source: str) -> None:
    assert parse(image_url=source).image == source
    assert parse(audio_urls=[source]).speakers == (Speaker(source, None, 0.0),)
    assert parse_request(speaking({"audio": source})).speakers == (Speaker(source, None, 0.0),)


@pytest.mark.parametrize("source", ["ftp://a/b", "file:///etc/passwd", "s3://bucket/key", "gopher:x", "javascript:x"])
def test_another_scheme_is_refused_with_what_to_send(source: str) -> None:
    for message, name in (
        (refusal(job(image_url=source)), "image_url"),
        (refusal(job(audio_urls=[VOICE, source])), "audio_urls, speaker 2"),
        (refusal(speaking({"audio": source})), "audio of speaker 1"),
    ):
        assert all(words in message for words in (f"{name}: ", "https://", "http://", "data:", "path"))


@pytest.mark.parametrize(
    "source", ["", " \n", "https://a/\nb", "a\x00b", "a\nb", "a\x7f", "data:a\x00", "a." * 4097, 7, True, ["a"], b"a"]
)
def test_no_other_source(source: object) -> None:
    assert "image_url: " in refusal(job(image_url=source))
    assert "audio_urls, speaker 1: " in refusal(job(audio_urls=[source]))
    assert "audio of speaker 1: " in refusal(speaking({"audio": source}))


def test_a_null_among_the_voices_is_no_voice() -> None:
    assert "audio_urls, speaker 2: send one URL, data: URI or path as text, not null" in refusal(
        job(audio_urls=[VOICE, None])
    )


@pytest.mark.parametrize(
    "raw",
    [
        job(audio_urls=[]),
        job(audio_urls={"0": VOICE}),
        job(audio_urls=[{"url": VOICE}]),
        job(image_url={"url": IMAGE}),
        speaking(),
        speaking([VOICE]),
        speaking(7),
        speaking({"audio": {"url": VOICE}}),
    ],
    ids=repr,
)
def test_a_wrong_kind_is_explained_in_words_of_json(raw: object) -> None:
    assert not PYTHON_WORDS.search(refusal(raw))


@settings(deadline=None, database=None, derandomize=True)
@given(st.dictionaries(st.text(max_size=9), PLAIN_JSON, max_size=4))
def test_metadata_is_kept_as_it_came(metadata: dict[str, object]) -> None:
    assert json.dumps(parse(metadata=metadata).metadata) == json.dumps(metadata)


@pytest.mark.parametrize(("letter", "most"), [("x", 4087), ("é", 2043)])
def test_metadata_has_up_to_4_kilobytes(letter: str, most: int) -> None:
    assert parse(metadata={"a": letter * most}).metadata == {"a": letter * most}
    message = refusal(job(metadata={"a": letter * (most + 1)}))
    assert "metadata: " in message
    assert "4096" in message


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        *([1], "a", 7, True, {"a": math.nan}, {"a": [math.inf]}, {"a": "\ud800"}, {"a": 10**5000}),
        *({"k" * 5000: math.nan}, {"a": nested(1500)}),
    ],
    ids=["list", "text", "number", "boolean", "nan", "inf", "surrogate", "long-number", "long-key", "deep"],
)
def test_metadata_is_an_object_of_plain_json(value: object) -> None:
    message = refusal(job(metadata=value))
    assert message.startswith("Invalid input: metadata: ")
    assert len(message) < 300


@pytest.mark.parametrize(
    "wrong",
    [
        job(metadata={"a": [math.nan] * 200_000}),
        job(audio_urls=["a\0"] * 200_000),
        job(speakers=[{"audio": VOICE, "wrong": n} for n in range(200_000)]),
        job(**{f"field_{n}": n for n in range(200_000)}),
        job(**{"x" * 5_000_000: 1}),
        job(image_url="a." * 500_000 + ":b"),
        job(audio_urls=["wrong" * 200 + ":"] * 9000),
        job(**{f"field_{n}": n for n in range(9000)}),
    ],
    ids=["metadata", "voices", "speakers", "fields", "long name", "long scheme", "long schemes", "9000 fields"],
)
def test_a_request_of_any_size_is_answered_at_once_and_briefly(wrong: object) -> None:
    """To compare each complaint with all the others would take hours."""
    with processor_seconds(3):
        assert len(refusal(wrong)) < 4000


def test_metadata_nested_too_deep_is_told_so() -> None:
    message = refusal(job(metadata={"a": nested(1500)}))
    assert "Recursion" not in message
    assert "nest" in message or "deep" in message


@pytest.mark.parametrize(
    "key", ["a.mp4", "customer-7/2026/talk_1.final.mp4", "a..b", f"{'x' * 255}/{'x' * 255}", "A", ".a/-b/_c", ".part"]
)
def test_an_output_key_is_kept(key: str) -> None:
    assert parse(output_key=key).output_key == key


@pytest.mark.parametrize(
    "key",
    [
        *("..", ".", "../a", "a/..", "a/../b", "./a", "a/.", "/a", "a/", "a//b", "a b", "é", "a\n", "a\\b", "a%2e"),
        *(
            "x/" * 256 + "x",
            "x" * 256,
            f"{'x' * 256}/x",
            ".a.mp4.part",
            "a/.b.part",
            "a?b",
            "a\x00",
            "s3://a",
            7,
            True,
            ["a"],
        ),
    ],
    ids=lambda key: repr(key)[:12],
)
def test_no_other_output_key(key: object) -> None:
    assert "output_key" in refusal(job(output_key=key))


@pytest.mark.parametrize("url", ["https://bucket.example.com/v.mp4?X-Amz-Signature=1", "http://127.0.0.1:9000/v"])
def test_an_upload_url_is_kept(url: str) -> None:
    assert parse(upload_url=url).upload_url == url


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/v", "https://a/v?b=1&amp;c=2", "example.com/v", "https://", "https://a b/", "https://a/\nb", 1],
)
def test_no_other_upload_url(url: object) -> None:
    assert "upload_url" in refusal(job(upload_url=url))


def test_a_video_has_one_place() -> None:
    assert "upload_url or output_key, not both" in refusal(job(upload_url="https://a/v", output_key="v.mp4"))


@settings(deadline=None, database=None, derandomize=True, max_examples=150)
@given(st.dictionaries(st.sampled_from(field_names()) | st.text(max_size=9), ANYTHING, max_size=6), st.booleans())
def test_whatever_comes_is_a_request_or_one_line_of_refusal(changes: dict[str, object], valid_base: bool) -> None:
    outcome = outcome_of(job(**changes) if valid_base else changes)
    if isinstance(outcome, WorkerError):
        assert outcome.code in (ErrorCode.INVALID_INPUT, ErrorCode.MISSING_PARAMETER)
        assert len(outcome.message.splitlines()) == 1
