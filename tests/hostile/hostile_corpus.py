"""Writes the corpus of hostile portraits, voices and videos: `python -m tests.hostile.hostile_corpus DEST`."""

import json
import sys
import tempfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from tests.hostile.hostile_case import Case
from tests.hostile.hostile_films import films
from tests.hostile.hostile_pictures import pictures
from tests.hostile.hostile_sounds import sounds
from tests.hostile.picture_files import png


def write_corpus(folder: Path, every: int = 1) -> dict[str, tuple[str, ...]]:
    """Three folders, "pictures", "sounds" and "films", and manifest.json; returns what is expected of each file.

    Args:
        every: 1: all; 4: each fourth one, in the order in which those of a kind stand together.
    """
    expected = _write(folder / "pictures", islice(pictures(), 0, None, every))
    with tempfile.TemporaryDirectory() as scratch:
        expected |= _write(folder / "sounds", islice(sounds(Path(scratch)), 0, None, every))
        expected |= _write(folder / "films", islice(films(Path(scratch)), 0, None, every))
    (folder / "portrait.png").write_bytes(png(64, 64))
    (folder / "manifest.json").write_text(json.dumps(expected, indent=1), encoding="utf-8")
    return expected


def _write(folder: Path, cases: Iterable[Case]) -> dict[str, tuple[str, ...]]:
    folder.mkdir(parents=True)
    expected = {}
    for case in cases:
        path = folder / case.name
        with path.open("xb") as file:
            file.truncate(file.write(case.content) + case.zeros)
        expected[f"{folder.name}/{case.name}"] = case.expected
    return expected


if __name__ == "__main__":
    write_corpus(Path(sys.argv[1]))
