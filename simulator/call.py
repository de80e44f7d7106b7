"""What a node is given when its turn comes."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from simulator.clock import Clock
from simulator.faults import FaultPlan
from simulator.folders import Folders

Outputs = tuple[object, ...]
Ui = dict[str, list[Any]]
Kind = TypeVar("Kind")


class Tick(Protocol):
    """Reports progress; raises PromptInterruptedError when a stop was asked for."""

    def __call__(self, value: float, most: float, window: int = 0) -> None: ...


@dataclass(frozen=True)
class Call:
    """One node's turn: its inputs by name (links already followed) and what it may use."""

    inputs: dict[str, object]
    folders: Folders
    clock: Clock
    faults: FaultPlan
    tick: Tick

    def get(self, name: str, kind: type[Kind]) -> Kind | None:
        """An optional input; raises TypeError for another kind, such as a constant where a link is needed."""
        value = self.inputs.get(name)
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{name}: expected {kind.__name__}, got {type(value).__name__} {value!r}")
        return value

    def need(self, name: str, kind: type[Kind]) -> Kind:
        """A required input; raises TypeError where it is missing or of another kind."""
        value = self.get(name, kind)
        if value is None:
            raise TypeError(f"missing 1 required positional argument: '{name}'")
        return value

    def text(self, name: str, default: str = "") -> str:
        """A text input."""
        return cast("str", self.inputs.get(name, default))

    def number(self, name: str, default: int = 0) -> int:
        """A whole number."""
        return cast("int", self.inputs.get(name, default))

    def real(self, name: str, default: float) -> float:
        """A number."""
        return cast("float", self.inputs.get(name, default))

    def flag(self, name: str, default: bool) -> bool:
        """A switch."""
        return cast("bool", self.inputs.get(name, default))
