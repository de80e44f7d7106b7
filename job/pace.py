"""How long the stages of a job take on this worker: guessed from the GPU at first, learned from each finished job.

Feeds the percentage, the time that is left, and the decision that a job cannot end within its limit.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from contract.errors import Stage

STAGES = (Stage.FETCH, Stage.PREPARE, Stage.LOAD, Stage.SAMPLE, Stage.ENCODE, Stage.UPLOAD)
# Seconds of a first job, of which nothing is known; SAMPLE only where the GPU is unknown too.
GUESS = {
    Stage.FETCH: 2.0,
    Stage.PREPARE: 1.0,
    Stage.LOAD: 30.0,
    Stage.SAMPLE: 90.0,
    Stage.ENCODE: 0.5,
    Stage.UPLOAD: 3.0,
}
WEIGHT_OF_NEWEST = 0.5
LUCK = 0.8  # the share of the time of its steps that a job needs at least
ALIKE, FASTER = 0.5, 2.0  # a window with less than this share of the work may run at half the rate


@dataclass(frozen=True)
class GpuSpeed:
    """FLOP/s of the DiT: what real runs reach, and what none exceeds."""

    likely: float
    best: float


# docs/facts/talk-models.md#the-speed-of-gpus. likely: as seen; best: the best case, or the peak where there is none.
SPEEDS = {
    "RTX 5090": GpuSpeed(290e12, 490e12),
    "RTX 4090": GpuSpeed(140e12, 380e12),
    "L40S": GpuSpeed(170e12, 362e12),
    "A100": GpuSpeed(160e12, 312e12),
    "H100": GpuSpeed(320e12, 989e12),  # docs/gpu: a whole sampling at 400x704; 430 at 720x1280
}


def speed_of(gpu: str) -> GpuSpeed | None:
    """The speed of a GPU by its marketing name, or None where no run is known."""
    return next((speed for name, speed in SPEEDS.items() if name in gpu), None)


@dataclass(frozen=True)
class Forecast:
    """Expected seconds of each stage of one job. `sure` is false where the sampling is a mere guess."""

    seconds: Mapping[Stage, float]
    sure: bool

    def percent(self, stage: Stage, share: float) -> float:
        """Done of the whole job, 0 to 100, with `share` (0 to 1) of `stage` done."""
        if stage not in STAGES:
            return 0.0
        before = sum(self.seconds[earlier] for earlier in STAGES[: STAGES.index(stage)])
        return 100 * (before + share * self.seconds[stage]) / sum(self.seconds.values())

    def left(self, stage: Stage, share: float, spent: float, first: float = 0.0) -> float | None:
        """Seconds to the end; None where nobody can tell yet.

        Args:
            share: done of `stage`, 0 to 1.
            spent: seconds since `first` of it was done.
        """
        if stage not in STAGES:
            return sum(self.seconds.values()) if self.sure else None
        place, moved = STAGES.index(stage), share - first
        if not self.sure and place <= STAGES.index(Stage.SAMPLE) and moved <= 0:
            return None
        rest = spent / moved * (1 - share) if moved > 0 else max(self.seconds[stage] * (1 - share) - spent, 0.0)
        return rest + sum(self.seconds[later] for later in STAGES[place + 1 :])


@dataclass(frozen=True)
class Work:
    """What a job asks of the GPU: floating point operations in all, and of one window. Small windows run at a lower
    rate than large ones."""

    flop: float
    window: float


class StepTimer:
    """Times the steps of a sampling, without what comes before, between and after the windows.

    Args:
        clock: time.monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: tuple[int, int] = (0, 0)
        self._moment = 0.0
        self._seconds: list[float] = []

    def done(self, window: int, step: int) -> None:
        """A step is done; both count from 1. Told again, or after one that was missed, it is not timed."""
        if (window, step) == self._last:
            return
        now = self._clock()
        if (window, step - 1) == self._last:
            self._seconds.append(now - self._moment)
        self._last, self._moment = (window, step), now

    @property
    def seconds(self) -> float | None:
        """Of one step, as the median; None where none was timed."""
        return median(self._seconds) if self._seconds else None


class Pace:
    """Learns from one job after the other.

    Args:
        gpu: the speed of the GPU, where it is known.
    """

    def __init__(self, gpu: GpuSpeed | None = None) -> None:
        self._gpu = gpu
        self._seconds = dict(GUESS)
        self._rates: dict[float, float] = {}  # FLOP/s of whole samplings, by the work of a window
        self._fastest: dict[float, float] = {}  # FLOP/s of steps alone, likewise

    def forecast(self, work: Work | None = None) -> Forecast:
        """What to expect of a job; None: nothing is known of it yet."""
        rate = None if work is None else self._rate_of_nearest(work.window)
        if rate is None and self._gpu is not None:
            rate = self._gpu.likely
        if rate is None or work is None:
            return Forecast(dict(self._seconds), sure=False)
        return Forecast({**self._seconds, Stage.SAMPLE: work.flop / rate}, sure=True)

    def at_least(self, work: Work) -> float | None:
        """Seconds below which no such job ends on this GPU, or None where that is not known.

        Where only much smaller windows than this job's were measured, they count with twice their rate: they may not
        have filled the GPU.
        """
        alike = [rate for window, rate in self._fastest.items() if window >= ALIKE * work.window]
        rates = alike or [FASTER * rate for rate in self._fastest.values()]
        if rates:
            return LUCK * work.flop / max(rates)
        return work.flop / self._gpu.best if self._gpu else None

    def learn(self, work: Work, seconds: Mapping[Stage, float], step_rate: float | None = None) -> None:
        """Take what a finished job took. Stages that are missing, or took no time, teach nothing.

        Args:
            step_rate: FLOP/s of its usual step. Only that tells what is possible: a small job spends most of its time
                beside the DiT. None where nothing was timed, or the steps waited for swapped blocks.
        """
        if step_rate:
            self._fastest[work.window] = max(self._fastest.get(work.window, 0.0), step_rate)
        for stage in STAGES:
            took = seconds.get(stage, 0.0)
            if took > 0:
                self._seconds[stage] += WEIGHT_OF_NEWEST * (took - self._seconds[stage])
        sampling = seconds.get(Stage.SAMPLE, 0.0)
        if sampling > 0:
            newest = work.flop / sampling
            known = self._rates.get(work.window, newest)
            self._rates[work.window] = known + WEIGHT_OF_NEWEST * (newest - known)

    def _rate_of_nearest(self, window: float) -> float | None:
        nearest = min(self._rates, key=lambda known: abs(math.log(known / window)), default=None)
        return None if nearest is None else self._rates[nearest]
