"""Writes docs/gpu/README.md from the results beside it; nothing in it is typed by hand."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean
from typing import Any

from gpu.cases import parse

GIB = 2**30
PATCH_PIXELS, LINEAR_FLOP_PER_TOKEN, ATTENTION_FLOP_PER_TOKEN_PAIR = 16, 28.10e9, 819_200
HEAD = """# Measured on GPUs

Made by `scripts/gpu_bench.py` from the JSON files beside this page; do not edit it. The jobs of a card ran one after
the other, in the order of the tables; those with the same commit and settings in one worker: the first one loads
everything, one that follows another of its mode finds its models there.
"""
Run = dict[str, Any]


def write_table(folder: Path) -> None:
    """One section for each card of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    told = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]
    (folder / "README.md").write_text("\n".join([HEAD, *map(_card, told)]), encoding="utf-8")


def step_flop(name: str) -> float:
    """Floating point operations of the DiT in one step of a case, without guidance."""
    case = parse(name)
    tokens = ((case.window - 1) // 4 + 1) * (case.width // PATCH_PIXELS) * (case.height // PATCH_PIXELS)
    return tokens * LINEAR_FLOP_PER_TOKEN + ATTENTION_FLOP_PER_TOKEN_PAIR * tokens**2


def _card(told: dict[str, Any]) -> str:
    runs = [run for run in told["runs"] if "error" not in run]
    inside = [run for run in runs if run.get("inside")]
    parts = [f"## {told['card']['name']}\n", _facts(told, inside), "### Jobs\n", _jobs(runs)]
    if inside:
        parts += ["### Where a window's time goes, in seconds\n", _windows(inside)]
        parts += ["### Before the first window, in seconds\n", _loading(inside)]
    failed = [f"- `{run['case']}`: {run['error']}" for run in told["runs"] if "error" in run]
    return "\n".join([*parts, *(["### Failed\n", *failed, ""] if failed else [])])


def _facts(told: dict[str, Any], inside: list[Run]) -> str:
    card, versions, machine = told["card"], told.get("versions", {}), told.get("machine", {})
    facts = inside[0]["inside"]["facts"] if inside else {}
    lines = [f"- {told['date']}; weights: {told['weights']}"]
    if "driver" in card:
        limit = f", {card['power_limit_w']:.0f} W" if card.get("power_limit_w") else ""
        lines.append(f"- driver {card['driver']}, {card['memory_mib'] / 1024:.1f} GiB of memory{limit}")
    if machine:
        lines.append(f"- beside it {machine['processor']}, {machine['threads']} threads")
    if versions:
        lines.append("- " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items()) if version))
    if facts:
        lines.append(f"- precision {facts.get('dtype')}, 4 steps, no guidance")
    lines.append("- frames of random weights are noise: PNGs and videos are larger than real ones, and slower to write")
    return "\n".join([*lines, *(f"- {note}" for note in told.get("notes", ()))]) + "\n"


def _jobs(runs: list[Run]) -> str:
    columns: dict[str, Callable[[Run], str]] = {
        "job": lambda run: f"`{run['case']}`",
        "commit": lambda run: str(run["commit"]),
        "settings": _settings,
        "attention": lambda run: str((run.get("inside") or {}).get("facts", {}).get("attention") or ""),
        "ready, s": lambda run: f"{run['worker_start_seconds']:.1f}" if run.get("worker_start_seconds") else "",
        "windows": lambda run: f"{run['video_info']['windows']} x {run['window_frames']}",
        "whole job, s": lambda run: f"{run['processing_time_seconds']:.1f}",
        "load, s": lambda run: f"{run['timings']['load']:.1f}",
        "sample, s": lambda run: f"{run['timings']['sample']:.1f}",
        "rest, s": lambda run: f"{_rest(run):.2f}",
        "a window, s": lambda run: _of(run, "window_seconds", "{:.2f}"),
        "a step, s": lambda run: _of(run, "step_seconds", "{:.3f}"),
        "TFLOP/s of a step": _rate,
        "VRAM, GiB": _vram,
        "RAM, GiB": lambda run: _gib(run.get("ram_bytes", {}).get("anonymous")),
        "GPU busy while sampling": _busy,
    }
    note = (
        "`settings` are those of the worker that are not its defaults. `ready` is the start of the worker that the job "
        "ran in, up to where it takes jobs. `VRAM` is the peak that torch reserved; `RAM` the memory of worker and "
        "ComfyUI, without mapped files; `rest` is fetch, prepare, encode and upload.\n"
    )
    return _table(columns, runs) + "\n" + note


