"""How far a job is, as time passes: percent and the seconds that are left. Pure: every method is told the time.

Percent never jumps and never stands: from wherever it is, it moves on as fast as brings it to 100 at the expected end.
"""

from comfy_client.progress import Position
from contract.errors import Stage
from job.pace import STAGES, Forecast

NEARLY = 0.95  # of what is going on counts as done at most, as long as nobody has told that it is
TRUST = 0.2  # of a sampling: so much of it outweighs what was forecast


class ProgressEstimate:
    """Of one job.

    Args:
        now: seconds of a clock that only goes forward, here and below.
    """

    def __init__(self, now: float, forecast: Forecast) -> None:
        self.forecast = forecast
        self._stage: Stage | None = None
        self._position: Position | None = None
        self._since = self._told = self._moved = now  # the stage began, was heard of, and percent was reckoned
        self._first = 0.0  # of the stage, which was done when it began to be heard of
        self._percent = 0.0

    def expect(self, forecast: Forecast, now: float) -> None:
        """From now on, this is how long the stages are expected to take."""
        self.percent(now)
        self.forecast = forecast

    def enter(self, stage: Stage, position: Position | None, now: float) -> None:
        """It is at this stage, and here while it samples."""
        self.percent(now)
        news = stage is not self._stage
        if news:
            self._since = now
        if news or position != self._position:
            self._told = now
        self._stage, self._position = stage, position
        if news:
            self._first = self._share()

    def percent(self, now: float) -> float:
        """Done of the whole job, 0 to 100."""
        passed = max(now - self._moved, 0.0)
        self._moved = now
        if self._stage is not None and passed:
            self._percent += (100 - self._percent) * passed / (passed + self._left(now))
        return self._percent

    def spent(self, now: float) -> float:
        """Seconds of the stage so far."""
        return now - self._since

    def left(self, now: float) -> float | None:
        """Seconds to the end; None where nobody can tell yet."""
        unsure = self._stage is None or self._stage not in STAGES or self._stage in STAGES[: STAGES.index(Stage.SAMPLE)]
        if not self.forecast.sure and (unsure or (self._stage is Stage.SAMPLE and self._share() <= self._first)):
            return None
        return self._left(now)

    def _left(self, now: float) -> float:
        seconds = self.forecast.seconds
        if self._stage is None or self._stage not in STAGES:
            return sum(seconds.values())
        later = sum(seconds[stage] for stage in STAGES[STAGES.index(self._stage) + 1 :])
        if self._stage is Stage.SAMPLE and self._position is not None:
            return self._left_of_sampling(now) + later
        expected = seconds[self._stage]
        return max(expected - (now - self._since), (1 - NEARLY) * expected) + later

    def _left_of_sampling(self, now: float) -> float:
        """By what was forecast, and by what was seen since."""
        expected, share = self.forecast.seconds[Stage.SAMPLE], self._share()
        moved, took = share - self._first, self._told - self._since
        trust = TRUST if self.forecast.sure else 0.0
        whole = (took + trust * expected) / (moved + trust) if moved + trust > 0 else expected
        coming = self.forecast.share_of_next(self._position) if self._position else 0.0
        return max(whole * (1 - share) - min(now - self._told, NEARLY * whole * coming), 0.0)

    def _share(self) -> float:
        return self.forecast.share(self._position) if self._position else 0.0
