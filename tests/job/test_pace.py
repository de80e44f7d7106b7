"""Percent and time left: guessed at first, learned from each finished job, never falling."""

import pytest

from comfy_client.progress import Position
from contract.errors import ErrorCode, Stage, WorkerError
from job.limits import TimeLimit, limit_of, refuse_hopeless
from job.pace import GUESS, Beside, Forecast, Pace, StepTimer, Work, speed_of
from workflows.plan import make_plan

PETA = 1e15
TOOK = {
    Stage.FETCH: 1.0,
    Stage.PREPARE: 1.0,
    Stage.LOAD: 10.0,
    Stage.SAMPLE: 100.0,
    Stage.ENCODE: 1.0,
    Stage.UPLOAD: 7.0,
}


WORK = Work(20 * PETA, 4 * PETA)
TWICE = Work(40 * PETA, 4 * PETA)
SMALL = Work(PETA, PETA)


def _learned(jobs: int = 12) -> Pace:
    pace = Pace()
    for _ in range(jobs):
        pace.learn(WORK, TOOK, PETA / 5)
    return pace


def test_the_sampling_of_a_job_is_known_where_the_gpu_is_or_a_job_was() -> None:
    assert not Pace().forecast(SMALL).sure
    assert Pace(speed_of("NVIDIA GeForce RTX 4090")).forecast(Work(14 * PETA, PETA)).seconds[
        Stage.SAMPLE
    ] == pytest.approx(100)
    assert _learned(1).forecast(WORK) == _learned(12).forecast(WORK), "a guess does not outweigh what was seen"
    assert _learned().forecast(TWICE).seconds == {**TOOK, Stage.SAMPLE: pytest.approx(200)}


def test_models_that_are_loaded_already_take_less_time() -> None:
    pace = Pace()
    for _ in range(3):
        pace.learn(
            WORK, {**TOOK, Stage.LOAD: 80.0 if pace.forecast(WORK, "a").seconds[Stage.LOAD] == 30 else 2.0}, models="a"
        )
    assert pace.forecast(WORK, "a").seconds[Stage.LOAD] == 2
    assert pace.forecast(WORK, "b").seconds[Stage.LOAD] == 80
    pace.unload()
    assert pace.forecast(WORK, "a").seconds[Stage.LOAD] == 80


def test_each_place_of_a_sampling_has_its_share_and_what_follows_the_last_step_is_left() -> None:
    forecast = Forecast(GUESS, sure=True, beside=Beside(before=1, after=3))
    places = [Position(1, 2, 0, 4), *(Position(window, 2, step, 4) for window in (1, 2) for step in range(1, 5))]
    shares = [forecast.share(place) for place in places]
    assert shares == pytest.approx([share / 16 for share in (0, 2, 3, 4, 5, 10, 11, 12, 13)])
    ends = [share + forecast.share_of_next(place) for place, share in zip(places, shares, strict=True)]
    assert ends == pytest.approx([*shares[1:], 1])


def test_a_job_that_took_no_time_teaches_nothing() -> None:
    pace = Pace()
    pace.learn(SMALL, {})
    assert pace.forecast(SMALL) == Pace().forecast(SMALL)
    assert pace.at_least(SMALL) is None


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        ({}, 600),
        ({"policy": None}, 600),
        ({"policy": {"ttl": 1}}, 600),
        ({"policy": {"executionTimeout": 3_600_000}}, 3420),
        ({"policy": {"executionTimeout": 100_000}}, 80),
        ({"policy": {"executionTimeout": 10_000}}, 5),
        ({"policy": {"executionTimeout": "600000"}}, 600),
        ({"policy": {"executionTimeout": True}}, 600),
        ({"policy": {"executionTimeout": -1}}, 600),
        ({"policy": {"executionTimeout": float("nan")}}, 600),
    ],
)
def test_a_jobs_own_limit_comes_first_less_a_margin(job: dict[str, object], seconds: float) -> None:
    assert limit_of(job, 600).seconds == seconds