def _windows(runs: list[Run]) -> str:
    columns: dict[str, Callable[[Run], str]] = {
        "job": lambda run: f"`{run['case']}`",
        "commit": lambda run: str(run["commit"]),
        "settings": _settings,
        "colour match": lambda run: str(run["inside"]["facts"].get("colour_match")),
        "steps": lambda run: f"{_mean(run, lambda window: sum(window['steps'])):.2f}",
        "VAE encode": lambda run: f"{_mean(run, lambda window: window['encode']):.2f}",
        "VAE decode": lambda run: f"{_mean(run, lambda window: window['decode']):.2f}",
        "frames to the CPU": lambda run: _unless_zero(_mean(run, lambda window: window["to_cpu"])),
        "VAE moved": lambda run: f"{_mean(run, lambda window: window['vae_move']):.3f}",
        "caches, gc": lambda run: f"{_mean(run, lambda window: window['housekeeping']):.3f}",
        "on the CPU between windows": lambda run: _of(run, "between_windows", "{:.3f}"),
        "of it colour match": lambda run: _unless_zero(_mean(run, lambda window: window["match"])),
    }
    note = (
        '"On the CPU between windows" is what the sampling thread does from the end of the VAE\'s decode to the next '
        "window's first step, less the work of the GPU and the VAE: colour match, conversion and hand-over of the "
        "frames, noise of the next window. Where nothing is told for the frames' way to the CPU, they stay on the GPU "
        "until they are bytes, and copy and colour match are in there too. The means leave the first window out where "
        "there are several.\n"
    )
    return _table(columns, runs) + "\n" + note


def _loading(runs: list[Run]) -> str:
    names = list(dict.fromkeys(name for run in runs for name in run["inside"]["nodes"] if name != "WanVideoSampler"))
    names = [name for name in names if any(run["inside"]["nodes"].get(name, 0) >= 0.05 for run in runs)]
    columns: dict[str, Callable[[Run], str]] = {
        "job": lambda run: f"`{run['case']}`",
        "commit": lambda run: str(run["commit"]),
        "settings": _settings,
        "sampler: weights": lambda run: f"{run['inside']['load_weights']:.2f}",
        "sampler: LoRA": lambda run: f"{run['inside']['set_lora']:.2f}",
    }
    columns |= {name: lambda run, name=name: _node(run, name) for name in names}
    return _table(columns, runs) + "\nAn empty cell is a node that did not run, as ComfyUI had its result.\n"


def _table(columns: dict[str, Callable[[Run], str]], runs: Iterable[Run]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(cell(run) for cell in columns.values())} |" for run in runs]
    return "\n".join(lines) + "\n"


def _settings(run: Run) -> str:
    return ", ".join(f"`{name}={value}`" for name, value in sorted(run.get("settings", {}).items()))


def _node(run: Run, name: str) -> str:
    took = run["inside"]["nodes"].get(name)
    return "" if took is None else f"{took:.2f}"


def _mean(run: Run, value: Callable[[dict[str, Any]], float]) -> float:
    windows = run["inside"]["windows"]
    return fmean(value(window) for window in windows[1:] or windows)


def _unless_zero(value: float) -> str:
    return f"{value:.3f}" if value else ""


def _of(run: Run, key: str, form: str) -> str:
    value = (run.get("inside") or {}).get(key)
    return "" if value is None else form.format(value)


def _rest(run: Run) -> float:
    return sum(float(run["timings"][stage]) for stage in ("fetch", "prepare", "encode", "upload"))


def _rate(run: Run) -> str:
    step = (run.get("inside") or {}).get("step_seconds")
    return f"{step_flop(run['case']) / step / 1e12:.0f}" if step else ""


def _vram(run: Run) -> str:
    return _gib((run.get("inside") or {}).get("facts", {}).get("reserved_bytes"))


def _gib(size: int | None) -> str:
    return f"{size / GIB:.1f}" if size else ""


def _busy(run: Run) -> str:
    busy = (run.get("gpu_sampling") or {}).get("busy_percent")
    return "" if busy is None else f"{busy:.1f} %"
