"""The load phase of the first job after a start with WARM_UP=1, beside that of a second one, on a real ComfyUI."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from tests.bench.figures import Figure
from tests.bench.real_worker import real_place
from tests.real.engine import real_environment
from tests.worker.local_api import ApiBench, api_bench
from worker.settings import Settings

GOAL = 1.2
SIDE = 256
JOBS = 4  # the first one, and those of which it is held against the median


def figures() -> Iterator[Figure]:
    """With the warm-up, and without it for comparison."""
    with real_place() as settings:
        cold, warm = (_loads(settings, settings.work_dir.parent / f"warm-{on}", on) for on in ("0", "1"))
    for name, loads, goal in (("after WARM_UP=1", warm, GOAL), ("without", cold, None)):
        first, second = loads[0], sorted(loads[1:])[len(loads[1:]) // 2]
        shown = f"{first / second:.2f} ({first:.2f} of {second:.2f} s)"
        yield Figure(f"load phase of the first job, of a second one's, {name}", first / second, shown, goal)


def _loads(settings: Settings, folder: Path, on: str) -> list[float]:
    """Seconds of the load phase of one job after the other."""
    with api_bench(folder, {**real_environment(settings), "WARM_UP": on}) as bench:
        return [_one(bench, number) for number in range(JOBS)]


def _one(bench: ApiBench, number: int) -> float:
    """Of a job with a picture and a voice that no job had before."""
    name = f"portrait-{number}.png"
    Image.new("RGB", (SIDE, SIDE), (90, 40 + 30 * number, 150)).save(bench.folder / name)
    voice = bench.voice(f"voice-{number}.wav", [(0.8 + number / 10, 0.5)])
    sent: dict[str, Any] = {"image_url": name, "audio_urls": [voice], "width": SIDE, "height": SIDE}
    run = bench.run(sent)
    if run.code:
        raise RuntimeError(f"a job failed: {run.reply}\n{run.log[-3000:]}")
    return float(run.reply["timings"]["load"])
