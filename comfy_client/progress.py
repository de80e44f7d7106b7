"""What the server's messages mean for one prompt. Pure: messages in, position out.

The sampler node first reports the weights it assigns (max = their number), then its steps. It counts
the steps of all windows in one row, with a maximum that supposes N // (F - M) + 1 windows and is
therefore not reached by most jobs (docs/facts/talk-models.md#the-announced-steps).
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Position:
    """Where the sampler is; window and step count from 1, and are 0 before the first step is done."""

    window: int
    windows: int
    step: int
    steps: int

    @property
    def share(self) -> float:
        """Done steps of all steps, 0 to 1."""
        return ((self.window - 1) * self.steps + self.step) / (self.windows * self.steps) if self.window else 0.0


class ProgressReader:
    """Follows one prompt.

    Args:
        prompt_id: messages of others are ignored.
        sampler: id of the sampler node.
        windows, steps: what the plan expects.
        announced: the plan's expectation of the sampler's maximum; one window more or less is rounding.
    """

    def __init__(self, prompt_id: str, sampler: str, windows: int, steps: int, announced: int) -> None:
        self.prompt_id = prompt_id
        self._sampler = sampler
        self._steps = steps
        self._announced = announced
        self.position = Position(0, windows, 0, steps)
        self.node: str | None = None

    def read(self, message: dict[str, Any]) -> bool:
        """Take one message; True where it is a sign of life of this prompt."""
        data = message.get("data")
        if not isinstance(data, dict) or data.get("prompt_id") != self.prompt_id:
            return False
        kind = message.get("type")
        if kind == "executing":
            self.node = data.get("node")
        elif kind == "progress" and data.get("node") == self._sampler:
            self._step(int(data.get("value", 0)), int(data.get("max", 0)))
        return True

    def ended(self, message: dict[str, Any]) -> bool:
        """Whether this message says that the prompt is over (its history may still be on its way)."""
        data = message.get("data")
        if not isinstance(data, dict) or data.get("prompt_id") != self.prompt_id:
            return False
        kind = message.get("type")
        over = kind in ("execution_success", "execution_error", "execution_interrupted")
        return over or (kind == "executing" and data.get("node") is None)

    def _step(self, value: int, maximum: int) -> None:
        steps_only = maximum % self._steps == 0 and abs(maximum - self._announced) <= self._steps
        if not steps_only or value < 1:
            return
        windows = self.position.windows
        done = min(value, windows * self._steps)
        self.position = Position(1 + (done - 1) // self._steps, windows, 1 + (done - 1) % self._steps, self._steps)
