"""Measure jobs on a GPU: seconds of a window, of a step and of what lies between, memory, and how busy the GPU is.

    python scripts/gpu_bench.py --comfyui DIR --python INTERPRETER --models DIR
    python scripts/gpu_bench.py --endpoint ID                     replies only: nothing can be measured from inside
    python scripts/gpu_bench.py --list
    python scripts/gpu_bench.py --table                           docs/gpu/README.md anew from the results there

Jobs run one after the other, twice where you name one again with -again. After each one the results are written to
docs/gpu/<card>.json, where they replace those of the same job, commit and settings: a bench that is stopped has lost
nothing, and a second one adds to the first. A local worker gets the environment of the bench, FORCE_OFFLOAD=false, say.
No downloaded weights are needed: `scripts/make_tiny_models.py DIR --full-size` writes some that take as long.
"""

import argparse
import fnmatch
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpu.cases import Case, parse, standard
from gpu.meters import Gpu, Memory, card, machine
from gpu.phases import summary
from gpu.report import write_table
from gpu.worker import REPOSITORY, JobError, Place, endpoint, local_worker, speed_settings

RESULTS = REPOSITORY / "docs/gpu"
LONGEST_JOB = 3600.0
SEED = 42


class Results:
    """The results of one card, in one file. `notes` in it is what people have to say about its runs."""

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        name = re.sub(r"[^a-z0-9]+", "-", str(facts["card"]["name"]).lower()).strip("-")
        self._file = folder / f"{name}.json"
        self._told = json.loads(self._file.read_text()) if self._file.exists() else {"runs": []}
        self._told = {**self._told, **facts}

    def add(self, run: dict[str, Any]) -> None:
        """Write it; an earlier run of the same job at the same commit with the same settings goes."""
        kept = [other for other in self._told["runs"] if identity(other) != identity(run)]
        self._told["runs"] = [*kept, run]
        if run.get("versions"):
            self._told["versions"] = run.pop("versions")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(self._told, indent=1, sort_keys=True) + "\n")
        part.replace(self._file)


def identity(run: dict[str, Any]) -> tuple[Any, ...]:
    """What two runs have in common that can be compared."""
    return run["case"], run["commit"], run.get("settings", {})


def measure(case: Case, place: Place, gpu: Gpu) -> dict[str, Any]:
    """Run one job. A failed one is a result as well: its `error`."""
    run: dict[str, Any] = {"case": case.name, "windows_planned": case.windows, "window_frames": case.window}
    before, begun = len(place.records()), time.time()
    memory = Memory(lambda: place.pid)
    with memory:
        try:
            reply = place.run(case.job(SEED), LONGEST_JOB)
            run |= {key: reply[key] for key in ("timings", "processing_time_seconds", "video_info", "warnings")}
        except (JobError, OSError) as error:
            run["error"] = str(error)
    run["wall_seconds"] = round(time.time() - begun, 2)
    if memory.peak:
        run["ram_bytes"] = memory.peak
    if place.pid:
        run["gpu"] = gpu.between(begun, time.time())
    for record in place.records()[before:]:
        run["versions"], run["inside"] = record["versions"], summary(record)
        loop = next((phase for phase in record["phases"] if phase["name"] == "loop"), None)
        if loop:
            run["gpu_sampling"] = gpu.between(record["begun"] + loop["begin"], record["begun"] + loop["end"])
    return run


def chosen(names: list[str]) -> list[Case]:
    """Names and patterns, in the order given; none: the standard ones."""
    found = []
    for name in names:
        fitting = [case for case in standard() if fnmatch.fnmatchcase(case.name, name)]
        found += fitting if "*" in name else [parse(name)]
    return found or standard()


