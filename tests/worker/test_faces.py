"""The most natural request of all: a landscape photograph of two people, two voices, and nothing else."""

import json
import shutil

import pytest

from tests.worker.bench import Bench
from tests.worker.test_road import EXAMPLES, finished, shorten

ANNA, BEN = (0.25, 0.47), (0.75, 0.47)  # the middles of their faces in duo.png


def test_two_people_in_a_landscape_picture_become_a_landscape_video_with_a_voice_each(bench: Bench) -> None:
    for name in ("duo.png", "anna.wav", "ben.wav"):
        shutil.copy(EXAMPLES / name, bench.folder)
    for name in ("anna.wav", "ben.wav"):
        shorten(bench.folder / name)
    run = bench.run(json.loads((EXAMPLES / "two-faces.json").read_text())["input"])
    video = finished(run)
    assert video.size[0] / video.size[1] == pytest.approx(1216 / 832, rel=0.02)
    assert video.size[0] * video.size[1] == pytest.approx(400 * 704, rel=0.04)
    (told,) = run.reply["warnings"]
    assert told.startswith(f"no size was sent: the video is {video.size[0]}x{video.size[1]}, as 400x704 would lose 61%")
    for (left, top, right, bottom), (x, y) in zip(run.reply["video_info"]["regions"], (ANNA, BEN), strict=True):
        assert left + 0.1 < x < right - 0.1
        assert top + 0.1 < y < bottom - 0.1
