"""Whatever a caller sends is refused in one printable line, or is a request within its ranges that names no path."""

import math
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contract.aliases import MEANT
from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from contract.fields import field_names
from contract.input_schema import json_schema
from contract.request import Request, parse_request
from contract.spelling import empty
from sources.fetch import FetchLimits, fetch_inputs
from storage.base import storage_key
from tests.contract.contract_samples import job
from tests.hostile.hostile_case import attempt
from tests.workflows.graph_samples import arguments
from workflows.graph import build_graph

quick = settings(deadline=None, database=None, derandomize=True, max_examples=200)
WHOLE = ("width", "height", "fps", "steps", "seed", "blocks_to_swap", "crf", "window_frames")
FRACTIONS = (
    *("cfg_scale", "speed_lora_strength", "max_audio_duration", "shift", "audio_scale", "audio_cfg_scale"),
    *("speakers.offset_seconds", "speakers.region"),
)
no_numbers = st.one_of(
    st.sampled_from(
        [math.nan, math.inf, -math.inf, True, False, 10**400, -(10**400), "0x19", "1e", "NaN", "inf", "\u0664"]
    ),
    st.text(max_size=3).filter(lambda text: not re.search("[0-9]", text)),
    st.tuples(st.integers(0, 99), st.sampled_from(["%", " px", "s", ",5", " 5", "_0", "/1", "\0", "\u200b5"])).map(
        "{0[0]}{0[1]}".format
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
sources = st.text(st.sampled_from("aA/+-_=.:, \n\u200bé%"), max_size=90).flatmap(
    lambda text: st.sampled_from(["", "data:;base64,", "https://", "www.", "//", "iVBORw0KGgo", "/9j/", "base64,"]).map(
        lambda begin: begin + text
    )
)
SCHEMA = Draft202012Validator(json_schema())
prompts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("():\\0.embding|[]{}<>\n"), max_size=300)


def _outcome(raw: object) -> Request | WorkerError:
    return attempt(lambda: parse_request(raw))


@quick
@given(st.sampled_from(WHOLE + FRACTIONS), no_numbers)
def test_what_is_no_number_is_never_taken_for_one(name: str, value: object) -> None:
    if (name == "window_frames" and value == "fit") or empty(value):  # what is empty counts as not sent
        return
    outer, _, inner = name.partition(".")
    raw = job(**{outer: value})
    if inner:
        raw = {"image_url": "a", "speakers": [{"audio": "b", inner: [0, value, 1, 1] if inner == "region" else value}]}
    outcome = _outcome(raw)
    assert isinstance(outcome, WorkerError)
    assert outcome.code is ErrorCode.INVALID_INPUT


@quick
@given(
    st.sampled_from([name for name in WHOLE + FRACTIONS if "." not in name]),
    st.integers(-5, 2000) | st.floats(-5, 2000) | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["{}", " {}", "{}\n", "\u200b{}\ufeff", "\xa0{}"]),
)
def test_a_number_as_text_is_that_number(name: str, value: float, form: str) -> None:
    plain, text = (_outcome(job(**{"seed": 7, name: sent})) for sent in (value, form.format(value)))
    if isinstance(plain, WorkerError):
        assert isinstance(text, WorkerError)
    elif isinstance(text, Request):
        assert text == plain or (name == "seed" and value <= 0)
    else:
        assert "e" in repr(value) or value > 2**53, (
            "only what is written with an exponent, or is not exact, is left out"
        )


names = st.sampled_from(sorted({*field_names(), *MEANT})) | st.text(max_size=9)


@quick
@given(st.dictionaries(names, anything | no_numbers | sources, max_size=5))
def test_whatever_names_and_forms_come_the_schema_takes_what_the_worker_takes(raw: dict[str, object]) -> None:
    for changes in (raw, job(**raw)):
        outcome = _outcome(changes)
        if isinstance(outcome, Request):
            assert SCHEMA.is_valid(changes)
        else:
            assert outcome.message.isprintable()


@quick
@given(st.sampled_from(sorted(MEANT)), anything | no_numbers | sources)
def test_another_name_means_its_field(name: str, value: object) -> None:
    base = {field: sent for field, sent in job(seed=7).items() if field != MEANT[name]}
    other, own = (_outcome({**base, sent_as: value}) for sent_as in (name, MEANT[name]))
    assert type(other) is type(own)
    if isinstance(other, Request) and isinstance(own, Request) and MEANT[name] != "seed":
        assert replace(other, warnings=()) == replace(own, warnings=())
        if not empty(value):  # else it counts as not sent, which is told under the name that was sent
            assert other.warnings == (f"'{name}' was taken as '{MEANT[name]}'", *own.warnings)


