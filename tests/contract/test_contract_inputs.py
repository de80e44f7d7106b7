"""Sources, speakers and their regions, metadata and output keys: what is taken and how the rest is refused."""

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

PYTHON_WORDS = re.compile(r"tuple|dict\b|dictionary|instance of|SpeakerInput|NoneType", re.IGNORECASE)
REGIONS_TO_SEND = ("[left, top, right, bottom]", "0 to 1", "'left'", "'center'", "'right'")
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


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_one_to_four_voices_keep_their_order(count: int) -> None:
    voices = [f"https://media.example.com/{number}.wav" for number in range(count)]
    assert [speaker.audio for speaker in parse(audio_urls=voices).speakers] == voices
    named = parse_request(speaking(*({"audio": voice} for voice in voices)))
    assert [speaker.audio for speaker in named.speakers] == voices


@pytest.mark.parametrize(("count", "bound"), [(0, "at least 1 s"), (5, "at most 4 s")])
def test_no_voice_and_five_are_refused(count: int, bound: str) -> None:
    for raw, name in (
        (job(audio_urls=[VOICE] * count), "audio_urls"),
        (speaking(*[{"audio": VOICE}] * count), "speak"),
    ):
        message = refusal(raw)
        assert name in message
        assert bound in message


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


def test_audio_urls_and_speakers_are_two_ways_to_say_it() -> None:
    message = refusal(job(speakers=[{"audio": VOICE}]))
    assert all(words in message for words in ("audio_urls", "speakers", "not both"))
    assert parse(speakers=None).speakers == (Speaker(VOICE, None, 0.0),)
    assert parse_request(speaking({"audio": VOICE}, audio_urls=None)).speakers == (Speaker(VOICE, None, 0.0),)


@pytest.mark.parametrize(
    "region", ["left", "center", "right", "auto", [0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], [0, 0.5, 1e-3, 1]]
)
def test_a_region_is_named_or_a_box_of_fractions(region: str | list[float]) -> None:
    kept = parse_request(speaking({"audio": VOICE, "region": region})).speakers[0].region
    assert kept == (region if isinstance(region, str) else tuple(region))


@pytest.mark.parametrize(
    "region",
    [
        *("above", "lefts", 7, True, {"left": 0}, [0, 0, 1], [0, 0, 1, 1, 1], [[0, 0, 1, 1]]),
        *([0.5, 0, 0.5, 1], [0, 0.5, 1, 0.5], [0.9, 0, 0.1, 1], [0, 0.9, 1, 0.1], [-0.01, 0, 1, 1], [0, 0, 1, 1.01]),
        *([math.nan, 0, 1, 1], [0, 0, math.inf, 1], ["0", "0", "1", "2"], [False, False, True, True], [None] * 4),
    ],
    ids=repr,
)
def test_another_region_is_refused_with_what_to_send(region: object) -> None:
    message = refusal(speaking({"audio": VOICE, "region": region}))
    assert "region of speaker 1: " in message
    assert all(words in message for words in REGIONS_TO_SEND)


@pytest.mark.parametrize("offset", [0, 0.04, 12, 3600])
def test_a_voice_may_start_later(offset: float) -> None:
    assert parse_request(speaking({"audio": VOICE, "offset_seconds": offset})).speakers[0].offset_seconds == offset


@pytest.mark.parametrize(
    ("sent", "number"),
    [("left", 1), (" Right\n", 2), ("L", 1), ("r", 2), (1, 1), ("2", 2), (6.0, 6), (32, 32), (None, None), ("", None)],
)
def test_a_voice_may_be_one_channel_of_a_file(sent: object, number: int | None) -> None:
    assert parse_request(speaking({"audio": VOICE, "channel": sent})).speakers[0].channel == number


