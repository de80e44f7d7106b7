"""Scenes on the windows of a plan: pure arithmetic.

The server's loop takes a prompt and a picture for each window, and a window adds its frames behind the overlap: what
begins with window k (from 0) is seen from frame F + (k - 1)(F - M) on, of the first window from frame 0 on.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from workflows.plan import FPS, Plan

Value = TypeVar("Value")


@dataclass(frozen=True)
class WindowPrompts:
    """The prompts of a job.

    Attributes:
        texts: each once, in the order in which they are first seen.
        windows: which of `texts` each window takes, up to the last change; the last one holds for all further windows.
    """

    texts: tuple[str, ...]
    windows: tuple[int, ...]


def first_frame(plan: Plan, window: int) -> int:
    """The first frame (from 0) that a window (from 0) adds."""
    return plan.window + (window - 1) * (plan.window - plan.overlap) if window else 0


def begins_at(plan: Plan, window: int) -> float:
    """Seconds of the video where a window (from 0) begins to be seen."""
    return round(first_frame(plan, window) / FPS, 3)


def window_at(plan: Plan, seconds: float) -> int:
    """The window (from 0) that begins nearest to a time, of two the earlier one. Only 0 s is the first window: what is
    asked for later would else be all that is ever seen.

    Raises:
        ValueError: a later time, and there is one window only.
    """
    if seconds == 0:
        return 0
    if plan.windows == 1:
        raise ValueError("there is no second window")
    steps = (seconds * FPS - plan.window) / (plan.window - plan.overlap)
    return min(max(math.ceil(round(steps - 0.5, 6)) + 1, 1), plan.windows - 1)


def by_window(first: Value, changes: Iterable[tuple[int, Value]]) -> tuple[Value, ...]:
    """What each window shows, up to the last change, where it begins with `first` and changes at those windows."""
    found = [first]
    for window, value in changes:
        found += [found[-1]] * (window + 1 - len(found))
        found[window:] = [value]
    return tuple(found)


def prompts_of(texts: Sequence[str]) -> WindowPrompts:
    """The windows' texts, each kept once."""
    kept = tuple(dict.fromkeys(texts))
    return WindowPrompts(kept, tuple(kept.index(text) for text in texts))
