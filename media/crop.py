"""Where a crop lies, so that faces stay in it, and the size of a video for which nobody named one.

A crop moves along one side of the picture, as the other fits; it is never enlarged.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]
Span = tuple[float, float]

OWN_AREA = 400 * 704  # of the published default
AREA_SPARE = 0.04
GRID = 16
SHORTEST, LONGEST = 256, 1104
# Of a face's width and height: with hair, ears and a little air a face becomes a head.
HEAD_SIDE, HEAD_ABOVE, HEAD_BELOW = 0.25, 0.45, 0.15
CUT = 0.02  # of a face may be cut away before it counts as lost


@dataclass(frozen=True)
class Crop:
    """A part of a picture, in fractions of it."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, face: Box) -> bool:
        """Whether a face is whole in it."""
        spare_x, spare_y = CUT * (face[2] - face[0]), CUT * (face[3] - face[1])
        return (
            face[0] >= self.left - spare_x
            and face[1] >= self.top - spare_y
            and face[2] <= self.right + spare_x
            and face[3] <= self.bottom + spare_y
        )


def own_size(width: int, height: int) -> tuple[int, int]:
    """Width and height nearest to a picture's own aspect, with about as many pixels as 400x704, in multiples of 16."""
    sides = range(SHORTEST, LONGEST + 1, GRID)
    sizes = [(a, b) for a in sides for b in sides if abs(a * b / OWN_AREA - 1) <= AREA_SPARE]
    return min(sizes, key=lambda size: abs(math.log(size[0] * height / (size[1] * width))))


def place_crop(seen: tuple[float, float], faces: Sequence[Box]) -> Crop:
    """The crop of this width and height (fractions of the picture) that keeps the faces.

    It lies in the middle where that keeps every head, else it moves as little as it must. Where it cannot keep all,
    it keeps those that are largest together.
    """
    left = _start(seen[0], [(face[0], face[2]) for face in faces], HEAD_SIDE, HEAD_SIDE, faces)
    top = _start(seen[1], [(face[1], face[3]) for face in faces], HEAD_ABOVE, HEAD_BELOW, faces)
    return Crop(left, top, left + seen[0], top + seen[1])


def _start(length: float, spans: list[Span], before: float, after: float, faces: Sequence[Box]) -> float:
    room = 1 - length
    if room <= 0 or not spans:
        return room / 2
    heads = [(max(0.0, a - before * (b - a)), min(1.0, b + after * (b - a))) for a, b in spans]
    for kept in (heads, _largest_run(length, spans, faces)):
        first, last = min(a for a, _ in kept), max(b for _, b in kept)
        if last - first <= length:
            return min(room, max(0.0, min(first, max(last - length, room / 2))))
    # Not even one face fits: its middle.
    first, last = max(spans, key=lambda span: span[1] - span[0])
    return min(room, max(0.0, (first + last - length) / 2))


def _largest_run(length: float, spans: list[Span], faces: Sequence[Box]) -> list[Span]:
    """Neighbours that fit into the length together, of the largest area; all where none fits."""
    order = sorted(range(len(spans)), key=lambda number: spans[number])
    runs = [order[i:j] for i in range(len(order)) for j in range(i + 1, len(order) + 1)]
    fitting = [run for run in runs if max(spans[n][1] for n in run) - min(spans[n][0] for n in run) <= length]
    if not fitting:
        return spans

    def area(run: list[int]) -> float:
        return sum((faces[n][2] - faces[n][0]) * (faces[n][3] - faces[n][1]) for n in run)

    return [spans[n] for n in max(fitting, key=area)]
