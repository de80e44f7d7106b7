"""What the server's messages mean for one prompt. Pure: messages in, position out.

The sampler node first reports the weights it assigns (`max` is their number, the last value 0), then its steps. It
counts the steps of all windows in one row, with a maximum that supposes N // (F - M) + 1 windows and is therefore not
reached by most jobs. A tiled VAE counts beside them, for each tile from 1 to its own maximum, then 0
(docs/facts/talk-models.md#the-announced-steps, #the-tiled-vae).
"""

import math
from dataclasses import dataclass
from typing import Any, TypeGuard

ENDS = ("execution_success", "execution_error", "execution_interrupted")
ENCODER_TILES = 9  # of a window's picture, whatever its size


@dataclass(frozen=True)
class Position:
    """Where the sampler is; window and step count from 1. Before its first step is done `step` is 0; `window` too, as
    long as it only loads."""

    window: int
    windows: int
    step: int
    steps: int

    @property
    def done(self) -> int:
        """Steps of all windows that are done."""
        return max(self.window - 1, 0) * self.steps + self.step


class ProgressReader:
    """Follows one prompt.

    Args:
        prompt_id: messages of others are ignored.
        sampler: id of the sampler node.
        windows, steps: what the plan expects.
        announced: the plan's expectation of the sampler's maximum; one window more or less is rounding.
        vae_ticks: what a tiled VAE counts to; None where it is not tiled, and tells nothing.
    """

    def __init__(
        self, prompt_id: str, sampler: str, windows: int, steps: int, announced: int, *, vae_ticks: int | None = None
    ) -> None:
        self.prompt_id = prompt_id
        self._sampler = sampler
        self._announced = announced
        self._row = _MixedRow(steps) if vae_ticks == announced else _Row()
        self._vae_ticks = vae_ticks
        self.position = Position(0, windows, 0, steps)
        self.node: str | None = None
        self.error: dict[str, Any] | None = None  # the data of `execution_error`

    def read(self, message: dict[str, Any]) -> bool:
        """Take one message; True where it is a sign of life of this prompt."""
        data = self._own(message)
        if data is None:
            return False
        kind = message.get("type")
        if kind == "executing":
            self.node = node if isinstance(node := data.get("node"), str) else None
        elif kind == "execution_error":
            self.error = data
        elif kind == "progress" and data.get("node") == self._sampler:
            self._tick(data.get("value"), data.get("max"))
        return True

    def ended(self, message: dict[str, Any]) -> bool:
        """Whether this message says that the prompt is over (its history may still be on its way)."""
        data, kind = self._own(message), message.get("type")
        return data is not None and (kind in ENDS or (kind == "executing" and data.get("node") is None))

    def _own(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """The data of a message of this prompt."""
        data = message.get("data")
        return data if isinstance(data, dict) and data.get("prompt_id") == self.prompt_id else None

    def _tick(self, value: object, maximum: object) -> None:
        """One value of the sampler's progress."""
        if not _is_number(value) or not _is_number(maximum):
            return
        if self._counts_steps(maximum):
            self._row.tell(int(value))
            self._move(self._row.done)
        elif not self.position.window and (value == 0 or maximum == self._vae_ticks):
            self._move(0)  # the weights are there: the last of them is told as 0

    def _counts_steps(self, maximum: float) -> bool:
        steps, nearly = self.position.steps, abs(maximum - self._announced) <= self.position.steps
        return maximum == self._announced or (maximum != self._vae_ticks and maximum % steps == 0 and nearly)

    def _move(self, done: int) -> None:
        windows, steps = self.position.windows, self.position.steps
        last = min(done, windows * steps) - 1
        window, step = (1 + last // steps, 1 + last % steps) if done else (1, 0)
        self.position = Position(window, windows, step, steps)


class _Row:
    """The steps of all windows, counted in one row; it may have gaps where messages were lost. `done` is the last."""

    def __init__(self) -> None:
        self.done = 0

    def tell(self, value: int) -> None:
        """Take one value."""
        self.done = max(self.done, value)


class _MixedRow(_Row):
    """The same where the VAE counts to the same maximum.

    The VAE's runs begin at 1 and end with 0; those of the sampler, a window's steps, go on from the last step, and no 0
    follows them. The first of them begins at 1 too, after the VAE's runs for the tiles of the first picture.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps
        self._vae_runs = 0
        self._last: int | None = None  # of the run at hand
        self._is_steps = False

    def tell(self, value: int) -> None:
        """Take one value."""
        if value == 0:
            self._vae_runs, self._last, self._is_steps = self._vae_runs + 1, None, False
            return
        if self._last is None or value != self._last + 1:
            if value == 1 and self._last is not None and self._last % self._steps == 0:
                self.done = max(self.done, self._last)  # a run without a 0 that ends with a window were steps
            begins = value == self.done + 1
            self._is_steps = begins and (self.done > 0 or self._vae_runs >= ENCODER_TILES)
        self._last = value
        if self._is_steps:
            self.done = value


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)
