"""How far forecasts are off, over jobs of mixed sizes that take what the simulator's clock says."""

import random
from statistics import median

from contract.errors import Stage
from contract.fields import Mode
from job.cards import work_of
from job.pace import Pace, StepTimer
from simulator import sampler, windows
from workflows.plan import Plan, make_plan

LEARNED, JUDGED = 5, 20
MOST_OFF = 0.15
SIZES = ((256, 256), (400, 704), (480, 832), (640, 640), (720, 1280))
MODES: tuple[Mode, ...] = ("multitalk", "infinitetalk")


def _jobs() -> list[tuple[Plan, int]]:
    """Plans, and how many voices each has."""
    chance = random.Random(11)  # noqa: S311 - not a secret
    found = []
    for _ in range(LEARNED + JUDGED):
        (width, height), mode = chance.choice(SIZES), chance.choice(MODES)
        plan = make_plan(
            round(25 * chance.uniform(1, 60)),
            width,
            height,
            mode,
            window_frames=None,
            steps=chance.choice((4, 4, 4, 8)),
            scheduler="unipc",
            cfg_scale=chance.choice((1.0, 1.0, 5.0)),
            audio_cfg_scale=1.0,
        )
        found.append((plan, chance.choice((1, 1, 2, 4))))
    return found


class Clock:
    """Goes on by itself, each time a little more or less than it should."""

    def __init__(self) -> None:
        self.now, self._luck = 0.0, random.Random(7)  # noqa: S311 - not a secret

    def wait(self, seconds: float) -> None:
        self.now += seconds * self._luck.uniform(0.95, 1.05)


def _run(plan: Plan, voices: int, clock: Clock) -> tuple[dict[Stage, float], StepTimer]:
    """What each stage of one job took, by the simulator's model of it."""
    timer, begun = StepTimer(lambda: clock.now), clock.now
    clock.wait(sampler.WEIGHT_SECONDS)
    loaded = clock.now
    share = windows.pass_flops(plan.window, plan.width, plan.height) / windows.pass_flops(*sampler.MEASURED_CLIP)
    step = sampler.STEP_SECONDS * share * plan.passes_per_step * (1 + sampler.VOICE_SHARE * (voices - 1))
    size = plan.width * plan.height / (sampler.MEASURED_CLIP[1] * sampler.MEASURED_CLIP[2])
    timer.done(1, 0)
    for window in range(1, plan.windows + 1):
        clock.wait(sampler.ENCODE_SECONDS * size)
        for number in range(1, plan.steps + 1):
            clock.wait(step)
            timer.done(window, number)
        clock.wait(sampler.DECODE_SECONDS * size)
    timer.ended()
    rest = dict.fromkeys((Stage.FETCH, Stage.PREPARE, Stage.ENCODE, Stage.UPLOAD), 0.3)
    return {**rest, Stage.LOAD: loaded - begun, Stage.SAMPLE: clock.now - loaded}, timer


def test_half_of_the_forecasts_are_near_once_five_jobs_were_made() -> None:
    pace, clock, off = Pace(), Clock(), []
    for plan, voices in _jobs():
        work = work_of(plan, voices)
        expected = pace.forecast(work, "models")
        took, timer = _run(plan, voices, clock)
        off.append(abs(expected.total - sum(took.values())) / sum(took.values()))
        pace.learn(work, took, timer.seconds, beside=timer.beside, models="models")
    assert median(off[LEARNED:]) < MOST_OFF
    assert max(off[LEARNED:]) < 4 * MOST_OFF
    assert max(off[:2]) > MOST_OFF, "a worker that learned nothing would be as good"
