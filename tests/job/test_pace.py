"""Percent and time left: guessed at first, learned from each finished job, never falling."""

import pytest

from comfy_client.progress import Position
from contract.errors import ErrorCode, Stage, WorkerError
from job.cards import CARDS, Work, card_of, work_of
from job.limits import TimeLimit, limit_of, refuse_hopeless, timeout_for
from job.pace import GUESS, Beside, Forecast, Pace, StepTimer
from workflows.plan import Plan, make_plan

PETA = 1e15
TOOK = {
    Stage.FETCH: 1.0,
    Stage.PREPARE: 1.0,
    Stage.LOAD: 10.0,
    Stage.SAMPLE: 100.0,
    Stage.ENCODE: 1.0,
    Stage.UPLOAD: 7.0,
}


WORK = Work(PETA, windows=5, steps=4)
TWICE = Work(PETA, windows=10, steps=4)
SMALL = Work(PETA / 4, windows=1, steps=4)


def _learned(jobs: int = 12) -> Pace:
    pace = Pace()
    for _ in range(jobs):
        pace.learn(WORK, TOOK, 5.0)
    return pace


def test_the_sampling_of_a_job_is_known_where_the_gpu_is_or_a_job_was() -> None:
    assert Pace().forecast(SMALL).basis == "guess"
    assert _learned(1).forecast(WORK) == _learned(12).forecast(WORK), "a guess does not outweigh what was seen"
    assert _learned().forecast(TWICE).seconds == {**TOOK, Stage.SAMPLE: pytest.approx(200)}


@pytest.mark.parametrize(
    ("gpu", "size", "basis", "least", "most"),
    [
        ("NVIDIA GeForce RTX 4090", (480, 832), "published", 217, 280),
        ("NVIDIA H100 80GB HBM3", (400, 704), "measured", 45, 60),
        ("NVIDIA H100 80GB HBM3", (720, 1280), "measured", 210, 275),
        ("NVIDIA H200", (720, 1280), "published", 150, 190),
        ("NVIDIA L4", (480, 832), "estimate", 800, 1200),
    ],
)
def test_a_known_gpu_takes_about_what_was_seen(
    gpu: str, size: tuple[int, int], basis: str, least: float, most: float
) -> None:
    """10 s of video; docs/facts/talk-models.md has what was seen."""
    forecast = Pace(card_of(gpu)).forecast(work_of(_ten_seconds(*size)))
    assert forecast.basis == basis
    assert least < forecast.seconds[Stage.SAMPLE] < most


def _ten_seconds(width: int, height: int) -> Plan:
    return make_plan(
        250, width, height, "infinitetalk", window_frames=None, steps=4, scheduler="x", cfg_scale=1, audio_cfg_scale=1
    )


@pytest.mark.parametrize(
    ("driver", "name"),
    [
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA L40", "L40"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA RTX A6000", "RTX A6000"),
        ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA A40", "A40"),
        ("NVIDIA RTX A4000", None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("CPU", None),
    ],
)
def test_a_card_is_known_by_what_its_driver_calls_it(driver: str, name: str | None) -> None:
    card = card_of(driver)
    assert (card and card.name) == name


def test_every_card_is_slower_with_more_work_and_none_beats_its_best() -> None:
    small, large = work_of(_ten_seconds(400, 704)), work_of(_ten_seconds(720, 1280))
    for card in CARDS:
        assert large.flop / card.best < card.sampling_seconds(large)
        assert 3 < card.sampling_seconds(large) / card.sampling_seconds(small) <= large.flop / small.flop
        two = work_of(_ten_seconds(400, 704), voices=2)
        assert 1.5 < card.sampling_seconds(two) / card.sampling_seconds(small) < 1.75


def test_the_timeout_to_ask_for_leaves_half_as_much_again() -> None:
    for seconds in (1.0, 60.0, 500.0, 5000.0):
        asked = timeout_for(seconds)
        limit = limit_of({"policy": {"executionTimeout": asked}}, None).seconds
        assert limit is not None
        assert 1.5 * seconds <= limit
        assert asked % 60_000 == 0
        assert asked / 1000 < 1.5 * seconds / 0.95 + 20 + 60


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
    forecast = Forecast(GUESS, "learned", beside=Beside(before=1, after=3))
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
    plan = _ten_seconds(720, 1280)
    ada = Pace(card_of("NVIDIA GeForce RTX 4090"))
    needs = plan.flop / 380e12
    refuse_hopeless(plan, ada, TimeLimit(needs + 61), 60)
    with pytest.raises(WorkerError) as caught:
        refuse_hopeless(plan, ada, TimeLimit(needs + 59), 60)
    assert caught.value.code is ErrorCode.JOB_TOO_LARGE
    assert not caught.value.retryable
    for number in (f"{needs:.0f} s", f"{plan.windows} windows", "720x1280", f"{plan.flop / PETA:.0f} PFLOP"):
        assert number in caught.value.message


