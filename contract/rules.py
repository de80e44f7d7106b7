"""Rules between fields, and the defaults that depend on other fields.

Sources, in docs/facts/talk-models.md: #schedulers, #guidance, #sizes, #several-speakers.
"""

from typing import Any

from contract.errors import ErrorCode, WorkerError
from contract.fields import JobInput

FIXED_STEPS = {"flowmatch_distill": 4, "multitalk": 4, "rcm": 4}
DISTILLED_SHIFT = 11.0
LARGE_AREA = 640 * 1024
TRAINED_SPEAKERS = 2


def choose_scheduler(fields: JobInput, warnings: list[str]) -> str:
    """The caller's scheduler where it fits the steps and the LoRA; one that fits where none was named.

    Raises:
        WorkerError: INVALID_INPUT where the caller named one that cannot run so.
    """
    fixed = FIXED_STEPS.get(fields.scheduler)
    wrong_steps = fixed is not None and fields.steps != fixed
    needs_lora = fields.scheduler == "flowmatch_distill" and not fields.use_speed_lora
    if not (wrong_steps or needs_lora):
        return fields.scheduler
    fitting = "dpm++_sde" if fields.use_speed_lora else "unipc"
    reason = (
        f"{fields.scheduler} runs with exactly {fixed} steps, not {fields.steps}"
        if wrong_steps
        else f"{fields.scheduler} needs the speed LoRA"
    )
    if not fields.names("scheduler"):
        warnings.append(f"scheduler {fitting} was chosen: {reason}")
        return fitting
    remedies = [f"steps {fixed}"] if wrong_steps else []
    if fields.scheduler == "flowmatch_distill" and not fields.use_speed_lora:
        remedies.append("use_speed_lora true")
    message = f"{reason}; send {' and '.join(remedies)}, or scheduler {fitting}"
    raise WorkerError(ErrorCode.INVALID_INPUT, f"Invalid input: {message}")


def warn_about_quality(fields: JobInput, speakers: int, warnings: list[str]) -> None:
    """What runs, but not as well as the caller may expect."""
    if not fields.use_speed_lora and (fields.cfg_scale == 1.0 or fields.steps < 20):
        warnings.append(
            f"without the speed LoRA, quality needs cfg_scale of about 5 and 20 to 40 steps "
            f"(this job: {fields.cfg_scale:g} and {fields.steps})"
        )
    if speakers > TRAINED_SPEAKERS:
        warnings.append(f"{speakers} speakers: the models were trained with one and two; lip sync may suffer")
    if fields.crf == 0:
        warnings.append("crf 0 was made 1: lossless H.264 is a profile that most players do not know")
    if fields.cfg_scale == 1.0 and fields.names("negative_prompt"):
        warnings.append("negative_prompt has no effect at cfg_scale 1.0")


def multiple_of_16(name: str, value: int, warnings: list[str]) -> int:
    """The nearest multiple of 16 pixels (halves go up), with a warning where that is not the value itself."""
    rounded = (value + 8) // 16 * 16
    if rounded != value:
        warnings.append(f"{name} {value} was rounded to {rounded}: sizes are multiples of 16")
    return rounded


def fixed_shift(fields: JobInput) -> float | None:
    """The flow shift where it does not depend on the size: 11 with the speed LoRA, for every scheduler."""
    return DISTILLED_SHIFT if fields.use_speed_lora else None


def default_shift(width: int, height: int) -> float:
    """The flow shift without the speed LoRA: 7 around 480p, 11 around 720p."""
    return 11.0 if width * height >= LARGE_AREA else 7.0


def audio_cfg_scale(fields: JobInput) -> float:
    """1 (no extra pass) with the speed LoRA; without it and with cfg, 0.8: the models' own text 5, audio 4."""
    if fields.audio_cfg_scale is not None:
        return fields.audio_cfg_scale
    return 0.8 if not fields.use_speed_lora and fields.cfg_scale != 1.0 else 1.0


def json_schema() -> dict[str, Any]:
    """JSON Schema of `input`, with the rules between fields that such a schema can say; null counts as not sent."""
    return {
        **JobInput.model_json_schema(),
        "title": "talking-video worker: input",
        "oneOf": [_sent("audio_urls"), _sent("speakers")],
        "allOf": [
            {"not": _sent("upload_url", "output_key")},
            {"not": {**_sent("resolution"), "anyOf": [{"required": ["width"]}, {"required": ["height"]}]}},
            *(_with_scheduler(name, steps=steps) for name, steps in FIXED_STEPS.items()),
            _with_scheduler("flowmatch_distill", use_speed_lora=True),
        ],
    }


def _sent(*names: str) -> dict[str, Any]:
    return {"required": list(names), "properties": {name: {"not": {"type": "null"}} for name in names}}


def _with_scheduler(name: str, **needs: object) -> dict[str, Any]:
    return {
        "if": {"required": ["scheduler"], "properties": {"scheduler": {"const": name}}},
        "then": {"properties": {field: {"const": value} for field, value in needs.items()}},
    }
