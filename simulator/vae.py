"""What a tiled VAE tells of a window: for each tile it counts to its latent frames, then 0.

Without tiles it says nothing (docs/facts/talk-models.md#the-tiled-vae). Encoding cuts a picture into halves that
overlap by half; decoding takes tiles of 34 by 34 latent pixels, 18 rows and 16 columns apart.
"""

from collections.abc import Sequence

from simulator.values import ClipPlan

Runs = Sequence[int]
"""What each tile counts to, in order."""

PIXELS, PICTURES = 8, 4
DECODED_TILE, DECODED_STRIDE = (34, 34), (18, 16)


def encoding(plan: ClipPlan, mode: str, window: int) -> Runs:
    """Of what a window (from 1) begins with; InfiniteTalk encodes the pictures before it once more."""
    if not plan.tiled:
        return []
    height, width = plan.height, plan.width
    tiles = _tiles(height, height // 2, height // 4) * _tiles(width, width // 2, width // 4)
    before = [_latent(1 if window == 1 else plan.overlap)] * tiles if mode == "infinitetalk" else []
    return [*[_latent(plan.window)] * tiles, *before]


def decoding(plan: ClipPlan) -> Runs:
    """Of a window's latents."""
    if not plan.tiled:
        return []
    rows = _tiles(plan.height // PIXELS, DECODED_TILE[0], DECODED_STRIDE[0])
    columns = _tiles(plan.width // PIXELS, DECODED_TILE[1], DECODED_STRIDE[1])
    return [_latent(plan.window)] * (rows * columns)


def _latent(pictures: int) -> int:
    return 1 + (pictures - 1) // PICTURES


def _tiles(length: int, size: int, stride: int) -> int:
    """How many begin at multiples of `stride`, without those that the one before reaches over."""
    return sum(start == 0 or start - stride + size < length for start in range(0, length, stride))
