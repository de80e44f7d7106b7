"""`quality`: a recipe by one name; what is sent beside it wins and is told; without it nothing changes."""

from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from contract.fields import Quality
from contract.input_schema import json_schema
from contract.request import Request, parse_request
from tests.contract.contract_samples import job, parse, refusal

RECIPES: dict[str, tuple[Any, ...]] = {
    "fast": (4, "flowmatch_distill", 1.0, 1.0, 5.0, 1.0),
    "balanced": (6, "dpm++_sde", 1.0, 1.0, 11.0, 1.0),
    "best": (20, "unipc", 5.0, None, None, 0.8),
    "": (4, "flowmatch_distill", 1.0, 1.0, 11.0, 1.0),
}


def used(request: Request) -> tuple[Any, ...]:
    """Steps, scheduler, cfg, strength of the LoRA, shift, audio guidance."""
    lora = request.speed_lora_strength
    return request.steps, request.scheduler, request.cfg_scale, lora, request.shift, request.audio_cfg_scale


@pytest.mark.parametrize("name", RECIPES)
def test_a_name_stands_for_a_recipe_and_no_name_for_what_it_always_was(name: str) -> None:
    request = parse(quality=name)
    assert used(request) == RECIPES[name]
    assert request.quality == (name or None)
    assert [warning for warning in request.warnings if "not sent" not in warning] == []


@pytest.mark.parametrize(
    ("name", "sent", "changed", "told"),
    [
        ("fast", {"steps": 8}, {0: 8, 1: "dpm++_sde"}, ["steps 8", "scheduler dpm++_sde was chosen"]),
        ("fast", {"shift": 11}, {4: 11.0}, ["shift 11"]),
        ("fast", {"use_speed_lora": False}, {1: "unipc", 3: None, 4: None}, ["use_speed_lora false", "unipc was"]),
        ("balanced", {"scheduler": "lcm"}, {1: "lcm"}, ["scheduler lcm"]),
        ("balanced", {"scheduler": "rcm"}, {0: 4, 1: "rcm"}, ["scheduler rcm, steps 4"]),
        ("balanced", {"cfg_scale": 1.5, "shift": 5}, {2: 1.5, 4: 5.0}, ["cfg_scale 1.5, shift 5"]),
        ("best", {"steps": 40}, {0: 40}, ["steps 40"]),
        ("best", {"audio_cfg_scale": 1}, {5: 1.0}, []),
        ("best", {"cfg_scale": 1, "steps": 30}, {0: 30, 2: 1.0, 5: 1.0}, ["steps 30, cfg_scale 1"]),
        ("best", {"use_speed_lora": True}, {3: 1.0, 4: 11.0, 5: 1.0}, ["use_speed_lora true", "harsh"]),
        ("best", {"scheduler": "flowmatch_distill", "use_speed_lora": True, "cfg_scale": 1},
         {0: 4, 1: "flowmatch_distill", 2: 1.0, 3: 1.0, 4: 11.0, 5: 1.0}, ["steps 4"]),
        ("balanced", {"steps": 6, "use_speed_lora": "true", "cfg": 1}, {}, []),
    ],
)  # fmt: skip
def test_what_is_sent_beside_it_wins_and_is_told(
    name: str, sent: dict[str, Any], changed: dict[int, Any], told: list[str]
) -> None:
    request = parse(quality=name, **sent)
    assert used(request) == tuple(changed.get(place, value) for place, value in enumerate(RECIPES[name]))
    warnings = " ".join(request.warnings)
    assert all(words in warnings for words in told), warnings
    assert (f"quality '{name}'" in warnings) == bool(told)


def test_a_preset_never_makes_a_job_that_cannot_run() -> None:
    """Whatever scheduler is asked for beside it; the schema says the same."""
    schema = Draft202012Validator(json_schema())
    for name in get_args(Quality):
        for scheduler in ("flowmatch_distill", "multitalk", "rcm", "unipc", "dpm++_sde"):
            raw = job(quality=name, scheduler=scheduler)
            if (name, scheduler) != ("best", "flowmatch_distill"):
                assert parse_request(raw).steps == (4 if scheduler in ("flowmatch_distill", "multitalk", "rcm") else
                                                    RECIPES[name][0])  # fmt: skip
                assert schema.is_valid(raw)
                continue
            message = refusal(raw)
            assert "use_speed_lora true" in message
            assert not schema.is_valid(raw)
            assert schema.is_valid({**raw, "use_speed_lora": True})
            assert parse_request({**raw, "use_speed_lora": True}).steps == 4


@pytest.mark.parametrize(
    ("sent", "meant"),
    [({"quality": " Fast "}, "fast"), ({"quality": "fastest"}, "fast"), ({"quality": "QUALITY"}, "best"),
     ({"preset": "balanced"}, "balanced"), ({"qualityPreset": "best"}, "best"), ({"quality": None}, None)],
)  # fmt: skip
def test_other_spellings_are_taken(sent: dict[str, Any], meant: str | None) -> None:
    assert Draft202012Validator(json_schema()).is_valid(job(**sent))
    assert parse(**sent).quality == meant


@pytest.mark.parametrize("value", ["high", 23, True, ["fast"], "faster"])
def test_another_word_is_refused_with_the_names(value: object) -> None:
    message = refusal(job(quality=value))
    assert all(words in message for words in ("quality", "'fast'", "'balanced'", "'best'", "crf"))
    assert "crf" in refusal(job(video_quality="high"))
    assert "quality 'fast'" in refusal(job(turbo=True))


@pytest.mark.parametrize(
    ("sent", "works_by"),
    [({}, None), ({"negative_prompt": "blurred"}, "nag"), ({"negative_prompt": ""}, None),
     ({"negative_prompt": "blurred", "cfg_scale": 2}, "cfg"), ({"cfg_scale": 2}, "cfg"),
     ({"quality": "best"}, "cfg"), ({"quality": "fast", "negative_prompt": "hats"}, "nag"),
     ({"quality": "best", "cfg_scale": 1, "negative_prompt": "hats"}, "nag")],
)  # fmt: skip
def test_a_negative_prompt_that_was_sent_works_at_any_cfg_scale(sent: dict[str, Any], works_by: str | None) -> None:
    request = parse(**sent)
    assert request.negative_guidance == works_by
    assert not any("negative_prompt" in warning for warning in request.warnings)
