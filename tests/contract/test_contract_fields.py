"""The fields of a request: names, defaults, choices, booleans, prompts; what is unknown or missing is named."""

import dataclasses

import pytest

from contract.errors import ErrorCode
from contract.fields import DEFAULT_NEGATIVE_PROMPT, field_names
from contract.request import Size
from tests.contract.contract_samples import (
    BOOLEANS,
    CHOICES,
    IMAGE,
    SCHEDULERS,
    VOICE,
    job,
    parse,
    refusal,
    speaking,
)


def test_the_names_are_the_published_ones() -> None:
    assert field_names() == [
        *("image_url", "audio_urls", "positive_prompt", "negative_prompt", "width", "height", "fps", "steps"),
        *("cfg_scale", "scheduler", "seed", "mode", "use_block_swap", "blocks_to_swap", "use_speed_lora"),
        *("speed_lora_strength", "max_audio_duration", "speakers", "timing", "resolution", "scenes", "fit", "shift"),
        *(
            "audio_scale",
            "audio_cfg_scale",
            "color_match",
            "window_frames",
            "crf",
            "metadata",
            "output_key",
            "upload_url",
            "dry_run",
            "quality",
            "voice",
        ),
        *("video_url", "follow", "motion_strength", "keep_sound", "keep_sound_level", "preview"),
    ]


def test_the_defaults_are_the_published_ones() -> None:
    request = parse()
    assert request.seed > 0  # 0 asks for a seed of the worker's choice
    assert dataclasses.asdict(request) == {
        "image": IMAGE,
        "dub": None,
        "speakers": ({"audio": VOICE, "region": None, "offset_seconds": 0.0, "channel": None, "voice": "auto"},),
        "positive_prompt": "The person takes turns talking",
        "negative_prompt": DEFAULT_NEGATIVE_PROMPT,
        "size": {"width": 400, "height": 704},
        "size_sent": False,
        "resolution": None,
        "fit": "cover",
        "fps": 25,
        "steps": 4,
        "cfg_scale": 1.0,
        "scheduler": "flowmatch_distill",
        "seed": request.seed,
        "mode": "multitalk",
        "blocks_to_swap": None,
        "speed_lora_strength": 1.0,
        "max_audio_duration": None,
        "timing": "together",
        "shift": 11.0,
        "audio_scale": 1.0,
        "audio_cfg_scale": 1.0,
        "color_match": None,
        "window_frames": None,
        "crf": 18,
        "metadata": None,
        "output_key": None,
        "upload_url": None,
        "dry_run": False,
        "quality": None,
        "preview": False,
        "negative_guidance": None,
        "warnings": (),
        "scenes": (),
    }
    assert parse(use_block_swap=True).blocks_to_swap == 20
    assert "quality" in DEFAULT_NEGATIVE_PROMPT


@pytest.mark.parametrize("name", [name for name in field_names() if name not in ("image_url", "audio_urls", "seed")])
def test_null_counts_as_not_sent(name: str) -> None:
    assert parse(seed=7, **{name: None}) == parse(seed=7)


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_is_taken(name: str) -> None:
    assert [getattr(parse(**{name: choice}), name) for choice in CHOICES[name]] == list(CHOICES[name])


@pytest.mark.parametrize("name", CHOICES)
def test_another_choice_is_refused_with_the_ones_there_are(name: str) -> None:
    for other in ("other", CHOICES[name][0] + "x", 1, True, ["cover"]):
        message = refusal(job(**{name: other}))
        assert message.startswith(f"Invalid input: {name}: ")
        assert all(f"'{choice}'" in message for choice in CHOICES[name])


@pytest.mark.parametrize("name", [name for name in CHOICES if name != "resolution"])
def test_a_choice_may_be_written_otherwise(name: str) -> None:
    for choice in CHOICES[name]:
        for other in (choice.upper(), choice.replace("_", " "), choice.replace("_", "-"), f" {choice.title()}\n"):
            assert getattr(parse(**{name: other}), name) == choice


@pytest.mark.parametrize(
    "other", ["InfiniteTalk", "infinite_talk", "Infinite Talk", "INFINITE-TALK", "\ufeffinfinitetalk"]
)
def test_a_mode_may_be_written_as_its_makers_write_it(other: str) -> None:
    assert parse(mode=other).mode == "infinitetalk"


@pytest.mark.parametrize("other", ["infinitetalk2", "inf", "infini\u200btetalk", "infinitetal\u212a", "infinite  talk"])
def test_a_mode_is_not_guessed(other: str) -> None:
    assert "'multitalk' or 'infinitetalk'" in refusal(job(mode=other))


