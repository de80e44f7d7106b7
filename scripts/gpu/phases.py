"""What the probe's record of one prompt says: seconds of each window, of its steps, and of what lies between."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean
from typing import Any

Phase = dict[str, Any]
HOUSEKEEPING = ("soft_empty_cache", "collect")
OF_GPU = ("encode", "step", "decode", "to_cpu", "vae_move", *HOUSEKEEPING)


def seconds(phase: Phase) -> float:
    """How long it took."""
    return float(phase["end"] - phase["begin"])


def total(phases: Iterable[Phase], *names: str) -> float:
    """Seconds of those with one of the names."""
    return sum(seconds(phase) for phase in phases if phase["name"] in names)


def windows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry a window, in seconds.

    `before` is what the sampling thread did on the CPU before the window's first step: colour match, conversion and
    hand-over of the frames of the window before, noise and slices of this one. `match` is the colour match in it.
    `after`, of the last window, is the same work up to the end of the loop.
    """
    loops = [phase for phase in record["phases"] if phase["name"] == "loop"]
    if not loops:
        return []
    inside = sorted((p for p in record["phases"] if loops[0]["begin"] <= p["begin"]), key=lambda p: float(p["begin"]))
    found, since, group = [], float(loops[0]["begin"]), list[Phase]()
    last = "to_cpu" if any(phase["name"] == "to_cpu" for phase in inside) else "decode"
    for phase in inside:
        if phase["name"] != "loop" and phase["end"] <= loops[0]["end"]:
            group.append(phase)
        if phase["name"] == last:
            found.append(_window(group, since))
            since, group = float(phase["end"]), []
    if found:
        found[-1]["after"] = round(loops[0]["end"] - since - total(group, *OF_GPU), 4)
        found[-1]["match_after"] = round(total(group, "match"), 4)
    return found


def _window(group: list[Phase], since: float) -> dict[str, Any]:
    steps = [phase for phase in group if phase["name"] == "step"]
    begun = steps[0]["begin"] if steps else group[-1]["begin"]
    earlier = [phase for phase in group if phase["begin"] < begun]
    return {
        "seconds": round(group[-1]["end"] - since, 3),
        "steps": [round(seconds(step), 4) for step in steps],
        "encode": round(total(group, "encode"), 4),
        "decode": round(total(group, "decode"), 4),
        "to_cpu": round(total(group, "to_cpu"), 4),
        "vae_move": round(total(group, "vae_move"), 4),
        "housekeeping": round(total(group, *HOUSEKEEPING), 4),
        "before": round(begun - since - total(earlier, *OF_GPU), 4),
        "match": round(total(group, "match"), 4),
    }


def nodes(record: dict[str, Any]) -> dict[str, float]:
    """Seconds of each node class that ran."""
    found: defaultdict[str, float] = defaultdict(float)
    for node in record["nodes"]:
        found[str(node["class"])] += seconds(node)
    return {name: round(took, 3) for name, took in found.items()}


def summary(record: dict[str, Any]) -> dict[str, Any]:
    """Of one prompt, for the results file."""
    phases, every = record["phases"], windows(record)
    steps = [step for window in every for step in window["steps"]]
    later = [window["before"] for window in every[1:]]
    return {
        "end": record["end"],
        "windows": every,
        "step_seconds": round(fmean(steps), 4) if steps else None,
        "window_seconds": round(fmean(window["seconds"] for window in every[1:] or every), 3) if every else None,
        "between_windows": round(fmean(later), 4) if later else None,
        "load_weights": round(total(phases, "load_weights"), 3),
        "set_lora": round(total(phases, "set_lora"), 3),
        "nodes": nodes(record),
        "facts": record["facts"],
    }
