"""Our node pack beside the real window writer: the same frames, and a sampling thread that is not held."""

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

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

    def frames(self) -> list[bytes]:
        """The pixels, in order."""
        return [Image.open(file).tobytes() for file in sorted(self.folder.glob("*.png"))]


def _probe(real: RealBench, parent: Path, *, hooked: bool) -> Saved:
    inputs = {"output_path": str(parent), "width": 400, "height": 704, "windows": WINDOWS, "hooked": hooked}
    graph = {"probe": {"class_type": "FrameProbe", "inputs": {**inputs, "window_seconds": 6.0}}}
    prompt_id = new_id()
    reader = ProgressReader(prompt_id, "probe", WINDOWS, 4, WINDOWS * 4)
    callbacks = Callbacks(lambda: None, lambda _: None, lambda: 0)
    told = json.loads(
        real.client.run(graph, reader, callbacks, StallTimeouts(600, 600), Cancellation())["probe"]["text"][0]
    )
    return Saved(Path(told["folder"]), told["held"])


def test_the_sampler_is_not_held_by_saving(real: RealBench, settings: Settings) -> None:
    parent = settings.work_dir / new_id()
    before, after = _probe(real, parent, hooked=False), _probe(real, parent, hooked=True)
    for saved in (before, after):
        assert len(saved.held) == WINDOWS
        assert len(list(saved.folder.glob("*.png"))) == FRAMES
    assert sorted(after.folder.glob(".*")) == [], "no half-written frame stays"
    assert after.frames() == before.frames()
    # The last window waits for its own saves by design: the sampler returns after the last frame.
    followed = slice(0, WINDOWS - 1)
    assert max(after.held[followed]) < 0.1 * min(before.held[followed]), (before.held, after.held)