def commit_of(asked: argparse.Namespace) -> str | None:
    """What is measured."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()
    return asked.commit or told or None


def facts(asked: argparse.Namespace) -> dict[str, Any]:
    """What is true of the whole bench."""
    found: dict[str, Any] = {"date": time.strftime("%Y-%m-%d")}
    if asked.endpoint:
        return {**found, "card": {"name": f"endpoint {asked.card or 'unknown'}"}, "weights": "the endpoint's own"}
    weights = {"random": "random, of the real shapes", "tiny": "random and tiny", "real": "real"}[asked.weights]
    return {**found, "card": card(), "machine": machine(), "weights": weights}


@contextmanager
def place_of(asked: argparse.Namespace) -> Iterator[Place]:
    """The worker or endpoint that was asked for."""
    if asked.endpoint:
        yield endpoint(asked.endpoint)
        return
    with local_worker(asked.comfyui, asked.python, asked.models, asked.work, tiny=asked.weights == "tiny") as place:
        yield place


def bench(asked: argparse.Namespace) -> int:
    """Run the jobs that fit the budget; the exit code says whether one failed."""
    deadline = time.monotonic() + asked.budget
    results, failed = Results(asked.results, facts(asked)), 0
    seconds_per_window: dict[tuple[int, int], float] = {}
    with Gpu() as gpu, place_of(asked) as place:
        print(f"the worker is ready after {place.start_seconds} s", flush=True)
        for case in chosen(asked.cases):
            left, size = deadline - time.monotonic(), (case.width, case.height)
            expected = seconds_per_window.get(size, 0.0) * case.windows
            if expected > left or left < 0:
                print(f"left out: {case.name} would take {expected:.0f} s, {left:.0f} s are left", flush=True)
                continue
            run = measure(case, place, gpu)
            run |= {"commit": commit_of(asked), "worker_start_seconds": place.start_seconds}
            results.add(run if asked.endpoint else {**run, "settings": speed_settings()})
            failed += "error" in run
            inside = run.get("inside") or {}
            seconds_per_window[size] = inside.get("window_seconds") or run["wall_seconds"] / case.windows
            print(f"{case.name}: {run.get('error') or brief(run)}", flush=True)
    write_table(asked.results)
    return 1 if failed else 0


def brief(run: dict[str, Any]) -> str:
    """One line for whoever watches."""
    inside = run.get("inside") or {}
    wanted = ("window_seconds", "step_seconds", "between_windows", "load_weights")
    told = ", ".join(f"{key} {inside[key]}" for key in wanted if key in inside)
    return f"{run['wall_seconds']} s, {told}, GPU {run.get('gpu_sampling') or run.get('gpu')}"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names or patterns such as 'infinitetalk-*-10s-*'")
    parser.add_argument("--comfyui", type=Path, help="folder of ComfyUI, with its node pack")
    parser.add_argument("--python", type=Path, help="interpreter to start ComfyUI with")
    parser.add_argument("--models", type=Path, help="ComfyUI's models folder")
    parser.add_argument("--weights", choices=("random", "tiny", "real"), default="random", help="what lies there")
    parser.add_argument("--endpoint", help="measure this RunPod endpoint (RUNPOD_API_KEY), and start no worker")
    parser.add_argument("--card", help="the GPU of the endpoint, for the results' name")
    parser.add_argument("--commit", help="what is measured, where this is no git checkout")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds; jobs that do not fit are left out")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--work", type=Path, default=REPOSITORY / "build/gpu", help="folder of the worker's files")
    parser.add_argument("--list", action="store_true", help="show the standard jobs")
    parser.add_argument("--table", action="store_true", help="write the table anew and measure nothing")
    return parser.parse_args()


def main() -> int:
    """Measure, or list, or write the table; the exit status."""
    asked = arguments()
    if asked.list:
        print("\n".join(case.name for case in standard()))
        return 0
    if asked.table:
        write_table(asked.results)
        return 0
    if not asked.endpoint and not (asked.comfyui and asked.python and asked.models):
        print("name --comfyui, --python and --models, or an --endpoint", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the worker ends too
    return bench(asked)


if __name__ == "__main__":
    sys.exit(main())
