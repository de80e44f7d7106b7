"""The work of the model in the windows that "fit" chooses, against windows of always 81 frames. Pure."""

from collections.abc import Iterator
from statistics import mean

from contract.fields import Mode
from tests.bench.figures import Figure
from workflows.modes import MODES
from workflows.plan import LONGEST_WINDOW, SHORTEST_OF_SEVERAL, SHORTEST_WINDOW, make_plan, window_flop

SIZES = ((400, 704), (720, 1280))
CLIPS = [tenth / 10 for tenth in range(10, 601)]  # 1.0 to 60.0 s
GOALS: dict[tuple[Mode, tuple[int, int]], float] = {
    ("multitalk", (400, 704)): 0.956,
    ("infinitetalk", (400, 704)): 0.914,
    ("multitalk", (720, 1280)): 0.930,
    ("infinitetalk", (720, 1280)): 0.867,
}


def figures() -> Iterator[Figure]:
    """For each mode and size, over clips of 1 to 60 s: the mean share of the work, and of the least that can be."""
    for (mode, size), goal in GOALS.items():
        works = [_work(mode, size, seconds) for seconds in CLIPS]
        share = mean(fit / always for fit, always, _ in works)
        bound = mean(fit / least for fit, _, least in works)
        name = f"work of fit against always 81, {mode}, {size[0]}x{size[1]}"
        yield Figure(name, round(share, 3), f"{share:.3f}; {bound:.3f} of the bound", goal)


def _work(mode: Mode, size: tuple[int, int], seconds: float) -> tuple[float, float, float]:
    """Of one clip: with the window that fits, with 81 frames, and where part of a window cost part of its price."""
    frames, overlap = round(seconds * 25), MODES[mode].overlap
    fit, always = (_flop(frames, mode, size, window) for window in (None, LONGEST_WINDOW))
    shortest = SHORTEST_WINDOW if frames <= LONGEST_WINDOW else SHORTEST_OF_SEVERAL
    windows = range(shortest, LONGEST_WINDOW + 1, 4)
    least = min(window_flop(f, *size) * max(1.0, 1 + (frames - f) / (f - overlap)) for f in windows)
    return fit, always, 4 * least


def _flop(frames: int, mode: Mode, size: tuple[int, int], window: int | None) -> float:
    plan = make_plan(
        frames, *size, mode, window_frames=window, steps=4, scheduler="x", cfg_scale=1.0, audio_cfg_scale=1.0
    )
    return plan.flop
