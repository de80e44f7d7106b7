"""What `quality` stands for: the settings of a published recipe by one name.

Sources, in docs/facts/talk-models.md: #published-recipes, #defaults-of-a-mode. Pure.
"""

from dataclasses import dataclass
from dataclasses import fields as members
from typing import Any

from contract.fields import JobInput, Quality
from contract.rules import FIXED_STEPS


@dataclass(frozen=True)
class Preset:
    """The fields of a request that a name stands for. `shift` None: it follows from the other fields and the size."""

    steps: int
    scheduler: str
    cfg_scale: float
    use_speed_lora: bool
    shift: float | None


PRESETS: dict[Quality, Preset] = {
    "fast": Preset(steps=4, scheduler="flowmatch_distill", cfg_scale=1.0, use_speed_lora=True, shift=5.0),
    "balanced": Preset(steps=6, scheduler="dpm++_sde", cfg_scale=1.0, use_speed_lora=True, shift=11.0),
    "best": Preset(steps=20, scheduler="unipc", cfg_scale=5.0, use_speed_lora=False, shift=None),
}


def with_preset(sent: JobInput, warnings: list[str]) -> JobInput:
    """The fields with those of the preset where the caller sent none; `names` still knows what the caller sent.

    What the caller sent wins, and that is told. A scheduler with a fixed number of steps brings that number along.
    """
    if sent.quality is None:
        return sent
    preset: dict[str, Any] = {field.name: getattr(PRESETS[sent.quality], field.name) for field in members(Preset)}
    own = {name: getattr(sent, name) for name in preset if sent.names(name)}
    told = [f"{name} {_shown(value)}" for name, value in own.items() if value != preset[name]]
    if sent.names("scheduler") and not sent.names("steps"):
        preset["steps"] = FIXED_STEPS.get(sent.scheduler, preset["steps"])
        told += [f"steps {preset['steps']}"] if preset["steps"] != PRESETS[sent.quality].steps else []
    if not own.get("use_speed_lora", preset["use_speed_lora"]):
        preset["shift"] = None  # the other values are those of the LoRA
    if told:
        warnings.append(f"quality '{sent.quality}' with {', '.join(told)}, as sent, in place of its own")
    return JobInput.model_construct(sent.model_fields_set, **{**dict(sent), **preset, **own})


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
