"""Values of jobs to build graphs from."""

from itertools import product
from pathlib import Path
from typing import Any

from workflows.graph import GraphValues, Precision
from workflows.models import choose_models
from workflows.plan import Plan, make_plan

MODES = ("multitalk", "infinitetalk")
FOLDER = Path("/job")


def plan(frames: int = 251, *, mode: str = "multitalk", window_frames: int | None = None, **changes: Any) -> Plan:
    """The plan of a job at 400x704 with the speed LoRA's settings, with changes."""
    values: dict[str, Any] = {"steps": 4, "scheduler": "flowmatch_distill", "cfg_scale": 1.0, "audio_cfg_scale": 1.0}
    width, height = changes.pop("width", 400), changes.pop("height", 704)
    return make_plan(frames, width, height, mode, window_frames=window_frames, **{**values, **changes})


def values(mode: str, voices: int = 1, *, base: str = "q4_k_m", **changes: Any) -> GraphValues:
    """A job of a mode with a number of voices and, where there are several, masks; with changes."""
    found: dict[str, Any] = {
        "mode": mode,
        "plan": plan(mode=mode),
        "width": 400,
        "height": 704,
        "portrait": FOLDER / "portrait.png",
        "voices": tuple(FOLDER / f"track_{number}.wav" for number in range(1, voices + 1)),
        "masks": FOLDER / "masks.png" if voices > 1 else None,
        "frames_parent": FOLDER / "frames",
        "positive_prompt": "A woman speaks",
        "negative_prompt": "blurred",
        "steps": 4,
        "cfg": 1.0,
        "shift": 11.0,
        "seed": 7,
        "scheduler": "flowmatch_distill",
        "audio_scale": 1.0,
        "audio_cfg_scale": 1.0,
        "color_match": "mkl",
        "speed_lora": 1.0,
        "blocks_to_swap": None,
        "models": choose_models(mode, voices, base),
        "precision": Precision(),
    }
    return GraphValues(**{**found, **changes})


def every_kind_of_job() -> list[GraphValues]:
    """Mode x voices x masks x LoRA x block swap x cfg."""
    kinds = product(MODES, (1, 2, 3, 4), (True, False), (1.0, None), (None, 20), (1.0, 5.0))
    return [
        values(
            mode,
            voices,
            masks=FOLDER / "masks.png" if masks else None,
            speed_lora=lora,
            blocks_to_swap=swap,
            cfg=cfg,
            scheduler="flowmatch_distill" if lora else "unipc",
        )
        for mode, voices, masks, lora, swap, cfg in kinds
    ]