@pytest.mark.parametrize(("pace", "limit"), [(Pace(), 1.0), (Pace(card_of("RTX 4090")), None)])
def test_what_cannot_be_known_is_not_refused(pace: Pace, limit: float | None) -> None:
    plan = make_plan(
        9000, 720, 1280, "infinitetalk", window_frames=None, steps=4, scheduler="x", cfg_scale=1, audio_cfg_scale=1
    )
    refuse_hopeless(plan, pace, TimeLimit(limit), 0)


def test_a_measured_pace_counts_more_than_the_gpus_name() -> None:
    pace = Pace(card_of("RTX 4090"))
    pace.learn(WORK, TOOK, 5.0)
    assert pace.at_least(WORK) == pytest.approx(80)


def test_a_small_job_says_little_of_a_large_one() -> None:
    pace = Pace()
    pace.learn(SMALL, {Stage.SAMPLE: 10.0}, 2.25, beside=Beside(1 / 9, 1 / 3))
    large = Work(5 * PETA, windows=5, steps=4)
    assert pace.at_least(large) == pytest.approx(360), "80 % of the time at twice the rate of its steps"
    assert pace.forecast(large).seconds[Stage.SAMPLE] == pytest.approx(900 + 5), "but it is the best guess there is"
    pace.learn(large, {Stage.SAMPLE: 300.0}, 12.5, beside=Beside(0.2, 0.6))
    assert pace.at_least(large) == pytest.approx(200), "a measured one counts more"
    pace.learn(SMALL, {Stage.SAMPLE: 10.0}, 0.001, beside=Beside(1000, 9000))
    assert pace.at_least(large) == pytest.approx(200), "short steps that were told late do not change that"
    between = pace.forecast(Work(3 * PETA, windows=5, steps=4)).seconds[Stage.SAMPLE]
    assert 180 < between < 300, "of a job whose size lies between, the time does too"


def test_the_same_job_again_is_expected_to_take_what_it_took_whatever_its_steps_looked_like() -> None:
    for beside in (None, Beside(0, 0), Beside(1, 3), Beside(500, 9000)):
        pace = Pace()
        pace.learn(WORK, {Stage.SAMPLE: 50.0}, 0.001, beside=beside)
        assert pace.forecast(WORK).seconds[Stage.SAMPLE] == pytest.approx(50), beside


def test_what_lies_beside_the_steps_goes_by_the_pixels_and_a_second_voice_slows_the_steps() -> None:
    pace = Pace()
    pace.learn(
        WORK, {Stage.SAMPLE: 150.0}, 5.0, beside=Beside(0.5, 1.5)
    )  # 20 s of steps a window, and 10 s beside them
    sampling = {
        "twice the steps": Work(PETA, windows=5, steps=8),
        "twice the pixels": Work(PETA, windows=5, steps=4, pixels=2 * WORK.pixels),
        "two voices": Work(PETA, windows=5, steps=4, voices=2),
        "guided": Work(PETA, windows=5, steps=4, passes_per_step=2),
    }
    seconds = {name: round(pace.forecast(work).seconds[Stage.SAMPLE]) for name, work in sampling.items()}
    assert seconds == {"twice the steps": 250, "twice the pixels": 200, "two voices": 225, "guided": 250}


def test_a_job_whose_steps_waited_does_not_have_another_one_refused() -> None:
    pace, swapping = Pace(), Work(PETA, windows=5, steps=4, swaps=True)
    pace.learn(swapping, TOOK, 5.0, beside=Beside(0, 0))
    assert pace.at_least(WORK) is None
    pace.learn(WORK, {**TOOK, Stage.SAMPLE: 80.0}, 4.0, beside=Beside(0, 0))
    pace.learn(WORK, TOOK, 50.0, beside=Beside(0, 0))
    assert pace.at_least(WORK) == pytest.approx(64), "the best step that was seen counts"
    assert pace.forecast(swapping).seconds[Stage.SAMPLE] == pytest.approx(100), "and the swapping ones are told apart"


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
