"""Frame arithmetic: the published table, the edges, and what holds for every length and size."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ErrorCode, WorkerError
from contract.fields import Mode
from tests.workflows.graph_samples import MODES, plan
from workflows.plan import frames_for, most_frames, window_flop, windows_for

OVERLAPS: dict[Mode, int] = {"multitalk": 25, "infinitetalk": 9}
WINDOWS = range(33, 82, 4)
frame_counts = st.integers(1, 10_000)
modes: st.SearchStrategy[Mode] = st.sampled_from(MODES)
sides = st.integers(16, 116).map(lambda tokens: 16 * tokens)
asked_windows = st.none() | st.sampled_from(WINDOWS)

# docs/facts/talk-models.md#the-loop, for windows of 81: frames; windows, frames written, surplus, passes at 4 steps.
TABLE = [
    (125, (2, 153, 28, 8), (2, 137, 12, 8)),
    (250, (4, 297, 47, 16), (5, 305, 55, 20)),
    (375, (6, 441, 66, 24), (7, 417, 42, 28)),
    (500, (7, 513, 13, 28), (9, 529, 29, 36)),
    (750, (11, 801, 51, 44), (13, 753, 3, 52)),
    (1500, (21, 1521, 21, 84), (27, 1537, 37, 108)),
    (3000, (42, 3033, 33, 168), (54, 3049, 49, 216)),
    (7500, (105, 7569, 69, 420), (134, 7529, 29, 536)),
    (10000, (139, 10017, 17, 556), (179, 10049, 49, 716)),
]
# docs/facts/talk-models.md#the-cost-of-a-window: size, tokens, PFLOP of one pass over a window of 81 frames.
COSTS = [
    (400, 704, 23_100, 1.09),
    (480, 832, 32_760, 1.80),
    (640, 640, 33_600, 1.87),
    (720, 1280, 75_600, 6.81),
]


def walk(frames: int, window: int, overlap: int) -> tuple[int, int]:
    """Windows and frames written, counted as the server's loop does: window after window until the end is reached."""
    windows, end = 1, window
    while end < frames:
        assert window > overlap, "endless"
        windows, end = windows + 1, end + window - overlap
    return windows, end


@pytest.mark.parametrize(("frames", "infinitetalk", "multitalk"), TABLE)
def test_the_published_table(frames: int, infinitetalk: tuple[int, ...], multitalk: tuple[int, ...]) -> None:
    rows: dict[Mode, tuple[int, ...]] = {"infinitetalk": infinitetalk, "multitalk": multitalk}
    for mode, row in rows.items():
        made = plan(frames, mode=mode, window_frames=81)
        assert (made.frames, made.window, made.overlap) == (frames, 81, OVERLAPS[mode])
        assert (made.windows, made.generated, made.surplus, made.passes) == row


@pytest.mark.parametrize(("seconds", "windows"), [(9.00, 3), (9.04, 4), (3.24, 1), (3.28, 2), (20.52, 7), (20.56, 8)])
def test_the_cheapest_lengths(seconds: float, windows: int) -> None:
    assert plan(frames_for(seconds), mode="infinitetalk", window_frames=81).windows == windows


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("window", WINDOWS)
def test_windows_are_counted_as_the_loop_walks(mode: Mode, window: int) -> None:
    overlap = OVERLAPS[mode]
    for frames in (*range(1, 400), *range(401, 10_001, 97), 9_999, 10_000):
        made = plan(frames, mode=mode, window_frames=window)
        assert (made.windows, made.generated) == walk(frames, window, overlap)
        assert windows_for(frames, window, overlap) == made.windows


@pytest.mark.parametrize(("window", "overlap"), [(25, 25), (9, 9), (9, 25), (1, 1), (24, 25)])
@pytest.mark.parametrize("frames", [1, 30, 1000])
def test_a_window_that_does_not_advance_is_refused(window: int, overlap: int, frames: int) -> None:
    with pytest.raises(ValueError, match="advance"):
        windows_for(frames, window, overlap)


@settings(deadline=None, database=None, derandomize=True)
@given(frame_counts, modes, sides, sides, asked_windows)
def test_whatever_is_asked_the_windows_end(
    frames: int, mode: Mode, width: int, height: int, window: int | None
) -> None:
    made = plan(frames, mode=mode, window_frames=window, width=width, height=height)
    assert made.overlap == OVERLAPS[mode] < made.window
    assert made.window in ([window] if window else WINDOWS)
    assert (made.windows, made.generated) == walk(frames, made.window, made.overlap)
    assert made.generated >= made.frames == frames
    assert 0 <= made.surplus == made.generated - frames < made.window
    assert made.windows == 1 or made.surplus < made.window - made.overlap
    assert frames <= made.asked == min(made.generated, 10_000)
    # The server takes N = int(seconds * fps) in floating point: a frame less must not cost or lose a window.
    heard = int(min(made.audio_seconds, made.asked / 25.0) * 25.0)
    assert walk(heard, made.window, made.overlap) == (made.windows, made.generated)


def test_fit_never_costs_more_than_any_allowed_window() -> None:
    lengths = (*range(1, 330), *range(331, 10_001, 211), 9_999, 10_000)
    sizes = ((256, 256), (400, 704), (720, 1280), (1536, 1536))
    for frames, (width, height), mode in product(lengths, sizes, MODES):
        fit = plan(frames, mode=mode, width=width, height=height)
        allowed = [window for window in WINDOWS if frames <= window or window >= 65]
        costs = {w: plan(frames, mode=mode, window_frames=w, width=width, height=height).flop for w in allowed}
        assert fit.window in allowed
        assert fit.flop == costs[fit.window] <= min(costs.values())


