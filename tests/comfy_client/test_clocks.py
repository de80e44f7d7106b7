"""When a followed prompt is asked about, and when it is given up: every moment is the test's own."""

import pytest

from comfy_client.clocks import BeginClock, HistoryPoll, SilenceClock, StallClock, StallTimeouts

START = 1000.0
PATIENT = StallTimeouts(step=300, load=900)


def test_the_history_is_asked_at_once_and_then_every_two_seconds() -> None:
    poll = HistoryPoll()
    moments = [START + half / 2 for half in range(12)]
    asked = [moment - START for moment in moments if poll.due(moment, told=False)]
    assert asked == [0, 2.5, 5]


def test_a_message_that_says_the_end_asks_at_once_and_counts() -> None:
    poll = HistoryPoll()
    assert poll.due(START, told=False)
    assert not poll.due(START + 0.5, told=False)
    assert poll.due(START + 1, told=True)
    assert poll.due(START + 1, told=True)
    assert not poll.due(START + 3, told=False)
    assert poll.due(START + 3.5, told=False)


@pytest.mark.parametrize(("quiet", "seconds"), [(False, 300), (True, 900)])
def test_a_prompt_stalls_only_after_its_timeout(quiet: bool, seconds: float) -> None:
    stall = StallClock(START, PATIENT, 0)
    assert stall.expired(START + seconds, quiet=quiet) is None
    assert stall.expired(START + seconds + 0.1, quiet=quiet) == seconds


def test_loading_is_never_given_less_time_than_a_step() -> None:
    stall = StallClock(START, StallTimeouts(step=300, load=60), 0)
    assert stall.expired(START + 299, quiet=True) is None
    assert stall.expired(START + 301, quiet=True) == 300


@pytest.mark.parametrize(("message", "progress"), [(True, 7), (False, 8), (False, 0)])
def test_a_message_or_another_number_starts_the_stall_clock_anew(message: bool, progress: int) -> None:
    stall = StallClock(START, PATIENT, 7)
    stall.update(START + 299, progress, message=message)
    assert stall.expired(START + 599, quiet=False) is None
    assert stall.expired(START + 600, quiet=False) == 300


def test_the_same_number_again_is_no_progress() -> None:
    stall = StallClock(START, PATIENT, 7)
    stall.update(START + 100, 8, message=False)
    for moment in (150, 250, 350, 400):
        stall.update(START + moment, 8, message=False)
        assert stall.expired(START + moment, quiet=False) is None
    assert stall.expired(START + 401, quiet=False) == 300


@pytest.mark.parametrize(("refused", "seconds"), [(True, 5), (False, 120)])
def test_a_silent_server_is_given_up_long_after_one_that_is_gone(refused: bool, seconds: float) -> None:
    silence = SilenceClock(START, 120)
    assert not silence.expired(START + seconds, refused=refused)
    assert silence.expired(START + seconds + 0.1, refused=refused)
    silence.answered(START + seconds)
    assert not silence.expired(START + 2 * seconds, refused=refused)
    assert silence.expired(START + 2 * seconds + 0.1, refused=refused)


@pytest.mark.parametrize(
    ("pauses", "longest", "seconds"),
    [
        ([], 120, 120),
        ([0.2, 0.2], 120, 30),
        ([4, 4, 9, 4], 120, 45),
        ([40, 40], 120, 120),
        ([0.2, 0.2], 10, 10),
    ],
)
def test_once_it_samples_its_own_pace_tells_how_long_it_may_be_silent(
    pauses: list[float], longest: float, seconds: float
) -> None:
    silence, now = SilenceClock(START, longest), START
    silence.sampled(now)
    for pause in pauses:
        now += pause
        silence.sampled(now)
    assert silence.seconds == seconds
    assert not silence.expired(now + seconds, refused=False)
    assert silence.expired(now + seconds + 0.1, refused=False)


def test_a_prompt_that_waits_at_an_idle_server_is_given_up_after_20_seconds() -> None:
    begin = BeginClock()
    assert not begin.waits(START, alone=True)
    assert not begin.waits(START + 20, alone=True)
    assert not begin.waits(START + 21, alone=False), "something else runs"
    assert not begin.waits(START + 22, alone=True)
    assert begin.waits(START + 42.1, alone=True)
