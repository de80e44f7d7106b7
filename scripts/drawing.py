"""Curves and a canvas for flat-style drawings: smooth shapes, brush strokes, soft shading.

Promises: the same pixels on every run with one version of Pillow; no font, no file and no chance is
used. Shapes are lists of points in the units of whatever was placed last with `Canvas.place`.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Point = tuple[float, float]
Shape = list[Point]
Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]

OVERSAMPLING = 4
CURVE_STEPS = 14


def curve(points: Sequence[Point], *, closed: bool = False) -> Shape:
    """A smooth line (centripetal Catmull-Rom: no loops, no kinks) through every point."""
    count = len(points)
    found: Shape = []
    for i in range(count if closed else count - 1):
        near = [(i + k) % count if closed else min(max(i + k, 0), count - 1) for k in (-1, 0, 1, 2)]
        found += _arc(*(points[n] for n in near))
    return found if closed else [*found, points[-1]]


def _arc(before: Point, start: Point, end: Point, after: Point) -> Shape:
    """Points from `start` on and short of `end`; its neighbours say in which direction it runs."""
    d1, d2, d3 = (max(math.dist(p, q), 1e-9) ** 0.5 for p, q in pairwise((before, start, end, after)))
    axes = []
    for a, b, c, d in zip(before, start, end, after, strict=True):
        leaving = ((b - a) / d1 - (c - a) / (d1 + d2) + (c - b) / d2) * d2
        arriving = ((c - b) / d2 - (d - b) / (d2 + d3) + (d - c) / d3) * d2
        axes.append((b, leaving, 3 * (c - b) - 2 * leaving - arriving, 2 * (b - c) + leaving + arriving))
    (x0, x1, x2, x3), (y0, y1, y2, y3) = axes
    times = [step / CURVE_STEPS for step in range(CURVE_STEPS)]
    return [(x0 + t * (x1 + t * (x2 + t * x3)), y0 + t * (y1 + t * (y2 + t * y3))) for t in times]


def path(text: str, *, wide: float = 1.0, tall: float = 1.0, at: Point = (0, 0)) -> Shape:
    """Points written as "x,y x,y ...", stretched and then moved."""
    pairs = (pair.split(",") for pair in text.split())
    return [(at[0] + float(x) * wide, at[1] + float(y) * tall) for x, y in pairs]


def blob(points: Sequence[Point]) -> Shape:
    """A closed smooth shape."""
    return curve(points, closed=True)


def mirrored(half: Sequence[Point]) -> Shape:
    """A closed smooth shape, the same on both sides of x = 0; `half` goes down the right side."""
    return blob([*half, *((-x, y) for x, y in reversed(half) if x)])


def oval(x: float, y: float, rx: float, ry: float) -> Shape:
    """An ellipse around (x, y)."""
    k = 0.7071
    spots = ((0, -1), (k, -k), (1, 0), (k, k), (0, 1), (-k, k), (-1, 0), (-k, -k))
    return blob([(x + rx * a, y + ry * b) for a, b in spots])


def ribbon(width: float, points: Sequence[Point]) -> Shape:
    """A brush stroke along a smooth line: thin at both ends, `width` in the middle."""
    line = curve(points)
    upper: Shape = []
    lower: Shape = []
    for i, (x, y) in enumerate(line):
        (x0, y0), (x1, y1) = line[max(i - 1, 0)], line[min(i + 1, len(line) - 1)]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
        t = i / (len(line) - 1)
        half = width / 2 * (0.15 + 0.85 * (4 * t * (1 - t)) ** 0.7)
        nx, ny = -(y1 - y0) / length * half, (x1 - x0) / length * half
        upper.append((x + nx, y + ny))
        lower.append((x - nx, y - ny))
    return upper + lower[::-1]


def flipped(shape: Shape, side: int) -> Shape:
    """The shape itself (side 1) or its mirror image across x = 0 (side -1)."""
    return [(x * side, y) for x, y in shape]


class Canvas:
    """A picture under construction, drawn several times too large and reduced at the end."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width * OVERSAMPLING, height * OVERSAMPLING)
        self.image = Image.new("RGB", self.size)
        self._x = self._y = 0.0
        self._scale = float(OVERSAMPLING)

    def place(self, x: float, y: float, scale: float) -> None:
        """Put the origin of what follows at pixel (x, y), with `scale` pixels to a unit."""
        self._x, self._y = x * OVERSAMPLING, y * OVERSAMPLING
        self._scale = scale * OVERSAMPLING

    def mask(self, shape: Shape) -> Image.Image:
        """Where the shape is, for `fill(..., within=...)`."""
        whole = Image.new("L", self.size)
        ImageDraw.Draw(whole).polygon(self._dots(shape), fill=255)
        return whole

    def fill(
        self, shape: Shape, colour: Colour, *, alpha: float = 1.0, soft: float = 0.0, within: Image.Image | None = None
    ) -> None:
        """Paint a shape, optionally see-through, with its edge blurred by `soft` units, and only inside a mask."""
        dots = self._dots(shape)
        blur = soft * self._scale
        box = self._around(dots, 3 * blur + 2)
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        where = _soft_mask(dots, box, blur)
        if within is not None:
            where = ImageChops.multiply(where, within.crop(box))
        if alpha < 1.0:
            where = where.point([round(value * alpha) for value in range(256)])
        self.image.paste(colour, box, where)

    def _dots(self, shape: Shape) -> Shape:
        return [(self._x + x * self._scale, self._y + y * self._scale) for x, y in shape]

    def _around(self, dots: Shape, margin: float) -> Box:
        xs, ys = zip(*dots, strict=True)
        left, top = max(0, math.floor(min(xs) - margin)), max(0, math.floor(min(ys) - margin))
        right, bottom = math.ceil(max(xs) + margin), math.ceil(max(ys) + margin)
        return left, top, min(self.size[0], right), min(self.size[1], bottom)

    def backdrop(self, top: Colour, bottom: Colour, box: tuple[float, float, float, float] = (0, 0, 1, 1)) -> None:
        """A vertical gradient over part of the picture, given as fractions of it."""
        left, upper, right, lower = (round(f * self.size[i % 2]) for i, f in enumerate(box))
        size = (right - left, lower - upper)
        ramp = Image.linear_gradient("L").resize(size, Image.Resampling.BICUBIC)
        blend = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)
        self.image.paste(blend, (left, upper))

    def finished(self) -> Image.Image:
        """The picture in its own size."""
        size = self.size[0] // OVERSAMPLING, self.size[1] // OVERSAMPLING
        return self.image.resize(size, Image.Resampling.LANCZOS)


def _soft_mask(dots: Shape, box: Box, blur: float) -> Image.Image:
    """The shape within `box`. A blurred one is made smaller first, which is quick and does not show."""
    reduction = max(1, int(blur / 3))
    left, top, right, bottom = box
    small = Image.new("L", (-(-(right - left) // reduction), -(-(bottom - top) // reduction)))
    ImageDraw.Draw(small).polygon([((x - left) / reduction, (y - top) / reduction) for x, y in dots], fill=255)
    if not blur:
        return small
    soft = small.filter(ImageFilter.GaussianBlur(blur / reduction))
    return soft.resize((right - left, bottom - top), Image.Resampling.BICUBIC)
