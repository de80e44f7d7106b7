"""Speakers: their voices, regions, channels and offsets, what is taken and how the rest is refused."""

import math

import pytest

from contract.request import Speaker, parse_request
from tests.contract.contract_samples import VOICE, job, parse, refusal, speaking

REGIONS_TO_SEND = ("[left, top, right, bottom]", "0 to 1", "'left'", "'center'", "'right'")


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