def test_a_hopeless_job_is_refused_with_the_numbers() -> None:
    plan = make_plan(
        250, 720, 1280, "infinitetalk", window_frames=None, steps=4, scheduler="x", cfg_scale=1, audio_cfg_scale=1
    )
    ada = Pace(speed_of("NVIDIA GeForce RTX 4090"))
    needs = plan.flop / 380e12
    refuse_hopeless(plan, ada, TimeLimit(needs + 61), 60)
    with pytest.raises(WorkerError) as caught:
        refuse_hopeless(plan, ada, TimeLimit(needs + 59), 60)
    assert caught.value.code is ErrorCode.JOB_TOO_LARGE
    assert not caught.value.retryable
    for number in (f"{needs:.0f} s", f"{plan.windows} windows", "720x1280", f"{plan.flop / PETA:.0f} PFLOP"):
        assert number in caught.value.message


@pytest.mark.parametrize(("pace", "limit"), [(Pace(), 1.0), (Pace(speed_of("RTX 4090")), None)])
def test_what_cannot_be_known_is_not_refused(pace: Pace, limit: float | None) -> None:
    plan = make_plan(
        9000, 720, 1280, "infinitetalk", window_frames=None, steps=4, scheduler="x", cfg_scale=1, audio_cfg_scale=1
    )
    refuse_hopeless(plan, pace, TimeLimit(limit), 0)


def test_a_measured_pace_counts_more_than_the_gpus_name() -> None:
    pace = Pace(speed_of("RTX 4090"))
    pace.learn(WORK, TOOK, PETA / 5)
    assert pace.at_least(WORK) == pytest.approx(80)


def test_a_small_job_says_little_of_a_large_one() -> None:
    pace = Pace()
    pace.learn(SMALL, {Stage.SAMPLE: 10.0}, PETA / 9)
    large = Work(100 * PETA, 20 * PETA)
    assert pace.at_least(large) == pytest.approx(360), "80 % of the time at twice the rate of its steps"
    assert pace.forecast(large).seconds[Stage.SAMPLE] == pytest.approx(1000), "but it is the best guess there is"
    pace.learn(large, {Stage.SAMPLE: 300.0}, PETA / 2.5)
    assert pace.at_least(large) == pytest.approx(200), "a measured one counts more"
    pace.learn(SMALL, {Stage.SAMPLE: 10.0}, 50 * PETA)
    assert pace.at_least(large) == pytest.approx(200), "short steps that were told late do not change that"
    assert pace.forecast(WORK).seconds[Stage.SAMPLE] == pytest.approx(200), "of the job that is nearer in size"
    assert pace.forecast(Work(60 * PETA, 15 * PETA)).seconds[Stage.SAMPLE] == pytest.approx(180)


def test_a_job_whose_steps_waited_does_not_have_another_one_refused() -> None:
    pace = Pace()
    pace.learn(WORK, TOOK, None)
    assert pace.at_least(WORK) is None
    pace.learn(WORK, TOOK, PETA / 4)
    pace.learn(WORK, TOOK, PETA / 50)
    assert pace.at_least(WORK) == pytest.approx(64), "the best step that was seen counts"


def test_steps_are_timed_within_a_window_and_as_the_usual_one() -> None:
    moments = iter([10.0, 12.0, 14.0, 14.1, 50.0, 52.0, 60.0])
    steps = StepTimer(lambda: next(moments))
    assert steps.seconds is None
    for window, step in [(1, 1), (1, 2), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 4)]:
        steps.done(window, step)
    assert steps.seconds == pytest.approx(2.0)
    assert steps.beside is None


@pytest.mark.parametrize("windows", [1, 3])
def test_what_a_window_takes_beside_its_steps_is_timed_too(windows: int) -> None:
    """Half a step before the first one, three after the last."""
    now = 100.0
    timer = StepTimer(lambda: now)
    timer.done(1, 0)
    for window in range(1, windows + 1):
        now += 1.0
        for step in range(1, 5):
            now += 2.0
            timer.done(window, step)
        now += 6.0
    timer.ended()
    assert timer.beside is not None
    assert (timer.beside.before, timer.beside.after) == pytest.approx((0.5, 3.0))
