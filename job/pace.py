"""How long the stages of a job take on this worker: guessed from the GPU at first, learned from each finished job.

Sampling takes from the last weights to the end of the prompt: each window is encoded before its steps, and decoded,
matched in colour and saved after them. Feeds the percentage, the time that is left, and the decision that a job cannot
end within its limit.
"""

import math
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from comfy_client.progress import Position
from contract.errors import Stage

Known = TypeVar("Known")

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
class Beside:
    """What a window takes before its first step and after its last one, each in steps."""

    before: float = 0.2
    after: float = 0.5


@dataclass(frozen=True)
class Forecast:
    """Expected seconds of each stage of one job. `sure` is false where the sampling is a mere guess."""

    seconds: Mapping[Stage, float]
    sure: bool
    beside: Beside = Beside()

    def share(self, position: Position) -> float:
        """Done of the sampling, 0 to 1, when this place is told."""
        if not position.done:
            return 0.0
        window = self.beside.before + position.steps + self.beside.after
        return ((position.window - 1) * window + self.beside.before + position.step) / (position.windows * window)

    def share_of_next(self, position: Position) -> float:
        """Of the sampling: what lies between this place and the next one that is told, which may be its end."""
        window = self.beside.before + position.steps + self.beside.after
        coming = 1.0
        if not position.done:
            coming = self.beside.before + 1
        elif position.step == position.steps:
            is_last = position.window == position.windows
            coming = self.beside.after + (0 if is_last else self.beside.before + 1)
        return coming / (position.windows * window)


@dataclass(frozen=True)
class Work:
    """What a job asks of the GPU: floating point operations in all, and of one window. Small windows run at a lower
    rate than large ones."""

    flop: float
    window: float


class StepTimer:
    """Times the steps of a sampling, and what comes before, between and after the windows.

    Args:
        clock: time.monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: tuple[int, int] = (0, 0)
        self._moment = 0.0
        self._seconds: list[float] = []
        self._first: float | None = None  # seconds to the first step, with it
        self._between: list[float] = []  # from the last step of a window to the first one of the next, with it
        self._end: float | None = None

    def done(self, window: int, step: int) -> None:
        """A step is done; both count from 1 (step 0: the weights are there, and the window begins). Told again, or
        after one that was missed, it is not timed."""
        if (window, step) == self._last:
            return
        now = self._clock()
        if (window, step) == (1, 1) and self._last == (1, 0):
            self._first = now - self._moment
        elif (window, step - 1) == self._last:
            self._seconds.append(now - self._moment)
        elif step == 1 and window == self._last[0] + 1:
            self._between.append(now - self._moment)
        self._last, self._moment = (window, step), now

    def ended(self) -> None:
        """All windows are saved."""
        self._end = self._clock() - self._moment

    @property
    def seconds(self) -> float | None:
        """Of one step, as the median; None where none was timed."""
        return median(self._seconds) if self._seconds else None

    @property
    def beside(self) -> Beside | None:
        """What a window took beside its steps; None where that was not timed."""
        step = self.seconds
        if not step or self._first is None or self._end is None:
            return None
        before, after = max(self._first / step - 1, 0.0), self._end / step
        if self._between:
            after = max(median(self._between) / step - 1 - before, 0.0)
        return Beside(before, after)


class Pace:
    """Learns from one job after the other.

    Args:
        gpu: the speed of the GPU, where it is known.
    """

    def __init__(self, gpu: GpuSpeed | None = None) -> None:
        self._gpu = gpu
        self._seconds: dict[Stage, float] = {}
        self._loads: dict[bool, float] = {}  # seconds, by whether the same models were used just before
        self._loaded: Hashable = None
        self._rates: dict[float, float] = {}  # FLOP/s of whole samplings, by the work of a window
        self._fastest: dict[float, float] = {}  # FLOP/s of steps alone, likewise
        self._beside: dict[float, Beside] = {}  # likewise

    def forecast(self, work: Work | None = None, models: Hashable = None) -> Forecast:
        """What to expect of a job; None: nothing is known of it yet.

        Args:
            models: what its model files are known by: those of the job before are loaded faster.
        """
        warm = models is not None and models == self._loaded
        load = self._loads.get(warm, self._loads.get(not warm, GUESS[Stage.LOAD]))
        seconds = {**GUESS, **self._seconds, Stage.LOAD: load}
        rate = None if work is None else _nearest(self._rates, work.window)
        if rate is None and self._gpu is not None:
            rate = self._gpu.likely
        if rate is None or work is None:
            return Forecast(seconds, sure=False)
        beside = _nearest(self._beside, work.window) or Beside()
        return Forecast({**seconds, Stage.SAMPLE: work.flop / rate}, sure=True, beside=beside)

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

    def learn(
        self,
        work: Work,
        seconds: Mapping[Stage, float],
        step_rate: float | None = None,
        *,
        beside: Beside | None = None,
        models: Hashable = None,
    ) -> None:
        """Take what a finished job took. Stages that are missing, or took no time, teach nothing.

        Args:
            step_rate: FLOP/s of its usual step. Only that tells what is possible: a small job spends most of its time
                beside the DiT. None where nothing was timed, or the steps waited for swapped blocks.
            beside: what its windows took beside their steps; None where that was not timed.
            models: as in `forecast`.
        """
        if step_rate:
            self._fastest[work.window] = max(self._fastest.get(work.window, 0.0), step_rate)
        if beside is not None:
            self._beside[work.window] = beside
        for stage in STAGES:
            took = seconds.get(stage, 0.0)
            if took > 0 and stage not in (Stage.LOAD, Stage.SAMPLE):
                self._seconds[stage] = _learned(self._seconds.get(stage), took)
        warm = models is not None and models == self._loaded
        if (load := seconds.get(Stage.LOAD, 0.0)) > 0:
            self._loads[warm] = _learned(self._loads.get(warm), load)
        if (sampling := seconds.get(Stage.SAMPLE, 0.0)) > 0:
            self._rates[work.window] = _learned(self._rates.get(work.window), work.flop / sampling)
        self._loaded = models

    def unload(self) -> None:
        """A job did not end as it should: nobody knows what is loaded."""
        self._loaded = None


def _learned(known: float | None, newest: float) -> float:
    return newest if known is None else known + WEIGHT_OF_NEWEST * (newest - known)


def _nearest(known: Mapping[float, Known], window: float) -> Known | None:
    """Of the window that is nearest in work."""
    nearest = min(known, key=lambda one: abs(math.log(one / window)), default=None)
    return None if nearest is None else known[nearest]
