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

from comfy_client.progress import Position
from contract.errors import Stage
from contract.forecast import Basis
from job.cards import Card, Work

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
LEAST_SHARE = 0.5  # of a window, that its steps take at least
ALIKE, FASTER = 0.5, 2.0  # a pass with less than this share of the work may run at half the rate


@dataclass(frozen=True)
class Beside:
    """What a window takes before its first step and after its last one, each in steps."""

    before: float = 0.2
    after: float = 0.5


@dataclass(frozen=True)
class Forecast:
    """Expected seconds of each stage of one job.

    `basis` says how the sampling's are known: learned from jobs before, as `job.cards` has this GPU, or as a mere
    guess.
    """

    seconds: Mapping[Stage, float]
    basis: Basis
    beside: Beside = Beside()

    @property
    def sure(self) -> bool:
        """Whether the sampling is more than a guess."""
        return self.basis != "guess"

    @property
    def total(self) -> float:
        """Seconds of the whole job."""
        return sum(self.seconds.values())

    def until(self, last: Stage) -> "Forecast":
        """Of a job that ends with this stage."""
        left_out = STAGES[STAGES.index(last) + 1 :]
        return Forecast({stage: 0.0 if stage in left_out else took for stage, took in self.seconds.items()}, self.basis)

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

    A sampling is so many windows, each of so many steps and what lies beside them. A step goes by the operations of a
    pass, which small windows do at a lower rate than large ones; what lies beside them goes by the pixels.

    Args:
        gpu: the card, where it is known.
    """

    def __init__(self, gpu: Card | None = None) -> None:
        self._gpu = gpu
        self._seconds: dict[Stage, float] = {}
        self._loads: dict[bool, float] = {}  # seconds, by whether the same models were loaded already
        self._loaded: frozenset[Hashable] = frozenset()
        self._rates: dict[bool, dict[float, float]] = {}  # FLOP/s of steps, by block swap and operations of a pass
        self._fastest: dict[float, float] = {}  # likewise, the best that was seen
        self._beside: dict[int, tuple[float, float]] = {}  # seconds before and after the steps, by pixels of a window

    def forecast(self, work: Work | None = None, models: Hashable = None) -> Forecast:
        """What to expect of a job; None: nothing is known of it yet.

        Args:
            models: what its model files are known by: those that are loaded already take less time.
        """
        warm = models in self._loaded
        load = self._loads.get(warm, self._loads.get(not warm, GUESS[Stage.LOAD]))
        seconds = {**GUESS, **self._seconds, Stage.LOAD: load}
        rates = {} if work is None else self._rates.get(work.swaps) or self._rates.get(not work.swaps, {})
        if work is not None and rates:
            step = work.step / _between(rates, work.one_pass)
            before, after = self._beside_of(work)
            sampling = work.windows * (work.steps * step + before + after)
            return Forecast({**seconds, Stage.SAMPLE: sampling}, "learned", Beside(before / step, after / step))
        if work is not None and self._gpu is not None:
            return Forecast({**seconds, Stage.SAMPLE: self._gpu.sampling_seconds(work)}, self._gpu.source(work))
        return Forecast(seconds, "guess")

    def at_least(self, work: Work) -> float | None:
        """Seconds below which no such job ends on this GPU, or None where that is not known.

        Where only much smaller passes than this job's were measured, they count with twice their rate: they may not
        have filled the GPU.
        """
        alike = [rate for one_pass, rate in self._fastest.items() if one_pass >= ALIKE * work.one_pass]
        rates = alike or [FASTER * rate for rate in self._fastest.values()]
        if rates:
            return LUCK * work.flop / max(rates)
        return work.flop / self._gpu.best if self._gpu else None

    def learn(
        self,
        work: Work,
        seconds: Mapping[Stage, float],
        step: float | None = None,
        *,
        beside: Beside | None = None,
        models: Hashable = None,
        others: frozenset[Hashable] = frozenset(),
    ) -> None:
        """Take what a finished job took. Stages that are missing, or took no time, teach nothing.

        Args:
            step: seconds of its usual step; None where nothing was timed. Unless it waited for swapped blocks, it tells
                what is possible, too: a small job spends most of its time beside the steps.
            beside: what its windows took beside their steps; None where that was not timed.
            models: as in `forecast`.
            others: likewise, what stayed loaded beside them.
        """
        if step and not work.swaps:
            rate = work.one_pass * work.passes_per_step / step
            self._fastest[work.one_pass] = max(self._fastest.get(work.one_pass, 0.0), rate)
        for stage in STAGES:
            took = seconds.get(stage, 0.0)
            if took > 0 and stage not in (Stage.LOAD, Stage.SAMPLE):
                self._seconds[stage] = _learned(self._seconds.get(stage), took)
        warm = models in self._loaded
        if (load := seconds.get(Stage.LOAD, 0.0)) > 0:
            self._loads[warm] = _learned(self._loads.get(warm), load)
        if (sampling := seconds.get(Stage.SAMPLE, 0.0)) > 0:
            self._learn_windows(work, sampling / work.windows, step, beside)
        self._loaded = others if models is None else others | {models}

    def unload(self) -> None:
        """A job did not end as it should: nobody knows what is loaded."""
        self._loaded = frozenset()

    def _learn_windows(self, work: Work, window: float, step: float | None, beside: Beside | None) -> None:
        """A window's seconds: what lay beside its steps, and the rest, which the steps took."""
        if step is None or beside is None:
            beside = Beside()
            step = window / (work.steps + beside.before + beside.after)
        around = (beside.before + beside.after) * step
        within = min(1.0, (1 - LEAST_SHARE) * window / around) if around else 1.0  # steps told late look short
        before, after = within * beside.before * step, within * beside.after * step
        rates = self._rates.setdefault(work.swaps, {})
        rates[work.one_pass] = _learned(rates.get(work.one_pass), work.steps * work.step / (window - before - after))
        known = self._beside.get(work.pixels, (None, None))
        self._beside[work.pixels] = _learned(known[0], before), _learned(known[1], after)

    def _beside_of(self, work: Work) -> tuple[float, float]:
        nearest = min(self._beside, key=lambda pixels: abs(math.log(pixels / work.pixels)))
        before, after = self._beside[nearest]
        return before * work.pixels / nearest, after * work.pixels / nearest


def _learned(known: float | None, newest: float) -> float:
    return newest if known is None else known + WEIGHT_OF_NEWEST * (newest - known)


def _between(known: Mapping[float, float], wanted: float) -> float:
    """The value at `wanted` on a line, both axes logarithmic, between the two that are next to it; beyond all: that of
    the nearest."""
    below = max((one for one in known if one <= wanted), default=None)
    above = min((one for one in known if one >= wanted), default=None)
    if below is None or above is None or below == above:
        return known[min(known, key=lambda one: abs(math.log(one / wanted)))]
    share = math.log(wanted / below) / math.log(above / below)
    return math.exp((1 - share) * math.log(known[below]) + share * math.log(known[above]))
