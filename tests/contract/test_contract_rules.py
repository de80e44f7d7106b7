"""Rules between fields: what is adjusted with a warning, what is refused, and what to send instead."""

import re
from typing import get_args

import pytest

from contract.fields import Mode
from contract.request import Size, parse_request
from contract.rules import default_shift
from tests.contract.contract_samples import COLOR_MATCHES, SCHEDULERS, job, parse, refusal, speaking

FIXED = ("flowmatch_distill", "multitalk", "rcm")
OTHER_STEPS = [1, 2, 3, 5, 6, 8, 20, 50]
GOOD_WITHOUT_LORA = {"use_speed_lora": False, "cfg_scale": 5.0, "steps": 20}


@pytest.mark.parametrize("scheduler", FIXED)
@pytest.mark.parametrize("steps", OTHER_STEPS)
@pytest.mark.parametrize(("lora", "fitting"), [(True, "dpm++_sde"), (False, "unipc")])
def test_a_named_scheduler_with_four_fixed_steps_refuses_any_other(
    scheduler: str, steps: int, lora: bool, fitting: str
) -> None:
    message = refusal(job(scheduler=scheduler, steps=steps, use_speed_lora=lora))
    assert all(words in message for words in (scheduler, "exactly 4 steps", f"not {steps}", f"scheduler {fitting}"))
    assert parse(scheduler=fitting, steps=steps, use_speed_lora=lora).scheduler == fitting


@pytest.mark.parametrize("scheduler", FIXED)
def test_a_scheduler_with_four_fixed_steps_runs_with_four(scheduler: str) -> None:
    request = parse(scheduler=scheduler, steps=4)
    assert (request.scheduler, request.steps, request.warnings) == (scheduler, 4, ())


@pytest.mark.parametrize("scheduler", [name for name in SCHEDULERS if name not in FIXED])
def test_every_other_scheduler_takes_any_steps(scheduler: str) -> None:
    for steps in (1, 4, 50):
        request = parse(scheduler=scheduler, steps=steps)
        assert (request.scheduler, request.steps, request.warnings) == (scheduler, steps, ())


@pytest.mark.parametrize("steps", OTHER_STEPS)
@pytest.mark.parametrize(("lora", "fitting"), [(True, "dpm++_sde"), (False, "unipc")])
def test_without_a_named_scheduler_one_that_fits_the_steps_is_chosen(steps: int, lora: bool, fitting: str) -> None:
    request = parse(steps=steps, use_speed_lora=lora)
    assert (request.scheduler, request.steps) == (fitting, steps)
    assert any(fitting in warning and "flowmatch_distill" in warning for warning in request.warnings)


def test_without_the_lora_and_a_named_scheduler_unipc_is_chosen() -> None:
    request = parse(use_speed_lora=False, cfg_scale=5.0)
    assert request.scheduler == "unipc"
    assert any("unipc" in warning and "speed LoRA" in warning for warning in request.warnings)


def test_flowmatch_distill_by_name_needs_the_lora() -> None:
    message = refusal(job(scheduler="flowmatch_distill", use_speed_lora=False))
    assert all(words in message for words in ("speed LoRA", "use_speed_lora true", "scheduler unipc"))


@pytest.mark.parametrize("scheduler", ["multitalk", "rcm", "unipc"])
def test_no_other_scheduler_needs_the_lora(scheduler: str) -> None:
    assert parse(scheduler=scheduler, use_speed_lora=False).scheduler == scheduler


@pytest.mark.parametrize("scheduler", FIXED)
@pytest.mark.parametrize("steps", [4, 20])
@pytest.mark.parametrize("lora", [True, False])
def test_whoever_sends_what_a_refusal_says_is_served(scheduler: str, steps: int, lora: bool) -> None:
    """Both ways out of a refusal: the values before "or", and the scheduler after it."""
    raw = job(scheduler=scheduler, steps=steps, use_speed_lora=lora)
    if steps == 4 and (lora or scheduler != "flowmatch_distill"):
        assert parse_request(raw).scheduler == scheduler
        return
    message = refusal(raw)
    first: dict[str, object] = {}
    if match := re.search(r"send\b.*\bsteps (\d+)", message):
        first["steps"] = int(match[1])
    if re.search(r"send\b.*\buse_speed_lora true", message):
        first["use_speed_lora"] = True
    second = re.search(r"or scheduler ([\w+/]+)", message)
    assert first
    assert second
    assert parse_request(raw | {"scheduler": second[1]}).scheduler == second[1]
    assert parse_request(raw | first).scheduler == scheduler