def test_the_scheduler_that_fails_on_the_server_is_no_choice() -> None:
    assert "scheduler" in refusal(job(scheduler="flowmatch_causvid"))
    assert len(SCHEDULERS) == 20


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize(
    ("values", "meant"),
    [
        ((True, 1, 1.0, "true", "True", "TRUE", "yes", "on", "1", " true\n"), True),
        ((False, 0, 0.0, "false", "False", "no", "off", "0", "\u200bfalse"), False),
    ],
)
def test_a_boolean_may_be_written_otherwise(name: str, values: tuple[object, ...], meant: bool) -> None:
    for value in values:
        request = parse(**{name: value, "scheduler": "unipc"})
        used = {
            "use_block_swap": request.blocks_to_swap is not None,
            "use_speed_lora": request.speed_lora_strength is not None,
            "dry_run": request.dry_run,
        }
        assert used[name] is meant


@pytest.mark.parametrize("name", BOOLEANS)
@pytest.mark.parametrize("value", [2, -1, 20, 0.5, "maybe", "t", "2", [True], {}], ids=repr)
def test_nothing_else_is_a_boolean(name: str, value: object) -> None:
    message = refusal(job(**{name: value}))
    assert message.startswith(f"Invalid input: {name}: ")
    assert "boolean" in message


def test_block_swap_and_the_speed_lora_are_switched() -> None:
    assert parse(use_block_swap=True, blocks_to_swap=7).blocks_to_swap == 7
    assert parse(use_block_swap=False, blocks_to_swap=7).blocks_to_swap is None
    assert parse(use_speed_lora=True, speed_lora_strength=0.5).speed_lora_strength == 0.5
    assert parse(use_speed_lora=False, speed_lora_strength=0.5).speed_lora_strength is None


@pytest.mark.parametrize("name", ["positive_prompt", "negative_prompt"])
@pytest.mark.parametrize("text", ["x" * 2000, "é" * 2000, "A woman | (speaks:1.2) [1]\nto the camera"])
def test_a_prompt_of_2000_characters_is_kept(name: str, text: str) -> None:
    assert getattr(parse(**{name: text}), name) == text


@pytest.mark.parametrize("name", ["positive_prompt", "negative_prompt"])
@pytest.mark.parametrize("value", ["x" * 2001, 7, ["a"], True, "\ud800"], ids=lambda value: repr(value)[:12])
def test_any_other_prompt_is_refused(name: str, value: object) -> None:
    assert refusal(job(**{name: value})).startswith(f"Invalid input: {name}: ")


@pytest.mark.parametrize("empty", ["", " ", "\n", "\u00a0", None])
def test_an_empty_prompt_is_the_default_and_an_empty_negative_one_is_none(empty: str | None) -> None:
    assert parse(positive_prompt=empty).positive_prompt == "The person takes turns talking"
    assert parse(negative_prompt="").negative_prompt == ""


@pytest.mark.parametrize("name", ["steeps", "Width", "num_frames", "déjà", "x" * 60])
def test_an_unknown_field_is_refused_by_name(name: str) -> None:
    assert f"unknown field '{name}'" in refusal(job(**{name: 1}))


@pytest.mark.parametrize("name", ["image-url", "audio urls", "int", "str", "float", "2nd_audio", "a.b", "seed[]"])
def test_an_unknown_field_is_refused_by_name_whatever_its_characters(name: str) -> None:
    assert f"unknown field '{name}'" in refusal(job(**{name: 1}))


def test_an_unknown_field_of_a_speaker_is_refused_by_name() -> None:
    assert "unknown field 'regio' of speaker 1, did you mean 'region'?" in refusal(
        speaking({"audio": VOICE, "regio": "left"})
    )


def test_an_unknown_field_of_a_speaker_is_refused_by_name_whatever_its_characters() -> None:
    assert "off-set" in refusal(speaking({"audio": VOICE, "off-set": 1}))


def test_everything_wrong_is_told_at_once() -> None:
    message = refusal(job(width=1, steps=99, mode="x", foo=1, bar=2))
    assert all(words in message for words in ("width", "256", "steps", "50", "mode", "'multitalk'", "'foo'", "'bar'"))


@pytest.mark.parametrize("raw", [None, [], "{}", 3, True, [job()]], ids=repr)
def test_an_input_is_an_object(raw: object) -> None:
    assert "object" in refusal(raw)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ({}, "image_url"),
        ({"audio_urls": [VOICE]}, "image_url"),
        ({"image_url": IMAGE}, "audio_urls"),
        ({}, "image_url (or video_url), audio_urls (or speakers)"),
        (job(image_url=None), "image_url"),
        ({"image_url": IMAGE, "audio_urls": None}, "audio_urls"),
        ({"image_url": IMAGE, "audio_urls": None, "speakers": None}, "audio_urls"),
        (speaking({"region": "left"}), "audio of speaker 1"),
        (speaking({"audio": VOICE}, {}), "audio of speaker 2"),
    ],
)
def test_what_is_missing_is_named_behind_the_published_phrase(raw: object, name: str) -> None:
    assert refusal(raw, ErrorCode.MISSING_PARAMETER).startswith(f"Missing required parameter: {name}")


def test_a_request_does_not_change() -> None:
    request = parse()
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.steps = 5  # type: ignore[misc]
    assert request.size == Size(400, 704)