@pytest.mark.parametrize("channel", [0, -1, 33, 1.5, "both", "center", "0", "1,2", True, ["left"], {}], ids=repr)
def test_no_other_channel(channel: object) -> None:
    message = refusal(speaking({"audio": VOICE, "channel": channel}))
    assert "channel of speaker 1: send 'left', 'right', or the number of a channel, counted from 1" in message


def test_the_channels_of_one_file_are_two_voices() -> None:
    call = [{"audio": "call.wav", "channel": "left"}, {"audio": "call.wav", "channel": 2}]
    assert parse_request(speaking(*call)).warnings == ()
    in_turns = parse_request(speaking(*call, timing="turns")).warnings
    assert [warning.partition(";")[0] for warning in in_turns] == [
        "timing turns plays the channels of one file one after the other"
    ]
    other = [{"audio": "call.wav", "channel": "left"}, {"audio": "ben.wav", "channel": "right"}]
    assert parse_request(speaking(*other, timing="turns")).warnings == ()
    twice = parse_request(speaking(call[0], {"audio": "call.wav", "channel": "L"})).warnings
    assert twice == ("speakers 1 and 2 have the same sound: both mouths will say the same words",)


@pytest.mark.parametrize(
    ("sent", "choice"),
    [
        ("auto", "auto"),
        ("As is", "as_is"),
        ("as-is", "as_is"),
        (" SEPARATE\n", "separate"),
        (None, "auto"),
        ("", "auto"),
    ],
)
def test_what_the_model_hears_of_a_voice(sent: object, choice: str) -> None:
    assert [one.voice for one in parse(audio_urls=[VOICE, "ben.wav"], voice=sent).speakers] == [choice, choice]
    own = speaking({"audio": VOICE, "voice": sent}, {"audio": "ben.wav"}, voice="as_is")
    assert [one.voice for one in parse_request(own).speakers] == [choice if sent else "as_is", "as_is"]


@pytest.mark.parametrize("sent", ["https://media.example.com/anna.wav", "alloy", True, 1, ["separate"]], ids=repr)
def test_a_voice_that_is_no_choice_is_told_where_the_sound_goes(sent: object) -> None:
    assert "voice: send 'auto', 'as_is' or 'separate'" in refusal(job(voice=sent))
    assert "the sound itself goes in audio_urls" in refusal(job(voice=sent))
    assert "voice of speaker 1: send 'auto'" in refusal(speaking({"audio": VOICE, "voice": sent}))
    assert "'separate' parts the voice from music" in refusal(job(separate_vocals=True))


def test_a_file_sent_twice_is_told_of_channels() -> None:
    assert "send speakers with channel" in parse(audio_urls=["call.wav", "call.wav"]).warnings[0]
    assert "send speakers, each with audio and channel" in refusal(job(split_channels=True))
    assert parse_request(speaking({"audio": VOICE, "audioChannel": "left"})).speakers[0].channel == 1


def test_a_null_of_a_speaker_counts_as_not_sent() -> None:
    sent = speaking({"audio": VOICE, "region": None, "offset_seconds": None, "channel": None})
    assert parse_request(sent).speakers == (Speaker(VOICE, None, 0.0),)


@pytest.mark.parametrize("offset", [-0.01, 3600.01, math.nan, math.inf, "3601", "1s", True, [1]], ids=repr)
def test_no_other_offset(offset: object) -> None:
    assert "offset_seconds of speaker 1: " in refusal(speaking({"audio": VOICE, "offset_seconds": offset}))


@pytest.mark.parametrize(
    ("speakers", "silent"),
    [
        ([{"audio": VOICE, "region": "left"}], True),
        ([{"audio": VOICE, "region": [0.1, 0.1, 0.4, 0.9]}], True),
        ([{"audio": VOICE}], False),
        ([{"audio": VOICE, "region": "left"}, {"audio": VOICE, "region": "right"}], False),
    ],
)
def test_one_speaker_with_a_region_silences_the_others(speakers: list[object], silent: bool) -> None:
    assert parse_request(speaking(*speakers)).silent_others is silent


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
