"""PNGs that were made before, as the frames of a clip: for measurements that need pictures like a model's.

They are on the disk one after the other, at the pace of the node pack, whose four threads take 22 ms for a frame of
400x704 each. The processor stays free meanwhile.
"""

import os
from pathlib import Path

from PIL import Image

from simulator.clock import Clock

SAVE_SECONDS = 0.022 / 4
PIXELS = 400 * 704


class ReadyFrames:
    """Hands out the PNGs of a folder, all of one size, in the order of their names, and then from the first one on."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._files = sorted(folder.glob("*.png"))
        with Image.open(self._files[0]) as first:
            self._seconds = SAVE_SECONDS * first.width * first.height / PIXELS
        self._clock = clock

    def write(self, path: Path, index: int) -> None:
        """Let frame `index` (from 0) be at `path`."""
        self._clock.pause(self._seconds)
        os.link(self._files[index % len(self._files)], path)
