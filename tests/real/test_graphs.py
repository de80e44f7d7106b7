"""The worker's own graphs on a real ComfyUI: what the contract admits runs, what it refuses fails there too."""

from typing import Any, get_args

import pytest

from contract.errors import ErrorCode, WorkerError
from contract.fields import Mode, Scheduler
from contract.presets import PRESETS
from contract.request import parse_request
from contract.rules import FIXED_STEPS, default_shift
from tests.real.bench import SIDE, STEPS, RealBench, difference
from workflows.plan import Plan
from workflows.template import Graph

SCHEDULERS = get_args(Scheduler)


@pytest.mark.parametrize("mode", ["multitalk", "infinitetalk"])
@pytest.mark.parametrize("voices", [1, 2, 3, 4])
def test_both_modes_take_one_to_four_voices(real: RealBench, mode: Mode, voices: int) -> None:
    assert len(real.run(real.arguments(mode, voices)).frames) == 17


@pytest.mark.parametrize(
    "change",
    [
        {"speed_lora_strength": None, "scheduler": "unipc", "cfg_scale": 5.0, "audio_cfg_scale": 0.8},
        {"audio_cfg_scale": 2.0},
        {"cfg_scale": 5.0},
        {"blocks_to_swap": 10},
        {"color_match": "mkl"},
        {"tiled_vae": True},
    ],
    ids=["without_lora", "audio_cfg", "cfg", "block_swap", "color_match", "tiled_vae"],
)
def test_every_option_runs(real: RealBench, change: dict[str, Any]) -> None:
    assert len(real.run(real.arguments(**change)).frames) == 17


@pytest.mark.parametrize("mode", ["multitalk", "infinitetalk"])
def test_a_negative_prompt_works_at_cfg_1(real: RealBench, mode: Mode) -> None:
    """By NAG, beside the talk model and over two windows: it changes what the same job makes without it."""
    without = real.run(real.arguments(mode, frames=18)).frames
    unlike = real.run(real.arguments(mode, frames=18, negative_guidance="nag"))
    again = real.run(real.arguments(mode, frames=18, negative_guidance="nag", negative_prompt="a hat"))
    assert len(without) == len(unlike.frames) > 17
    assert {"nag", "negative_text"} <= set(unlike.nodes)
    assert difference(without, unlike.frames) > 0.5
    assert difference(unlike.frames, again.frames) > 0.1


@pytest.mark.parametrize(("name", "sent"), [("fast", {}), ("balanced", {}), ("best", {"steps": 3})])
def test_every_preset_runs_over_several_windows(real: RealBench, name: str, sent: dict[str, int]) -> None:
    """The best one with fewer steps: each runs the model three times."""
    assert name in PRESETS
    request = parse_request({"image_url": "a.png", "audio_urls": ["a.wav"], "quality": name, "seed": 5, **sent})
    taken = ("steps", "scheduler", "cfg_scale", "speed_lora_strength", "audio_cfg_scale", "negative_guidance", "seed")
    shift = request.shift or default_shift(SIDE, SIDE)
    made = real.arguments(frames=18, shift=shift, **{field: getattr(request, field) for field in taken})
    outcome = real.run(made)
    assert len(outcome.frames) == made["inputs"].plan.generated > 17
    assert outcome.steps == made["inputs"].plan.windows * request.steps


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_that_is_admitted_runs(real: RealBench, scheduler: str) -> None:
    steps = FIXED_STEPS.get(scheduler, 1)
    outcome = real.run(real.arguments(scheduler=scheduler, steps=steps))
    assert len(outcome.frames) == 17
    assert outcome.steps == steps


@pytest.mark.parametrize(("mode", "frames"), [("infinitetalk", 18), ("infinitetalk", 33), ("multitalk", 34)])
def test_several_windows_give_the_frames_of_the_plan(real: RealBench, mode: Mode, frames: int) -> None:
    made = real.arguments(mode, frames=frames)
    assert made["inputs"].plan.windows > 1
    outcome = real.run(made)
    assert len(outcome.frames) == made["inputs"].plan.generated
    assert outcome.steps == made["inputs"].plan.windows * STEPS


def test_the_frames_follow_voice_picture_and_seed(real: RealBench) -> None:
    made = real.arguments()
    first = real.run(made).frames
    again = real.run(real.arguments()).frames
    assert difference(first, again) < 0.5
    assert difference(first, real.run(_with(real, voice=2)).frames) > 1
    assert difference(first, real.run(_with(real, seed=12)).frames) > 1
    assert difference(first, real.run(_with(real, picture=2)).frames) > 1


def _with(real: RealBench, *, voice: int = 1, seed: int = 11, picture: int = 1) -> Any:
    made = real.arguments(seed=seed)
    return real.arguments(
        seed=seed, references=real.reference(picture), voices=(real.voice(voice, made["inputs"].plan.audio_seconds),)
    )


@pytest.mark.parametrize("color_match", ["disabled", "mkl"])
def test_each_window_goes_by_its_own_reference(real: RealBench, color_match: str) -> None:
    """Three pictures, four windows of 17 frames: the last picture serves the fourth, too."""
    case: dict[str, Any] = {"frames": 41, "color_match": color_match}
    one = real.run(real.arguments(**case)).frames
    three = real.run(real.arguments(**case, references=real.reference(1, 2, 3))).frames
    assert len(one) == len(three) == 41
    assert difference(one[:17], three[:17]) < 0.5, "the first window goes by the first picture, and so does CLIP vision"
    assert difference(one[16:25], three[16:25]) > 1
    last = real.run(real.arguments(**case, references=real.reference(1, 2, 3, 4))).frames
    assert difference(three[16:33], last[16:33]) < 0.5
    assert difference(three[32:], last[32:]) > 0.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scheduler": "flowmatch_distill", "steps": 6}, "only for 4 steps"),
        ({"scheduler": "flowmatch_causvid", "steps": 5}, "steps"),
        ({"width": 72}, "WanVideoSampler: "),
    ],
)
def test_what_the_contract_refuses_fails_there_too(real: RealBench, change: dict[str, Any], says: str) -> None:
    with pytest.raises(WorkerError) as caught:
        real.run(real.arguments(**change))
    assert caught.value.code is ErrorCode.GENERATION_FAILED
    assert says in caught.value.message


@pytest.mark.parametrize("scheduler", ["multitalk", "rcm"])
def test_a_fixed_scheduler_runs_four_steps_whatever_is_asked(real: RealBench, scheduler: str) -> None:
    """Which is why the contract refuses another number: the caller would not get what was asked for."""
    plan = Plan(17, SIDE, SIDE, 17, 9, 1, 4, 1, 0.0)
    assert real.run(real.arguments(scheduler=scheduler, steps=6, plan=plan)).steps == 4


@pytest.mark.parametrize("voices", [2, 3])
def test_several_voices_without_masks_fail(real: RealBench, voices: int) -> None:
    def without_masks(graph: Graph) -> None:
        del graph["voice_embeds"]["inputs"]["ref_target_masks"]

    with pytest.raises(WorkerError) as caught:
        real.run(real.arguments(speakers=voices, seed=voices), without_masks)
    assert "NoneType" in caught.value.message


def test_an_unknown_model_is_named_before_anything_runs(real: RealBench) -> None:
    def other_model(graph: Graph) -> None:
        graph["model"]["inputs"]["model"] = "absent.gguf"

    with pytest.raises(WorkerError) as caught:
        real.run(real.arguments(), other_model)
    assert caught.value.message == "Required models are missing: absent.gguf"
