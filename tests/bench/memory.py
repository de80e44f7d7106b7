"""What a long job takes of memory and disk, beside a short one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure
from tests.worker.bench import Bench
from tests.worker.footprint import run_and_watch

SHORT, LONG = 10, 390  # seconds of sound
SIZE, SPEED = (256, 256), 1.0  # a window takes 0.3 s, more than its encoding
MORE, WINDOWS = 1.2, 3.0


def figures() -> Iterator[Figure]:
    """The most memory of the worker's process, and the most PNGs on the disk at once."""
    with tempfile.TemporaryDirectory() as folder:
        short, long = (run_and_watch(Bench(Path(folder)), seconds, SIZE, f"{SPEED:g}") for seconds in (SHORT, LONG))
    more = long.memory / short.memory
    shown = f"{more:.2f} ({long.memory / 1024:.0f} of {short.memory / 1024:.0f} MiB)"
    yield Figure(f"memory for {LONG} s, of that for {SHORT} s", more, shown, MORE)
    held = long.pictures / long.window
    shown = f"{held:.2f} ({long.pictures} PNGs)"
    yield Figure(f"PNGs on the disk at once, of {LONG} s, in windows", held, shown, WINDOWS)
