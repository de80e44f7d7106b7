"""Laying out 390 s of two voices takes no more memory than 10 s."""

import os
import subprocess
import sys
from pathlib import Path

import media
from tests.media import media_memory

ROOT = Path(media.__file__).parents[1]


def _peak_kb(folder: Path, seconds: int) -> int:
    command = [sys.executable, "-W", "ignore", media_memory.__file__, str(folder), str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(said.stdout)


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    short, long = _peak_kb(tmp_path, 10), _peak_kb(tmp_path, 390)
    assert long / short < 1.2
