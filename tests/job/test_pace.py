"""Percent and time left: guessed at first, learned from each finished job, never falling."""

import pytest

from contract.errors import ErrorCode, Stage, WorkerError
from job.limits import TimeLimit, limit_of, refuse_hopeless
from job.pace import STAGES, Pace, StepTimer, Work, speed_of
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


def test_percent_rises_from_stage_to_stage_and_ends_at_100() -> None:
    for forecast in (Pace().forecast(), Pace().forecast(SMALL), _learned().forecast(SMALL)):
        points = [forecast.percent(Stage.VALIDATE, 0)]
        points += [forecast.percent(stage, share) for stage in STAGES for share in (0, 0.5, 1)]
        assert points == sorted(points)
        assert points[0] == 0
        assert points[-1] == pytest.approx(100)


def test_percent_follows_the_measured_shares() -> None:
    forecast = _learned().forecast(WORK)
    assert forecast.percent(Stage.SAMPLE, 0) == pytest.approx(10, abs=0.5)
    assert forecast.percent(Stage.SAMPLE, 0.5) == pytest.approx(51.7, abs=0.5)
    twice = _learned().forecast(TWICE)
    assert twice.percent(Stage.SAMPLE, 0) == pytest.approx(100 * 12 / 220, abs=0.5)


def test_nobody_knows_the_end_of_the_first_job_on_an_unknown_gpu_until_it_samples() -> None:
    forecast = Pace().forecast(SMALL)
    assert forecast.left(Stage.VALIDATE, 0, 0) is None
    assert forecast.left(Stage.LOAD, 0, 3) is None
    assert forecast.left(Stage.SAMPLE, 0, 0) is None
    assert forecast.left(Stage.SAMPLE, 0.25, 10) == pytest.approx(30 + 3.5)


def test_the_time_left_is_known_where_the_gpu_is_or_a_job_was() -> None:
    assert Pace(speed_of("NVIDIA GeForce RTX 4090")).forecast(Work(14 * PETA, PETA)).left(
        Stage.SAMPLE, 0, 0
    ) == pytest.approx(103.5)
    assert _learned().forecast(WORK).left(Stage.LOAD, 0, 4) == pytest.approx(114, abs=1)
    assert _learned().forecast(WORK).left(Stage.LOAD, 0, 400) == pytest.approx(108, abs=1), "a late stage is over soon"


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
