"""Names that differ from each other by a slip."""

from collections.abc import Iterable

SHORT = 5  # characters: of so few, two that are wrong make another word


def edit_distance(one: str, other: str) -> int:
    """The least number of letters to put in, leave out, exchange or swap with their neighbour that makes one name the
    other: the optimal string alignment distance."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, above, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], wanted):
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]


def folded(name: str) -> str:
    """The name without capitals, dashes, low lines and blanks."""
    return "".join(c for c in name.lower() if c not in "-_ .")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was most likely meant: one slip away, or two where it is long. None where nobody can tell:
    short names must begin alike, lengths differ by one at most, and digits are no slips."""
    wanted = folded(name)
    digits = [c for c in wanted if c.isdigit()]
    best: tuple[int, str] | None = None
    for other in known:
        candidate = folded(other)
        most = 1 if min(len(wanted), len(candidate)) <= SHORT else 2
        alike = wanted[:1] == candidate[:1] or most > 1
        if abs(len(wanted) - len(candidate)) > 1 or not alike or digits != [c for c in candidate if c.isdigit()]:
            continue
        found = edit_distance(wanted, candidate)
        if found <= most and (best is None or found < best[0]):
            best = (found, other)
    return best[1] if best else None
