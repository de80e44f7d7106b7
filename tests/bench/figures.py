"""One figure of the benchmarks, and how a page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

BAR, GAP, LABEL, WIDTH = 18, 8, 260, 720
WORSE = 1.2
INK, PLAIN = "#0072b2", "#d55e00"


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Attributes:
        name: of what.
        value: as it is compared; smaller is better.
        shown: the value with its unit, and what it was made of.
        goal: what it should reach at most; None: told only.
        exact: whether it is a count, which nothing but a change of the code makes another one.
    """

    name: str
    value: float
    shown: str
    goal: float | None = None
    exact: bool = False

    def is_worse_than(self, other: float) -> bool:
        """By a fifth, or, where it is a count, at all."""
        return self.value > other * (1.0 if self.exact else WORSE)

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.goal is None:
            return ""
        return "reached" if self.value <= self.goal else f"missed by {self.value / self.goal - 1:.0%}"


def table(figures: Sequence[Figure]) -> str:
    """Markdown."""
    lines = ["| what | measured | goal | |", "|---|---|---|---|"]
    lines += [
        f"| {one.name} | {one.shown} | {'' if one.goal is None else f'{one.goal:g}'} | {one.verdict} |"
        for one in figures
    ]
    return "\n".join(lines) + "\n"


def bars(title: str, rows: Sequence[tuple[str, float, str, bool]]) -> str:
    """An SVG with a bar for each row: its label, its value, the value in words, and whether it is this worker's."""
    most = max(value for _, value, _, _ in rows)
    height = 30 + len(rows) * (BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>{escape(title)}</title>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text x="0" y="14" font-weight="bold">{escape(title)}</text>'
    ]
    for number, (label, value, shown, own) in enumerate(rows):
        top = 26 + number * (BAR + GAP)
        length = max(1.0, (WIDTH - LABEL - 90) * value / most)
        parts.append(
            f'<text x="0" y="{top + 13}">{escape(label)}</text>'
            f'<rect x="{LABEL}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{INK if own else PLAIN}"/>'
            f'<text x="{LABEL + length + 6:.1f}" y="{top + 13}">{escape(shown)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])
