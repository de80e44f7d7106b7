"""Values of jobs to build graphs from."""

from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any, TypedDict

import pytest

from contract.fields import Mode
from contract.request import Request, parse_request
from workflows import modes
from workflows.graph import GraphInputs, MemoryOptions, Precision, References
from workflows.models import ModelSet, choose_models
from workflows.plan import Plan, make_plan

MODES: tuple[Mode, ...] = tuple(modes.MODES)
FOLDER = Path("/job")
by_mode = pytest.mark.parametrize("mode", MODES)


def plan(frames: int = 251, *, mode: Mode = "multitalk", window_frames: int | None = None, **changes: Any) -> Plan:
    """The plan of a job at 400x704 with the speed LoRA's settings, with changes."""
    values: dict[str, Any] = {"steps": 4, "scheduler": "flowmatch_distill", "cfg_scale": 1.0, "audio_cfg_scale": 1.0}
    width, height = changes.pop("width", 400), changes.pop("height", 704)
    return make_plan(frames, width, height, mode, window_frames=window_frames, **{**values, **changes})


class GraphArguments(TypedDict):
    """What `build_graph` takes."""

    request: Request
    inputs: GraphInputs
    frames_parent: Path
    memory: MemoryOptions
    models: ModelSet
    precision: Precision


def arguments(mode: Mode, voices: int = 1, /, *, base: str = "q4_k_m", **changes: Any) -> GraphArguments:
    """For a job of a mode with a number of voices and, where there are several, masks. A change is named as in any of
    the objects that `build_graph` takes; `width` and `height` are the plan's."""
    sent = {"image_url": "portrait.png", "audio_urls": [f"{number}.wav" for number in range(voices)], "seed": 7}
    request = parse_request({**sent, "mode": mode, "positive_prompt": "A woman speaks", "negative_prompt": "blurred"})
    inputs = GraphInputs(
        references=References(FOLDER / "portrait.png"),
        voices=tuple(FOLDER / f"track_{number}.wav" for number in range(1, voices + 1)),
        masks=FOLDER / "masks.png" if voices > 1 else None,
        plan=changes.pop("plan", plan(mode=mode)),
        shift=11.0,
        color_match="mkl",
    )
    size = {name: changes.pop(name) for name in ("width", "height") if name in changes}
    inputs = replace(inputs, plan=replace(inputs.plan, **size))
    inputs = replace(inputs, **_taken(changes, GraphInputs))
    memory = MemoryOptions(**{"blocks_to_swap": None, **_taken(changes, MemoryOptions)})
    changed = _taken(changes, Request)
    negative = {"negative_guidance": "cfg"} if changed.get("cfg_scale", 1.0) != 1.0 else {}
    request = replace(request, **{"negative_guidance": None, **negative, **changed})
    made = GraphArguments(
        request=request,
        inputs=inputs,
        frames_parent=changes.pop("frames_parent", FOLDER / "frames"),
        memory=memory,
        models=changes.pop("models", choose_models(mode, voices, base)),
        precision=changes.pop("precision", Precision()),
    )
    assert not changes, "a name that build_graph does not know"
    return made


def _taken(changes: dict[str, Any], kind: type) -> dict[str, Any]:
    return {field.name: changes.pop(field.name) for field in fields(kind) if field.name in changes}


def every_kind_of_job() -> list[GraphArguments]:
    """Mode x voices x masks x LoRA x block swap x the way that a negative prompt works by."""
    kinds = product(MODES, (1, 2, 3, 4), (True, False), (1.0, None), (None, 20), (None, "nag", "cfg"))
    return [
        arguments(
            mode,
            voices,
            masks=FOLDER / "masks.png" if masks else None,
            speed_lora_strength=lora,
            blocks_to_swap=swap,
            cfg_scale=5.0 if negative == "cfg" else 1.0,
            negative_guidance=negative,
            scheduler="flowmatch_distill" if lora else "unipc",
        )
        for mode, voices, masks, lora, swap, negative in kinds
    ]
