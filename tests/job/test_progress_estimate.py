"""Percent and the time left of twenty jobs in a row, at moments of the test's own."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import pytest

from comfy_client.progress import Position
from contract.errors import Stage
from job.cards import work_of
from job.pace import Pace, StepTimer
from job.progress_estimate import ProgressEstimate
from workflows.plan import Plan, make_plan

RATE = 4e14  # FLOP/s of a step
VAE_SECONDS = 0.6, 1.4  # before and after the steps of a window at 480x832
COLD, WARM = 75.0, 4.0  # seconds of loading
LOOK_SECONDS = 2.0
SIZES = [(480, 832), (640, 640), (720, 1280)]


@dataclass
class Told:
    """What the caller was told at some moment, and what was true."""

    percent: float
    left: float | None
    truly_left: float


class Worker:
    """Runs imagined jobs one after the other, and learns from each."""

    def __init__(self) -> None:
        self.pace, self.now = Pace(), 0.0
        self._luck = random.Random(5)  # noqa: S311 - not a secret

    def run(self, plan: Plan) -> list[Told]:
        """One job, looked at every two seconds."""
        cold = self.pace.forecast(work_of(plan), "models").seconds[Stage.LOAD] == 30
        events = list(self._events(plan, COLD if cold else WARM))
        begun, timer, spent = self.now, StepTimer(lambda: self.now), dict.fromkeys(Stage, 0.0)
        estimate = ProgressEstimate(begun, self.pace.forecast())
        end, told, look = begun + sum(seconds for _, _, seconds in events), [], begun + LOOK_SECONDS
        for stage, position, seconds in events:
            estimate.enter(stage, position, self.now)
            if stage is Stage.LOAD:
                estimate.expect(self.pace.forecast(work_of(plan), "models"), self.now)
            if position is not None:
                timer.done(position.window, position.step)
            while look < self.now + seconds:
                told.append(Told(estimate.percent(look), estimate.left(look), end - look))
                look += LOOK_SECONDS
            self.now += seconds
            spent[stage] += seconds
            if position is not None and position.done == plan.windows * plan.steps:
                timer.ended()
        self.pace.learn(work_of(plan), spent, timer.seconds, beside=timer.beside, models="models")
        told.append(Told(estimate.percent(end), estimate.left(end), 0.0))
        return told

    def _events(self, plan: Plan, load: float) -> Iterator[tuple[Stage, Position | None, float]]:
        """What is told in order, and how long it lasts until the next."""
        step = plan.flop / (plan.windows * plan.steps) / RATE
        before, after = (seconds * plan.width * plan.height / (480 * 832) for seconds in VAE_SECONDS)
        yield Stage.FETCH, None, self._about(1.5)
        yield Stage.PREPARE, None, self._about(1.0)
        yield Stage.LOAD, None, self._about(load)
        yield Stage.SAMPLE, Position(1, plan.windows, 0, plan.steps), self._about(before + step)
        for window in range(1, plan.windows + 1):
            for number in range(1, plan.steps):
                yield Stage.SAMPLE, Position(window, plan.windows, number, plan.steps), self._about(step)
            pause = after if window == plan.windows else after + before + step
            yield Stage.SAMPLE, Position(window, plan.windows, plan.steps, plan.steps), self._about(pause)
        yield Stage.ENCODE, None, self._about(0.8)
        yield Stage.UPLOAD, None, self._about(2.0)

    def _about(self, seconds: float) -> float:
        return seconds * self._luck.uniform(0.9, 1.1)


def plans() -> list[Plan]:
    chance = random.Random(3)  # noqa: S311 - not a secret
    found = []
    for _ in range(20):
        (width, height), frames = chance.choice(SIZES), chance.choice([60, 81, 200, 500, 900])
        plan = make_plan(
            frames,
            width,
            height,
            "infinitetalk",
            window_frames=None,
            steps=4,
            scheduler="x",
            cfg_scale=1.0,
            audio_cfg_scale=1.0,
        )
        found.append(plan)
    return found


@pytest.fixture(scope="module")
def jobs() -> list[list[Told]]:
    worker = Worker()
    return [worker.run(plan) for plan in plans()]


def test_percent_moves_at_every_look_and_never_jumps(jobs: list[list[Told]]) -> None:
    """A look is two seconds: about what these are of the whole job, a little more or less in the first two jobs."""
    for told in jobs:
        percents = [look.percent for look in told]
        usual = 100 / len(told)
        steps = [later - earlier for earlier, later in pairwise(percents[:-1])]
        assert min(steps, default=1) > usual / 3, told
        assert max(steps, default=0) < 3 * usual, told
        assert 99 < percents[-1] <= 100


def test_the_time_left_is_near_the_truth(jobs: list[list[Told]]) -> None:
    """From the second job on from the first look; in the first one as soon as it samples."""
    assert all(look.left is None for look in jobs[0][:20])
    assert jobs[0][-2].left is not None
    errors = [
        [abs(look.left - look.truly_left) / max(look.truly_left, 5) for look in told if look.left is not None]
        for told in jobs[2:]
    ]
    assert median(error for job in errors for error in job) < 0.05
    assert median(max(job) for job in errors) < 0.2


def test_what_follows_the_last_step_is_left_after_it() -> None:
    """Of a job of one window, as the second one of a worker: decoding, colours and saving are most of what is left."""
    worker = Worker()
    plan = make_plan(
        81, 720, 1280, "infinitetalk", window_frames=81, steps=4, scheduler="x", cfg_scale=1, audio_cfg_scale=1
    )
    for _ in range(2):
        worker.run(plan)
    forecast = worker.pace.forecast(work_of(plan), "models")
    estimate = ProgressEstimate(0.0, forecast)
    estimate.enter(Stage.SAMPLE, Position(1, 1, 0, 4), 0.0)
    assert (estimate.left(10_000.0) or 0) > 40, "a step that does not end is one step, not the rest of them"
    estimate.enter(Stage.SAMPLE, Position(1, 1, 4, 4), 70.0)
    later = forecast.seconds[Stage.ENCODE] + forecast.seconds[Stage.UPLOAD]
    assert estimate.left(70.0) == pytest.approx(later + 3.3, abs=1)


def test_a_second_attempt_takes_percent_on_from_where_it_was() -> None:
    estimate = ProgressEstimate(0.0, Pace().forecast())
    estimate.enter(Stage.SAMPLE, Position(2, 2, 3, 4), 60.0)
    before = estimate.percent(60.0)
    estimate.enter(Stage.LOAD, None, 60.0)
    percents = [before, *(estimate.percent(moment) for moment in range(61, 300))]
    assert all(earlier < later for earlier, later in pairwise(percents))
    assert percents[-1] < 100
