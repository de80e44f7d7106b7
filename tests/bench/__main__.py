"""`python -m tests.bench [--pure]`: measure what can be measured without a GPU, and write docs/benchmarks.md anew.

Each figure is a ratio inside one run, or stands beside a goal. --pure leaves out what needs a clock, and so a machine
that does nothing else. The exit code is 1 where a figure is a fifth worse than its goal.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median
from typing import Any

from imageio_ffmpeg import get_ffmpeg_exe

from tests.bench import cold_start, download, encoding, loading, own_start, planning, start, warm_job
from tests.bench.encoding import REPOSITORY
from tests.bench.figures import Figure, bars, table
from tests.bench.real_worker import NEEDS
from tests.job.test_forecast import LEARNED, MOST_OFF, errors
from worker.processor import processor_name

PAGE = REPOSITORY / "docs" / "benchmarks.md"
PLOTS = REPOSITORY / "docs" / "benchmarks"
WORSE = 1.2
SIZES = ((400, 704), (720, 1280))


def pure() -> list[Figure]:
    """What comes out the same on every machine."""
    off = errors()[LEARNED:]
    shown = f"{median(off):.1%}; the worst {max(off):.1%}"
    forecast = Figure(f"forecast, error over {len(off)} jobs after {LEARNED}, median", median(off), shown, MOST_OFF)
    return [*planning.figures(), forecast]


def worse(figures: Sequence[Figure]) -> list[Figure]:
    """Those that are a fifth worse than their goal."""
    return [one for one in figures if one.goal is not None and one.value > WORSE * one.goal]


def main() -> int:
    """The exit code."""
    figures = pure()
    measured = [] if "--pure" in sys.argv else _measured()
    PAGE.write_text(_page(figures, measured), encoding="utf-8")
    sys.stdout.write(table([*figures, *measured]))
    return 1 if worse([*figures, *measured]) else 0


def _measured() -> list[Figure]:
    found = list(encoding.figures())
    found += [*own_start.figures(), *download.figures()]
    if all(os.environ.get(name) for name in NEEDS):
        found += [*start.figures(), *cold_start.figures(), *loading.figures()]
    else:
        sys.stderr.write(f"the starts are not measured: they need a real ComfyUI ({' and '.join(NEEDS)})\n")
    jobs = {size: warm_job.measure(size) for size in SIZES}
    for size, (warm, plain) in jobs.items():
        found += warm_job.figures(size, warm, plain)
    PLOTS.mkdir(exist_ok=True)
    (PLOTS / "warm-job.svg").write_text(_stages(jobs), encoding="utf-8")
    return found


def _stages(jobs: dict[tuple[int, int], tuple[list[warm_job.Warm], list[float]]]) -> str:
    rows: list[tuple[str, float, str, bool]] = []
    for size, (warm, plain) in jobs.items():
        name = f"{size[0]}x{size[1]}"
        stages = {stage: median(one.stages[stage] for one in warm) for stage in warm_job.STAGES}
        whole = median(one.overhead for one in warm)
        rows += [(f"{name}: {stage}", seconds, f"{seconds:.2f} s", True) for stage, seconds in stages.items()]
        rows += [(f"{name}: all but the sampling", whole, f"{whole:.2f} s", True)]
        rows += [(f"{name}: the plain sequence", median(plain), f"{median(plain):.2f} s", False)]
    return bars("Seconds of a warm job beside the GPU's work, 10 s of sound", rows)


def _page(figures: list[Figure], measured: list[Figure]) -> str:
    return f"""# Benchmarks

Made by `make bench`; do not edit it. Smaller is better throughout. What a GPU does is in [gpu](gpu), times
and prices by GPU are in [speed.md](speed.md).

{_machine()}

## The same on every machine

`of the bound`: the work that would be left if a part of a window cost that part of its price.

{table(figures)}
{_by_the_clock(measured)}"""


def _by_the_clock(measured: list[Figure]) -> str:
    if not measured:
        return "What needs a clock was left out of this run (`--pure`): the machine had other work.\n"
    return f"""## Measured here

The worker runs in the real SDK against a control plane and a bucket on this machine, with the simulator for ComfyUI and
10.01 s of sound; the plain sequence ran in turns with it: fetch one source after the other, convert the voice, encode
after the last frame, upload. The encoder is fed portraits under noise. The simulator writes all
frames at once: what comes after its last frame is nearly all of the encoding, which beside a GPU goes on meanwhile.

{table(measured)}
![seconds of a warm job](benchmarks/warm-job.svg)
"""


def _machine() -> str:
    first = subprocess.run([get_ffmpeg_exe(), "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    packages = ", ".join(f"{name} {version(name)}" for name in ("runpod", "pillow", "pydub"))
    facts: dict[str, Any] = {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": f"{processor_name() or platform.machine()}, {os.cpu_count()} threads",
        "load when it ended": f"{os.getloadavg()[1]:.1f} processes that wanted a processor, over five minutes",
        "versions": f"Python {platform.python_version()}, ffmpeg {first}, {packages}",
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


if __name__ == "__main__":
    sys.exit(main())
