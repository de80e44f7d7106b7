"""`python -m tests.bench [--pure | PART …]`: measure what can be measured without a GPU, and write docs/benchmarks.json
and the pages that are made of it.

Each figure is a ratio inside one run, a count, or stands beside a goal. Without arguments every part is measured, ten
minutes in all without a real ComfyUI; of parts that are left out, what was measured before stays. --pure leaves out
all that needs a clock, and so a machine that does nothing else. The exit code is 1 where a figure is a fifth worse than
its goal.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import median

from tests.bench import (
    cold_start,
    counted,
    download,
    encoding,
    loading,
    memory,
    own_start,
    planning,
    start,
    warm_job,
)
from tests.bench.figures import Figure, bars, table
from tests.bench.real_worker import NEEDS
from tests.bench.record import PAGE, committed
from tests.job.test_forecast import LEARNED, MOST_OFF, errors
from worker import reference

PLOTS = PAGE.parent / "benchmarks"
Measure = Callable[[], Iterable[Figure]]


def pure() -> list[Figure]:
    """What arithmetic alone gives."""
    off = errors()[LEARNED:]
    shown = f"{median(off):.1%}; the worst {max(off):.1%}"
    forecast = Figure(f"forecast, error over {len(off)} jobs after {LEARNED}, median", median(off), shown, MOST_OFF)
    return [*planning.figures(), forecast]


def main(asked: list[str]) -> int:
    """The exit code."""
    record = committed().with_same([*pure(), *counted.figures()])
    for name, measure in _parts().items():
        if not asked or name in asked:
            record = record.with_part(name, list(measure()))
            record.write()  # a part that fails takes nothing of those before it away
    record.write()
    reference.write(PAGE.parent)
    figures = record.figures.values()
    sys.stdout.write(table(list(figures)))
    return 1 if any(one.is_worse_than(one.goal) for one in figures if one.goal is not None) else 0


def _parts() -> dict[str, Measure]:
    """By name, in the order of the page. Those of a real ComfyUI are there where it is."""
    parts: dict[str, Measure] = {
        **{f"warm-{width}x{height}": partial(_warm, (width, height)) for width, height in warm_job.SIZES},
        "far": _far,
        "encoding": encoding.figures,
        "memory": memory.figures,
        "import": own_start.figures,
        "download": download.figures,
    }
    if all(os.environ.get(name) for name in NEEDS):
        return parts | {"start": start.figures, "cold": cold_start.figures, "loading": loading.figures}
    sys.stderr.write(f"the starts are not measured: they need a real ComfyUI ({' and '.join(NEEDS)})\n")
    return parts


def _warm(size: warm_job.Size) -> Iterable[Figure]:
    warm, plain = warm_job.measure(size)
    PLOTS.mkdir(exist_ok=True)
    (PLOTS / f"warm-{size[0]}x{size[1]}.svg").write_text(_stages(warm, plain), encoding="utf-8")
    return warm_job.figures(size, warm, plain)


def _far() -> Iterable[Figure]:
    size = warm_job.SIZES[0]
    return warm_job.far_figures(size, *warm_job.measure(size, warm_job.ROUND_TRIP))


def _stages(warm: Sequence[warm_job.Warm], plain: Sequence[float]) -> str:
    stages = {stage: median(one.stages[stage] for one in warm) for stage in warm_job.STAGES}
    whole = {"all but the GPU's work": median(one.overhead for one in warm)}
    rows = [(name, seconds, f"{seconds:.2f} s", True) for name, seconds in (stages | whole).items()]
    rows += [("the plain sequence", median(plain), f"{median(plain):.2f} s", False)]
    return bars("Seconds of a warm job beside the GPU's work, 10 s of sound", rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