def test_fit_takes_the_shortest_window_that_holds_a_short_clip() -> None:
    assert plan(33).window == plan(1).window == 33
    assert plan(34).window == 37
    assert plan(81, width=1536, height=1536).window == 81
    assert plan(82).windows == 2


@pytest.mark.parametrize(("width", "height", "tokens", "petaflop"), COSTS)
def test_the_cost_of_a_window_is_the_published_one(width: int, height: int, tokens: int, petaflop: float) -> None:
    exact = 40 * tokens * (2 * 8 * 5120**2 + 4 * 5120 * 13824) + 40 * 4 * tokens**2 * 5120
    assert window_flop(81, width, height) == pytest.approx(exact, rel=0.001)
    assert window_flop(81, width, height) / 1e15 == pytest.approx(petaflop, abs=0.006)


def test_the_cost_of_a_job_counts_windows_steps_and_passes() -> None:
    one = window_flop(81, 400, 704)
    assert plan(250, window_frames=81).flop == pytest.approx(one * 5 * 4)
    guided = plan(250, window_frames=81, steps=20, scheduler="unipc", cfg_scale=5.0, audio_cfg_scale=0.8)
    assert guided.flop == pytest.approx(one * 5 * 20 * 3)
    assert guided.passes == 5 * 20 * 3


@pytest.mark.parametrize(("cfg", "audio_cfg", "passes"), [(1.0, 1.0, 1), (5.0, 1.0, 2), (1.0, 2.0, 2), (5.0, 0.8, 3)])
def test_guidance_costs_passes(cfg: float, audio_cfg: float, passes: int) -> None:
    assert plan(cfg_scale=cfg, audio_cfg_scale=audio_cfg).passes_per_step == passes


@pytest.mark.parametrize("scheduler", ["multitalk", "rcm"])
def test_schedulers_that_ignore_the_step_count_run_four(scheduler: str) -> None:
    assert plan(scheduler=scheduler, steps=20).steps == 4
    assert plan(scheduler="unipc", steps=20).steps == 20


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("window", [None, 33, 81])
def test_10_000_frames_are_taken_and_one_more_is_refused_with_the_seconds(mode: Mode, window: int | None) -> None:
    taken = plan(10_000, mode=mode, window_frames=window)
    assert (taken.frames, taken.asked) == (10_000, 10_000)
    assert taken.audio_seconds >= 400
    for frames in (10_001, 15_000, 10**9):
        with pytest.raises(WorkerError) as refused:
            plan(frames, mode=mode, window_frames=window)
        assert refused.value.code is ErrorCode.AUDIO_TOO_LONG
        assert "400 s" in refused.value.message
        assert "max_audio_duration 400" in refused.value.message
    assert frames_for(400) == 10_000


@pytest.mark.parametrize("mode", MODES)
def test_with_our_node_an_hour_is_taken_in_whole_windows(mode: Mode) -> None:
    most = most_frames(3600, long=True)
    assert (most, most_frames(390, long=True), most_frames(3600, long=False)) == (90_000, 10_000, 10_000)
    for frames in (10_001, 25_000, most):
        made = plan(frames, mode=mode, most_frames=most)
        assert made.is_long
        assert frames <= made.asked == made.generated < frames + made.window
        assert made.announced_steps == (made.asked // (made.window - made.overlap) + 1) * made.steps
    assert not plan(10_000, mode=mode, most_frames=most).is_long
    with pytest.raises(WorkerError, match="max_audio_duration 3600"):
        plan(most + 1, mode=mode, most_frames=most)


@pytest.mark.parametrize(
    ("seconds", "frames"),
    [(10.0078125, 251), (10.0, 250), (10.04, 251), (0.5, 13), (0.04, 1), (0.001, 1), (3.5, 88), (61.0, 1525)],
)
def test_the_picture_lasts_as_long_as_the_sound(seconds: float, frames: int) -> None:
    assert frames_for(seconds) == frames


def test_every_exact_multiple_of_a_frame_is_that_many_frames() -> None:
    for frames in range(1, 10_001):
        assert frames_for(frames / 25) == frames_for(frames * 0.04) == frames


def test_one_sample_of_48_khz_more_is_one_frame_more() -> None:
    for frames in range(1, 10_000):
        assert frames_for((frames * 1920 + 1) / 48_000) == frames + 1
        assert frames_for((frames * 1920 - 1) / 48_000) == frames


@settings(deadline=None, database=None, derandomize=True)
@given(st.integers(1, 48_000 * 400))
def test_the_picture_never_ends_before_the_sound_nor_a_frame_after(samples: int) -> None:
    seconds, shown = Fraction(samples, 48_000), Fraction(frames_for(samples / 48_000), 25)
    assert seconds <= shown < seconds + Fraction(1, 25)


@settings(deadline=None, database=None, derandomize=True)
@given(st.floats(1e-6, 500))
def test_for_any_seconds_the_sound_outlasts_the_picture_by_rounding_only(seconds: float) -> None:
    shown = frames_for(seconds) / 25
    assert seconds - 1 / 48_000 < shown < seconds + 1 / 25 + 1e-9


def test_progress_is_announced_as_the_server_announces_it() -> None:
    """Recorded: 24 frames, windows of 17, overlap 9, 4 steps: `max` 16, though two windows run."""
    recorded = plan(24, mode="infinitetalk", window_frames=17)
    assert (recorded.windows, recorded.announced_steps) == (2, 16)
    assert plan(33, window_frames=33).announced_steps == 4  # one window: no loop
