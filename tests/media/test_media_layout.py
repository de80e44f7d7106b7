"""Where every voice sounds: together, in turns, with offsets, cut at max_audio_duration, refused below 0.5 s."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ErrorCode, Stage, WorkerError
from media.audio import LISTENER_RATE, Voice
from media.voices import Timeline, lay_out

NOWHERE = Path("no-file-is-read-for-a-layout")


def _voice(seconds: float, *, peak_dbfs: float = -6.0) -> Voice:
    return Voice(NOWHERE, NOWHERE, round(seconds * LISTENER_RATE), -23.0, peak_dbfs)


def _places(timeline: Timeline) -> list[tuple[float, float]]:
    """Start and end of every voice, in seconds."""
    return [(v.start / LISTENER_RATE, (v.start + v.length) / LISTENER_RATE) for v in timeline.voices]


def _laid(
    lengths: list[float], offsets: list[float] | None = None, timing: str = "together", most: float | None = None
) -> tuple[Timeline, list[str]]:
    warnings: list[str] = []
    voices = [_voice(seconds) for seconds in lengths]
    return lay_out(voices, offsets or [0.0] * len(lengths), timing, most, warnings), warnings


def _too_short(lengths: list[float], **more: object) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        _laid(lengths, **more)  # type: ignore[arg-type]
    assert caught.value.code is ErrorCode.AUDIO_TOO_SHORT
    assert caught.value.stage is Stage.PREPARE
    assert not caught.value.retryable
    assert "0.5" in caught.value.message
    return caught.value


def test_together_all_begin_at_zero_and_the_longest_sets_the_length() -> None:
    timeline, warnings = _laid([2.0, 3.5, 1.0])
    assert _places(timeline) == [(0, 2), (0, 3.5), (0, 1)]
    assert timeline.seconds == 3.5
    assert warnings == []


def test_turns_follow_one_another_in_the_order_of_the_speakers() -> None:
    timeline, warnings = _laid([2.0, 3.5, 1.0], timing="turns")
    assert _places(timeline) == [(0, 2), (2, 5.5), (5.5, 6.5)]
    assert timeline.seconds == 6.5
    assert warnings == []


def test_an_offset_is_silence_before_the_voice() -> None:
    timeline, _ = _laid([2.0, 1.0], [0.25, 1.5])
    assert _places(timeline) == [(0.25, 2.25), (1.5, 2.5)]
    assert timeline.seconds == 2.5


def test_an_offset_in_turns_is_a_pause_after_the_one_before() -> None:
    timeline, _ = _laid([2.0, 1.0, 1.0], [0.5, 0.25, 0], timing="turns")
    assert _places(timeline) == [(0.5, 2.5), (2.75, 3.75), (3.75, 4.75)]


def test_a_longer_voice_is_cut_with_a_warning_that_names_the_limit() -> None:
    timeline, warnings = _laid([10.0, 2.0], most=4.5)
    assert _places(timeline) == [(0, 4.5), (0, 2)]
    assert timeline.seconds == 4.5
    assert len(warnings) == 1
    assert "4.5" in warnings[0]


@pytest.mark.parametrize("most", [4.5, 4.501, 60, None])
def test_a_voice_that_is_no_longer_than_the_limit_is_left_alone(most: float | None) -> None:
    timeline, warnings = _laid([4.5], most=most)
    assert timeline.seconds == 4.5
    assert warnings == []


def test_turns_are_cut_as_a_whole_and_a_voice_after_the_cut_is_told() -> None:
    timeline, warnings = _laid([2.0, 3.0, 1.0, 1.0], timing="turns", most=4.0)
    assert timeline.seconds == 4.0
    assert _places(timeline)[:2] == [(0, 2), (2, 4)]
    assert [voice.length for voice in timeline.voices[2:]] == [0, 0]
    told = [warning for warning in warnings if "not heard" in warning]
    assert [("speaker 3" in told[0]), ("speaker 4" in told[1]), len(warnings)] == [True, True, 3]


def test_an_offset_behind_the_cut_is_told() -> None:
    timeline, warnings = _laid([2.0, 1.0], [0.0, 5.0], most=3.0)
    assert timeline.seconds == 3.0
    assert timeline.voices[1].length == 0
    assert any("speaker 2" in warning for warning in warnings)


@pytest.mark.parametrize("lengths", [[0.4999], [0.1], [0.2, 0.2], [1 / LISTENER_RATE]])
def test_less_than_half_a_second_in_all_is_refused(lengths: list[float]) -> None:
    _too_short(lengths)


def test_half_a_second_is_enough() -> None:
    assert _laid([0.5])[0].seconds == 0.5
    assert _laid([0.25, 0.25], timing="turns")[0].seconds == 0.5


def test_an_offset_is_no_sound() -> None:
    _too_short([0.3], offsets=[5.0])


def test_what_the_cut_leaves_counts() -> None:
    _too_short([3.0], most=0.4)
    _too_short([3.0], offsets=[1.0], most=1.2)


def test_a_silent_voice_is_told_and_kept() -> None:
    warnings: list[str] = []
    timeline = lay_out([_voice(1, peak_dbfs=-80), _voice(1)], [0, 0], "together", None, warnings)
    assert len(timeline.voices) == 2
    assert len(warnings) == 1
    assert "speaker 1" in warnings[0]


lengths = st.lists(st.integers(1, 20 * LISTENER_RATE), min_size=1, max_size=4)


@given(samples=lengths, data=st.data(), timing=st.sampled_from(["together", "turns"]))
def test_any_layout_that_is_accepted_adds_up(samples: list[int], data: st.DataObject, timing: str) -> None:
    offsets = data.draw(st.lists(st.floats(0, 30), min_size=len(samples), max_size=len(samples)))
    most = data.draw(st.none() | st.floats(0.001, 60))
    warnings: list[str] = []
    voices = [Voice(NOWHERE, NOWHERE, count, -23.0, -6.0) for count in samples]
    try:
        timeline = lay_out(voices, offsets, timing, most, warnings)
    except WorkerError as error:
        refusal: ErrorCode | None = error.code
    else:
        refusal = None
    uncut, clock = [], 0
    for offset, count in zip(offsets, samples, strict=True):
        start = round(offset * LISTENER_RATE) + (clock if timing == "turns" else 0)
        uncut.append((start, start + count))
        clock = start + count
    end = max(until for _, until in uncut)
    limit = end if most is None else min(end, round(most * LISTENER_RATE))
    heard = reached = 0
    for start, until in sorted(uncut):
        heard += max(0, min(until, limit) - max(start, reached))
        reached = max(reached, until)
    assert refusal is (ErrorCode.AUDIO_TOO_SHORT if heard < LISTENER_RATE // 2 else None)
    if refusal:
        return
    assert timeline.length == limit
    for placed, (start, until) in zip(timeline.voices, uncut, strict=True):
        assert placed.start == start
        assert placed.length == max(0, min(until, limit) - start)
    assert bool(warnings) == (limit < end)