@quick
@given(st.dictionaries(st.sampled_from(field_names()) | st.text(max_size=9), anything | no_numbers, max_size=5))
def test_any_object_is_a_request_within_its_ranges_or_refused_in_one_line(changes: dict[str, object]) -> None:
    outcome = _outcome(job(**changes))
    if isinstance(outcome, WorkerError):
        assert outcome.code in (ErrorCode.INVALID_INPUT, ErrorCode.MISSING_PARAMETER)
        assert outcome.message.isprintable()
        return
    assert 1 <= len(outcome.speakers) <= 4
    assert outcome.size is None or {outcome.size.width % 16, outcome.size.height % 16} == {0}
    assert outcome.size is None or all(256 <= side <= 1536 for side in (outcome.size.width, outcome.size.height))
    assert 1 <= outcome.seed < 2**63
    numbers = (outcome.cfg_scale, outcome.audio_scale, outcome.audio_cfg_scale, outcome.max_audio_duration or 1.0)
    assert all(math.isfinite(number) and number >= 0 for number in numbers)
    assert all(0 <= speaker.offset_seconds <= 3600 for speaker in outcome.speakers)


@pytest.mark.parametrize("name", ["positive_prompt", "negative_prompt"])
@pytest.mark.parametrize("character", ["\0", "\1", "\x08", "\x0b", "\x1b", "\x7f", "\x85", "\x9b", "\ud800"])
def test_a_prompt_has_no_control_characters_and_no_halves_of_characters(name: str, character: str) -> None:
    outcome = _outcome(job(**{name: f"A woman{character} speaks"}))
    assert isinstance(outcome, WorkerError)
    assert name in outcome.message
    assert outcome.message.isprintable()


@pytest.mark.parametrize("name", ["positive_prompt", "negative_prompt"])
@pytest.mark.parametrize("text", ["a\tb\r\nc", "👩‍🚀 says", "日本語", "x" * 2000, "😀" * 2000, "e\u0301" * 1000])
def test_other_text_is_kept_and_counted_in_characters(name: str, text: str) -> None:
    assert getattr(parse_request(job(**{name: text})), name) == text
    assert isinstance(_outcome(job(**{name: text.ljust(2000, text[-1]) + "y"})), WorkerError)


@pytest.mark.parametrize("name", ["\x1b[2J\x1b]0;x\x07", "a\u202eb", "\x00"])
def test_a_made_up_field_brings_no_control_sequence_into_the_log(name: str) -> None:
    outcome = _outcome(job(**{name: 1}))
    assert isinstance(outcome, WorkerError)
    assert outcome.message.isprintable()


@quick
@given(prompts)
def test_brackets_reach_the_text_node_as_brackets(text: str) -> None:
    """Its tokenizer first takes out the pairs of backslash and bracket; no bracket may be left to it as syntax."""
    graph = build_graph(**arguments("multitalk", cfg_scale=5.0, positive_prompt=text, negative_prompt=text))
    for node in ("positive", "negative"):
        sent = graph[node]["inputs"]["text"]
        assert not re.search(r"[()]", sent.replace(r"\(", "").replace(r"\)", ""))
        assert sent.replace(r"\(", "(").replace(r"\)", ")") == text


@quick
@given(prompts)
def test_a_prompt_changes_nothing_of_the_graph_but_its_own_text(text: str) -> None:
    graph = build_graph(**arguments("infinitetalk", cfg_scale=5.0, positive_prompt=text, negative_prompt=text))
    plain = build_graph(**arguments("infinitetalk", cfg_scale=5.0))
    for node in ("positive", "negative"):
        graph[node]["inputs"].pop("text")
        plain[node]["inputs"].pop("text")
    assert graph == plain


keys = st.text(st.sampled_from("a./-_\\%~ \0\n:é"), min_size=1, max_size=12) | st.text(max_size=20)


@quick
@given(keys, st.text(max_size=40))
def test_no_output_key_and_no_job_id_leaves_its_prefix(key: str, job_id: str) -> None:
    outcome = _outcome(job(output_key=key))
    name = storage_key(outcome.output_key if isinstance(outcome, Request) else None, job_id)
    parts = PurePosixPath(name).parts
    assert parts
    assert not name.startswith("/")
    assert not {"..", ".", "/"} & set(parts)
    assert re.fullmatch(r"[A-Za-z0-9._/-]+", name)


@quick
@given(st.text(st.sampled_from('a/.;=\\\0 %2e\n"'), max_size=20), st.text(max_size=9))
def test_what_a_source_is_called_names_no_file(label: str, parameter: str) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        source = f"data:{label};name={parameter};base64,AAAA"
        limits = FetchLimits((), 1000, 1000)
        outcome = attempt(lambda: fetch_inputs(source, (source,), folder, limits, Cancellation()))
        assert not isinstance(outcome, WorkerError) or outcome.code is ErrorCode.SOURCE_REFUSED
        assert {path.name for path in folder.iterdir()} <= {"image.source", "voice_1.source"}
