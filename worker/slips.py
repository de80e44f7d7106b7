"""Environment variables that are no setting but for a slip of the pen."""

from collections.abc import Mapping

from contract.near import edit_distance
from worker.settings import Settings

SHORTEST_TOLD = 5  # characters


def misspelt(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """The variables that are no setting but for a slip, each with the setting that was most likely meant.

    Only where that setting is not set itself, and the name is long enough that a slip does not make another word.
    """
    known = [name.upper() for name in Settings.model_fields]
    names = {name.upper() for name, value in environment.items() if value}
    found = []
    for name in sorted(names.difference(known)):
        free = (other for other in known if other not in names and len(other) >= SHORTEST_TOLD)
        near = [other for other in free if _may_be_near(name, other) and edit_distance(name, other) == 1]
        found += [(name, near[0])] if near else []
    return found


def _may_be_near(name: str, other: str) -> bool:
    """False for most names that are more than a slip apart, which to find out takes a thousand times as long."""
    return abs(len(name) - len(other)) <= 1 and len(set(name) ^ set(other)) <= 2
