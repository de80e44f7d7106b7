"""`python -m tests.bench [--pure]`: measure what can be measured without a GPU, and write docs/benchmarks.json, and the
pages that are made of it.

Each figure is a ratio inside one run, a count, or stands beside a goal. --pure leaves out what needs a clock, and so a
machine that does nothing else: what was measured before stays. The exit code is 1 where a figure is a fifth worse than
its goal.
"""

import os
import sys
from statistics import median

from tests.bench import counted, encoding, memory, planning, start, warm_job
from tests.bench.figures import Figure, bars, table
from tests.bench.record import FILE, PAGE, Record, committed
from tests.job.test_forecast import LEARNED, MOST_OFF, errors
from worker import reference

PLOTS = PAGE.parent / "benchmarks"


def pure() -> list[Figure]:
    """What arithmetic alone gives."""
    off = errors()[LEARNED:]
    shown = f"{median(off):.1%}; the worst {max(off):.1%}"
    forecast = Figure(f"forecast, error over {len(off)} jobs after {LEARNED}, median", median(off), shown, MOST_OFF)
    return [*planning.figures(), forecast]


def main() -> int:
    """The exit code."""
    before = committed() if FILE.exists() else Record(())
    record = Record([*pure(), *counted.figures()], before.measured, before.machine)
    if "--pure" not in sys.argv:
        record = record.with_measured(_measured())
    record.write()
    reference.write(PAGE.parent)
    sys.stdout.write(table([*record.same, *record.measured]))
    return 1 if any(one.is_worse_than(one.goal) for one in record.figures.values() if one.goal is not None) else 0


def _measured() -> list[Figure]:
    found = list(encoding.figures())
    if all(os.environ.get(name) for name in start.NEEDS):
        found += start.figures()
    else:
        sys.stderr.write(f"the start is not measured: it needs a real ComfyUI ({' and '.join(start.NEEDS)})\n")
    jobs = {size: warm_job.measure(size) for size in warm_job.SIZES}
    for size, (warm, plain) in jobs.items():
        found += warm_job.figures(size, warm, plain)
    small = warm_job.SIZES[0]
    found += warm_job.far_figures(small, *warm_job.measure(small, warm_job.ROUND_TRIP))
    found += memory.figures()
    PLOTS.mkdir(exist_ok=True)
    (PLOTS / "warm-job.svg").write_text(_stages(jobs), encoding="utf-8")
    return found


def _stages(jobs: dict[warm_job.Size, tuple[list[warm_job.Warm], list[float]]]) -> str:
    rows: list[tuple[str, float, str, bool]] = []
    for size, (warm, plain) in jobs.items():
        name = f"{size[0]}x{size[1]}"
        stages = {stage: median(one.stages[stage] for one in warm) for stage in warm_job.STAGES}
        whole = median(one.overhead for one in warm)
        rows += [(f"{name}: {stage}", seconds, f"{seconds:.2f} s", True) for stage, seconds in stages.items()]
        rows += [(f"{name}: all but the GPU's work", whole, f"{whole:.2f} s", True)]
        rows += [(f"{name}: the plain sequence", median(plain), f"{median(plain):.2f} s", False)]
    return bars("Seconds of a warm job beside the GPU's work, 10 s of sound", rows)


if __name__ == "__main__":
    sys.exit(main())
