"""Our node pack beside the real window writer: the same frames, and a sampling thread that is not held."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from comfy_client.client import Callbacks, new_id
from comfy_client.clocks import StallTimeouts
from comfy_client.progress import ProgressReader
from contract.cancel import Cancellation
from tests.real.bench import RealBench
from worker.settings import Settings

WINDOWS = 3
FRAMES = 81 + 2 * 56  # 56 new ones with each window after the first


@dataclass(frozen=True)
class Saved:
    """What a run of the probe left, and for how many seconds each window's saves held the sampler."""

    folder: Path
    held: list[float]

    def frames(self) -> list[Image.Image]:
        """In order."""
        return [Image.open(file) for file in sorted(self.folder.glob("*.png"))]


def _probe(real: RealBench, work: Path, *, hooked: bool, **changes: Any) -> Saved:
    """In a folder of its own: a second run in the same one would go on behind the first one's windows."""
    size = {"width": 400, "height": 704, "windows": WINDOWS, "window_seconds": 6.0}
    usual = {"mode": "infinitetalk", "colour_match": "disabled", **size}
    inputs = {"output_path": str(work / new_id()), "hooked": hooked, **usual, **changes}
    graph = {"probe": {"class_type": "FrameProbe", "inputs": inputs}}
    prompt_id = new_id()
    reader = ProgressReader(prompt_id, "probe", WINDOWS, 4, WINDOWS * 4)
    callbacks = Callbacks(lambda: None, lambda _: None, lambda: 0)
    told = json.loads(
        real.client.run(graph, reader, callbacks, StallTimeouts(600, 600), Cancellation())["probe"]["text"][0]
    )
    return Saved(Path(told["folder"]), told["held"])


def test_the_sampler_is_not_held_by_saving(real: RealBench, settings: Settings) -> None:
    before, after = _probe(real, settings.work_dir, hooked=False), _probe(real, settings.work_dir, hooked=True)
    for saved in (before, after):
        assert len(saved.held) == WINDOWS
        assert len(list(saved.folder.glob("*.png"))) == FRAMES
    assert sorted(after.folder.glob(".*")) == [], "no half-written frame stays"
    assert [frame.tobytes() for frame in after.frames()] == [frame.tobytes() for frame in before.frames()]
    # The last window waits for its own saves by design: the sampler returns after the last frame.
    followed = slice(0, WINDOWS - 1)
    assert max(after.held[followed]) < 0.1 * min(before.held[followed]), (before.held, after.held)


@pytest.mark.parametrize(
    ("mode", "colour_match", "most"),
    [
        ("infinitetalk", "disabled", 0),
        ("infinitetalk", "mkl", 1),
        ("infinitetalk", "mvgd", 1),
        ("infinitetalk", "hm", 0),
        ("multitalk", "mkl", 1),
    ],
)
def test_frames_finished_on_their_device_are_those_of_the_loop(
    real: RealBench, settings: Settings, mode: str, colour_match: str, most: int
) -> None:
    small = {"width": 160, "height": 288, "windows": 2, "window_seconds": 0.0}
    asked = {"mode": mode, "colour_match": colour_match, **small}
    before, after = (_probe(real, settings.work_dir, hooked=hooked, **asked).frames() for hooked in (False, True))
    assert len(before) == len(after) == 81 + 56
    assert max(band[1] for pair in zip(before, after, strict=True) for band in _differences(*pair)) <= most
    if colour_match != "disabled":
        plain = _probe(real, settings.work_dir, hooked=True, **{**asked, "colour_match": "disabled"}).frames()
        changed = max(band[1] for pair in zip(plain, after, strict=True) for band in _differences(*pair))
        assert changed > 20, "the colours were matched at all"


def _differences(one: Image.Image, other: Image.Image) -> list[tuple[int, int]]:
    """Least and most of each band."""
    return [channel.getextrema() for channel in ImageChops.difference(one, other).split()]  # type: ignore[misc]
