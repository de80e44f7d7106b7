"""Where red, green, blue and white of a picture lie, and the way to XYZ and between two of them.

Numbers of the code points: ITU-T H.273, tables 2 and 3. Adaptation to another white: Bradford, as ICC.1 annex E.
"""

from typing import NamedTuple

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]


class Primaries(NamedTuple):
    """CIE 1931 x and y of each."""

    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]
    white: tuple[float, float]


D65 = (0.3127, 0.3290)
C = (0.310, 0.316)
D50_XYZ: Vector = (0.9642, 1.0, 0.8249)
BT709 = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65)
BT2020 = Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65)
SMPTE170M = Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65)
ADOBE = Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65)
CODE_POINTS = {
    1: BT709,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), C),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: SMPTE170M,
    7: SMPTE170M,
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), C),
    9: BT2020,
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def to_xyz(primaries: Primaries) -> Matrix:
    """Linear RGB to XYZ, white with Y = 1. Raises ZeroDivisionError for primaries that span nothing."""
    columns = [_xyz(*place) for place in (primaries.red, primaries.green, primaries.blue)]
    matrix = _transposed((columns[0], columns[1], columns[2]))
    scale = times(inverse(matrix), _xyz(*primaries.white))
    return _transposed(
        tuple(tuple(part * scale[at] for part in column) for at, column in enumerate(columns))  # type: ignore[arg-type]
    )


def to_d50(primaries: Primaries) -> Matrix:
    """Linear RGB to XYZ as a colour profile has it: adapted to D50. Raises ZeroDivisionError."""
    source, target = times(BRADFORD, _xyz(*primaries.white)), times(BRADFORD, D50_XYZ)
    ratio = [to / of for to, of in zip(target, source, strict=True)]
    scaled: Matrix = tuple(tuple(ratio[row] * part for part in BRADFORD[row]) for row in range(3))  # type: ignore[assignment]
    return product(product(inverse(BRADFORD), scaled), to_xyz(primaries))


def times(matrix: Matrix, vector: Vector) -> Vector:
    """Matrix by column."""
    one, two, three = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return one, two, three


def product(first: Matrix, second: Matrix) -> Matrix:
    """Matrix by matrix."""
    columns = _transposed(second)
    return _transposed((times(first, columns[0]), times(first, columns[1]), times(first, columns[2])))


def inverse(matrix: Matrix) -> Matrix:
    """By cofactors. Raises ZeroDivisionError."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return (
        ((e * i - f * h) / whole, (c * h - b * i) / whole, (b * f - c * e) / whole),
        ((f * g - d * i) / whole, (a * i - c * g) / whole, (c * d - a * f) / whole),
        ((d * h - e * g) / whole, (b * g - a * h) / whole, (a * e - b * d) / whole),
    )


def _transposed(matrix: Matrix) -> Matrix:
    one, two, three = zip(*matrix, strict=True)
    return one, two, three


def _xyz(x: float, y: float) -> Vector:
    return x / y, 1.0, (1 - x - y) / y
