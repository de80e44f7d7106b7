"""For any voices, offsets and cuts the layout adds up; for any length and window the sampling ends."""

import math
from pathlib import Path
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ErrorCode, WorkerError
from contract.fields import Mode, Scheduler
from media.audio import LISTENER_RATE, Voice
from media.voices import lay_out
from tests.hostile.hostile_case import attempt
from workflows.modes import MODES
from workflows.plan import MAX_FRAMES, frames_for, make_plan, windows_for

quick = settings(deadline=None, database=None, derandomize=True, max_examples=300)
NO_FILE = Path("none")
voices = st.builds(
    lambda samples, peak: Voice(NO_FILE, NO_FILE, samples, -23.0, peak),
    st.integers(1, 400 * LISTENER_RATE),
    st.sampled_from([-6.0, -60.0, float("-inf")]),
)
offsets = st.floats(0, 3600) | st.sampled_from([0.0, 5e-324, 1e-9, 3600.0])
cuts = st.none() | st.floats(5e-324, 1.7e308, allow_nan=False) | st.sampled_from([5e-324, 0.5, 1e-9, 400.0, 1.79e308])


@quick
@given(st.lists(st.tuples(voices, offsets), min_size=1, max_size=4), st.sampled_from(["together", "turns"]), cuts)
def test_any_layout_adds_up_or_is_too_short(pairs: list[tuple[Voice, float]], timing: str, cut: float | None) -> None:
    warnings: list[str] = []
    heard, waits = [voice for voice, _ in pairs], [offset for _, offset in pairs]
    timeline = attempt(lambda: lay_out(heard, waits, timing, cut, warnings))
    if isinstance(timeline, WorkerError):
        assert timeline.code is ErrorCode.AUDIO_TOO_SHORT
        return
    assert 0.5 <= timeline.seconds <= 4 * (3600 + 400)
    assert cut is None or timeline.seconds <= cut + 1 / LISTENER_RATE
    for item, (voice, _) in zip(timeline.voices, pairs, strict=True):
        assert item.start >= 0
        assert 0 <= item.length <= voice.samples
        assert item.length == 0 or item.start + item.length <= timeline.length
    if timing == "turns":
        ends = [item.start + item.voice.samples for item in timeline.voices]
        assert all(end <= item.start for end, item in zip(ends, timeline.voices[1:], strict=False))
    whole = max(item.start + item.voice.samples for item in timeline.voices)
    assert (timeline.length < whole) == any("was cut there" in warning for warning in warnings)


@quick
@given(
    frames=st.integers(1, MAX_FRAMES) | st.sampled_from([1, 33, 34, 81, 82, MAX_FRAMES]),
    size=st.tuples(st.integers(16, 116).map(lambda n: n * 16), st.integers(16, 116).map(lambda n: n * 16)),
    mode=st.sampled_from(list(MODES)),
    window=st.none() | st.integers(8, 20).map(lambda n: 4 * n + 1),
    scheduler=st.sampled_from(get_args(Scheduler)),
)
def test_no_job_has_a_window_without_end(
    frames: int, size: tuple[int, int], mode: Mode, window: int | None, scheduler: str
) -> None:
    plan = make_plan(
        frames,
        *size,
        mode,
        window_frames=window,
        steps=4,
        scheduler=scheduler,
        cfg_scale=1.0,
        audio_cfg_scale=1.0,
    )
    assert plan.overlap < plan.window
    end, windows = plan.window, 1
    while end < frames:  # as the sampler walks
        end += plan.window - plan.overlap
        windows += 1
        assert windows <= frames
    assert (plan.windows, plan.generated) == (windows, end)
    assert plan.generated >= frames
    assert plan.surplus < plan.window
    assert plan.asked <= MAX_FRAMES
    assert math.isfinite(plan.flop)


@quick
@given(st.integers(-50, 200), st.integers(0, 200), st.integers(1, MAX_FRAMES))
def test_a_window_that_does_not_advance_is_never_planned(window: int, overlap: int, frames: int) -> None:
    try:
        windows = windows_for(frames, window, overlap)
    except ValueError:
        assert window <= overlap
        return
    assert window > overlap
    assert 1 <= windows <= frames


@quick
@given(st.floats(0, 20_000))
def test_any_length_is_a_whole_number_of_frames_above_zero(seconds: float) -> None:
    assert frames_for(seconds) >= max(1, math.floor(seconds * 25))
