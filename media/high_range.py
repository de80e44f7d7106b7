"""Pictures for displays of high dynamic range (PQ and HLG, ITU-R BT.2100), shown on one of ordinary range.

203 cd/m² is the screen's white, as ITU-R BT.2408 has it: what is no brighter looks as it was made. Brighter light is
bent down smoothly from KNEE on, its hue kept, so that the brightest of the picture is just white.
"""

import math
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageMath

from media.picture import HighRange
from media.primaries import BT709, inverse, product, to_xyz

WHITE = 203.0
PQ_PEAK = 10_000.0
HLG_PEAK = 1000.0
HLG_GAMMA = 1.2
KNEE = 0.7
M1, M2, C1, C2, C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
A, B, C = 0.17883277, 0.28466892, 0.55991073


LUMINANCE = (0.2627, 0.6780, 0.0593)
Channels = list[Image.Image]  # red, green, blue; mode F


def to_ordinary_range(high: Image.Image, low: Image.Image | None, light: HighRange, brightest: int) -> Image.Image:
    """RGB of sRGB.

    Args:
        high: RGB, 8 bits a channel.
        low: eight more bits of each, where they are known.
        brightest: the largest value of the picture's channels, 0 to 255.
    """
    channels = _linear(_channels(high, low), light.transfer)
    peak = _peak(light.transfer, (brightest + (low is not None)) / (255 + (low is not None)))
    if light.peak:
        peak = min(peak, light.peak / WHITE)
    if peak > 1:
        channels = _bent(channels, peak)
    to_screen = product(inverse(to_xyz(BT709)), to_xyz(light.primaries))
    return Image.merge("RGB", [_encoded(_sum(channels, row)) for row in to_screen])


def brightest_of(image: Image.Image) -> int:
    """The largest value of any channel of an RGB picture."""
    return max(int(most) for _, most in image.getextrema())  # type: ignore[misc]


def _evaluated(expression: Callable[[dict[str, Any]], Any], *images: Image.Image) -> Image.Image:
    """Arithmetic of pictures, which the expression knows as a, b and c."""
    found: Image.Image = ImageMath.lambda_eval(expression, **dict(zip("abc", images, strict=False)))
    return found


def _channels(high: Image.Image, low: Image.Image | None) -> Channels:
    """0 to 1."""
    if low is None:
        return [_evaluated(lambda of: of["float"](of["a"]) / 255, part) for part in high.split()]
    pairs = zip(high.split(), low.split(), strict=True)
    return [_evaluated(lambda of: (of["float"](of["a"]) * 256 + of["float"](of["b"])) / 65535, *pair) for pair in pairs]


def _linear(channels: Channels, transfer: str) -> Channels:
    """Light, as a share of the screen's white."""
    if transfer == "PQ":
        return [_evaluated(_pq, channel) for channel in channels]
    scene = [_evaluated(_hlg, channel) for channel in channels]
    luminance = _sum(scene, LUMINANCE)
    return [
        _evaluated(lambda of: of["a"] * of["b"] ** (HLG_GAMMA - 1) * (HLG_PEAK / WHITE), part, luminance)
        for part in scene
    ]


def _pq(of: dict[str, Any]) -> Any:
    power = of["a"] ** (1 / M2)
    return (of["max"](power - C1, 0.0) / (power * -C3 + C2)) ** (1 / M1) * (PQ_PEAK / WHITE)


def _hlg(of: dict[str, Any]) -> Any:
    dark = of["min"](of["a"], 0.5)
    over = of["max"](of["a"], 0.5) - C
    return dark * dark / 3 + ((over * 0 + math.e) ** (over / A) + B) / 12 - 1 / 12


def _peak(transfer: str, code: float) -> float:
    if transfer == "PQ":
        power = code ** (1 / M2)
        return float((max(0.0, power - C1) / (C2 - C3 * power)) ** (1 / M1) * PQ_PEAK / WHITE)
    scene = code * code / 3 if code <= 0.5 else (math.exp((code - C) / A) + B) / 12
    return float(scene**HLG_GAMMA * HLG_PEAK / WHITE)


def _bent(channels: Channels, peak: float) -> Channels:
    """Reinhard's curve with a white point, from KNEE on, of the largest channel."""
    most = _evaluated(lambda of: of["max"](of["max"](of["a"], of["b"]), of["c"]), *channels)
    highest = (peak - KNEE) / (1 - KNEE)

    def scale(of: dict[str, Any]) -> Any:
        over = (of["max"](of["min"](of["a"], peak), KNEE) - KNEE) / (1 - KNEE)
        bent = of["min"](of["a"], KNEE) + over * (over / highest**2 + 1) / (over + 1) * (1 - KNEE)
        return bent / of["max"](of["a"], 1e-6)

    factor = _evaluated(scale, most)
    return [_evaluated(lambda of: of["a"] * of["b"], channel, factor) for channel in channels]


def _sum(channels: Channels, weights: tuple[float, float, float]) -> Image.Image:
    red, green, blue = weights
    return _evaluated(lambda of: of["a"] * red + of["b"] * green + of["c"] * blue, *channels)


def _encoded(channel: Image.Image) -> Image.Image:
    """With the curve of sRGB, 8 bits."""

    def curve(of: dict[str, Any]) -> Any:
        level = of["max"](of["min"](of["a"], 1.0), 0.0)
        steep = level ** (1 / 2.4) * 1.055 - 0.055
        return of["max"](steep, of["min"](level, 0.0031308) * 12.92) * 255 + 0.5

    return _evaluated(curve, channel).convert("L")