@pytest.mark.parametrize(
    ("sent", "used"), [(256, 256), (400, 400), (401, 400), (407, 400), (408, 416), (415, 416), (1529, 1536), (263, 256)]
)
@pytest.mark.parametrize("name", ["width", "height"])
def test_a_size_is_rounded_to_the_nearest_16_with_a_warning(name: str, sent: int, used: int) -> None:
    request = parse(**{name: sent})
    assert getattr(request.size, name) == used
    warned = [warning for warning in request.warnings if name in warning and str(sent) in warning]
    assert len(request.warnings) == len(warned) == (sent != used)
    assert all(str(used) in warning and "16" in warning for warning in warned)


@pytest.mark.parametrize("name", ["width", "height"])
def test_every_size_lies_within_half_a_step_of_what_was_sent(name: str) -> None:
    for sent in range(256, 1537):
        used = getattr(parse(**{name: sent}).size, name)
        assert used % 16 == 0
        assert abs(used - sent) <= 8
        assert 256 <= used <= 1536


def test_both_sizes_are_told() -> None:
    request = parse(width=401, height=703)
    assert request.size == Size(400, 704)
    assert len(request.warnings) == 2


@pytest.mark.parametrize("sizes", [{"width": 400}, {"height": 704}, {"width": 400, "height": 704}])
def test_a_resolution_takes_the_place_of_width_and_height(sizes: dict[str, object]) -> None:
    message = refusal(job(resolution="480p", **sizes))
    assert all(words in message for words in ("resolution", "width", "height", "not both"))
    assert parse(resolution=None, **sizes).size == Size(400, 704)


@pytest.mark.parametrize("resolution", ["480p", "720p"])
def test_a_resolution_leaves_the_size_to_the_image(resolution: str) -> None:
    request = parse(resolution=resolution)
    assert (request.size, request.resolution, request.warnings) == (None, resolution, ())


@pytest.mark.parametrize(
    "poor", [{"cfg_scale": 1.0, "steps": 20}, {"cfg_scale": 5.0, "steps": 19}, {"cfg_scale": 1.0, "steps": 4}, {}]
)
def test_without_the_lora_too_little_work_is_warned_about(poor: dict[str, object]) -> None:
    request = parse(use_speed_lora=False, scheduler="unipc", **poor)
    (warning,) = request.warnings
    assert all(words in warning for words in ("quality", "cfg_scale", "5", "20 to 40 steps"))


@pytest.mark.parametrize("lora", [True, False])
def test_enough_work_is_not_warned_about(lora: bool) -> None:
    cfg = 1.0 if lora else 5.0
    good = GOOD_WITHOUT_LORA | {"use_speed_lora": lora, "cfg_scale": cfg}
    assert parse(**good, scheduler="unipc").warnings == ()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_more_than_two_speakers_are_warned_about(count: int) -> None:
    voices = [f"{number}.wav" for number in range(count)]
    for raw in (job(audio_urls=voices), speaking(*[{"audio": voice} for voice in voices])):
        warnings = parse_request(raw).warnings
        assert len(warnings) == (count > 2)
        assert all(f"{count} speakers" in warning and "trained" in warning for warning in warnings)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_shift_is_11_with_the_lora_whatever_the_scheduler(scheduler: str) -> None:
    assert parse(scheduler=scheduler).shift == 11.0


def test_the_shift_depends_on_the_size_without_the_lora() -> None:
    assert parse(**GOOD_WITHOUT_LORA).shift is None
    for width, height in ((400, 704), (480, 832), (832, 448), (640, 640), (1216, 320)):
        assert default_shift(width, height) == 7.0
    for width, height in ((720, 1280), (1280, 704), (960, 960), (512, 1792), (1856, 512)):
        assert default_shift(width, height) == 11.0


@pytest.mark.parametrize("lora", [True, False])
def test_the_callers_shift_wins(lora: bool) -> None:
    assert parse(**(GOOD_WITHOUT_LORA | {"use_speed_lora": lora}), shift=5.5).shift == 5.5


@pytest.mark.parametrize(
    ("lora", "cfg", "sent", "used"),
    [
        (True, 1.0, None, 1.0),
        (True, 5.0, None, 1.0),
        (False, 1.0, None, 1.0),
        (False, 5.0, None, 0.8),
        (False, 5.0, 1.0, 1.0),
        (True, 1.0, 2.0, 2.0),
        (True, 1.0, 0, 0.0),
    ],
)
def test_audio_guidance_follows_the_models_advice_unless_sent(
    lora: bool, cfg: float, sent: float | None, used: float
) -> None:
    request = parse(use_speed_lora=lora, cfg_scale=cfg, audio_cfg_scale=sent, steps=20)
    assert request.audio_cfg_scale == used


@pytest.mark.parametrize("mode", get_args(Mode))
def test_the_callers_color_match_is_taken_in_every_mode(mode: Mode) -> None:
    assert parse(mode=mode).color_match is None
    assert all(parse(mode=mode, color_match=value).color_match == value for value in COLOR_MATCHES)
