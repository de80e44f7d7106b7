"""Small jobs for a real server: 64x64 pixels, windows of 17 to 33 frames, a few seconds each on two cores."""

import math
import random
import time
import wave
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageStat

from comfy_client.client import Callbacks, ComfyClient, new_id
from comfy_client.clocks import StallTimeouts
from comfy_client.progress import ProgressReader
from contract.cancel import Cancellation
from contract.fields import Mode
from media.references import save_references
from tests.workflows.graph_samples import GraphArguments, arguments
from worker.engine_setup import ReadyEngine
from workflows.graph import Motion, References, build_graph, sampler_node
from workflows.plan import Plan, windows_for
from workflows.template import Graph

SIDE = 64
RATE = 16_000
STEPS = 2
LOADERS = frozenset({"model", "talk", "lora", "vae", "clip", "clip_vision", "wav2vec"})


@dataclass
class Outcome:
    """A finished graph: its frames in order, the nodes that ran, the largest step that was reported, the seconds until
    the last weights were there."""

    frames: list[Image.Image]
    nodes: list[str] = field(default_factory=list)
    steps: int = 0
    loading: float = 0.0


@dataclass
class RealBench:
    """Builds graphs with the worker's own code and runs them through the worker's own client."""

    ready: ReadyEngine
    folder: Path

    @property
    def client(self) -> ComfyClient:
        """Of the engine as it is now."""
        return self.ready.engine.client

    def arguments(
        self, mode: Mode = "infinitetalk", speakers: int = 1, frames: int = 17, **changes: Any
    ) -> GraphArguments:
        """Of a graph for `frames` frames with that many voices, a picture of its own, and few steps, as a job
        spends most of its time in them; changes as in the samples. With `start_step` it follows the motion of `film`, a
        folder of pictures, or of a film of its own."""
        window, overlap, steps = 17, 9, changes.get("steps", STEPS)
        windows, start = windows_for(frames, window, overlap), changes.pop("start_step", 0)
        plan = changes.pop("plan", Plan(frames, SIDE, SIDE, window, overlap, windows, steps - start, 1, 0.0))
        film = changes.pop("film", None) or (self.film("own", frames, frames) if start else None)
        small: dict[str, Any] = {
            "plan": plan,
            "references": self.reference(1),
            "voices": tuple(self.voice(number, plan.audio_seconds) for number in range(1, speakers + 1)),
            "masks": self._masks(speakers) if speakers > 1 else None,
            "frames_parent": self.folder / new_id(),
            "positive_prompt": "a person talking",
            "negative_prompt": "low quality",
            "seed": 11,
            "scheduler": "euler",
            "steps": steps,
            "motion": Motion(film, start) if film else None,
            "color_match": "disabled",
            "precision": self.ready.precision,
        }
        return arguments(mode, speakers, **{**small, **changes})

    def run(self, made: GraphArguments, spoil: Callable[[Graph], None] | None = None, **watching: Any) -> Outcome:
        """Run the job's graph, perhaps spoiled first; raises the client's WorkerError."""
        graph = build_graph(**made)
        if spoil is not None:
            spoil(graph)
        made["frames_parent"].mkdir(exist_ok=True)
        outcome = Outcome([])
        prompt_id = new_id()
        plan = made["inputs"].plan
        ticks = plan.latent_frames if made["memory"].tiled_vae else None
        reader = ProgressReader(
            prompt_id, sampler_node(graph), plan.windows, plan.steps, plan.announced_steps, vae_ticks=ticks
        )

        def moved(read: ProgressReader) -> None:
            if read.node and outcome.nodes[-1:] != [read.node]:
                outcome.nodes.append(read.node)
            outcome.steps = max(outcome.steps, read.position.done)
            if read.position.window and not outcome.loading:
                outcome.loading = time.monotonic() - begun

        begun = time.monotonic()
        callbacks = Callbacks(watching.get("on_poll", lambda: None), moved, lambda: 0)
        self.client.run(graph, reader, callbacks, StallTimeouts(1800, 1800), watching.get("cancel") or Cancellation())
        files = sorted(made["frames_parent"].glob("*/frame_*.png"))
        outcome.frames = [Image.open(file).convert("RGB") for file in files]
        return outcome

    def picture(self, number: int) -> Path:
        """A gradient with a square; another one for each number."""
        path = self.folder / f"picture_{number}.png"
        image = Image.linear_gradient("L").resize((SIDE, SIDE)).rotate(90 * number).convert("RGB")
        image.paste((200, 40 * number, 60), (16, 16, 48, 48))
        image.save(path)
        return path

    def reference(self, *numbers: int) -> References:
        """Such pictures, one a window."""
        path = self.folder / f"references_{'_'.join(map(str, numbers))}.png"
        pictures = (Image.open(self.picture(number)) for number in numbers)
        return References(path, save_references(pictures, path))

    def voice(self, number: int, seconds: float) -> Path:
        """Noise whose loudness goes up and down, another for each number."""
        path = self.folder / f"voice_{number}_{seconds:.2f}.wav"
        source = random.Random(number)  # noqa: S311 - sound, not a secret
        samples = array(
            "h",
            (
                round(9000 * math.sin(index / RATE * (3 + number)) * source.uniform(-1, 1))
                for index in range(round(seconds * RATE))
            ),
        )
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(RATE)
            out.writeframes(samples.tobytes())
        return path

    def film(self, name: str, seen: int, frames: int = 33) -> Path:
        """The pictures of a square that moves, for so many frames; then all is red."""
        folder = self.folder / f"film_{name}"
        folder.mkdir(exist_ok=True)
        for number in range(frames):
            picture = Image.new("RGB", (SIDE, SIDE), (40, 80, 120) if number < seen else (200, 40, 40))
            picture.paste((230, 220, 90), (number % 40, 16, number % 40 + 24, 40))
            picture.save(folder / f"source_{number:06d}.png")
        return folder

    def _masks(self, voices: int) -> Path:
        width = SIDE // voices
        masks = []
        for number in range(voices):
            mask = Image.new("L", (SIDE, SIDE), 0)
            mask.paste(255, (number * width, 16, (number + 1) * width, SIDE))
            masks.append(mask)
        background = Image.new("L", (SIDE, SIDE), 0)
        background.paste(255, (0, 0, SIDE, 16))
        path = self.folder / f"masks_{voices}.png"
        masks[0].save(path, save_all=True, append_images=[*masks[1:], background])
        return path


def difference(one: list[Image.Image], other: list[Image.Image]) -> float:
    """Mean difference of two clips, 0 to 255, from the second frame on: the first depends on the picture alone."""
    pairs = list(zip(one, other, strict=True))[1:]
    return sum(sum(ImageStat.Stat(ImageChops.difference(a, b)).mean) / 3 for a, b in pairs) / len(pairs)
