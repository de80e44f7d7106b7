"""The simulator held against the real server: same verdict, same nodes in the same order, same number of frames."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageSequence

from comfy_client.supervisor import RunningServer
from contract.errors import ErrorCode, WorkerError
from tests.real.bench import RealBench
from tests.worker.bench import launch_simulator
from worker.engine_setup import ReadyEngine
from workflows.template import Graph


@dataclass(frozen=True)
class Verdict:
    """What a caller sees of a graph's end."""

    code: ErrorCode | None
    message: str
    nodes: tuple[str, ...]
    frames: int
    steps: int


@pytest.fixture
def simulated(ready: ReadyEngine, tmp_path: Path) -> Iterator[RealBench]:
    """It takes its time: one without any may be done before the first of its messages is read."""
    simulator = launch_simulator(tmp_path / "simulator.log", "--speed", "4")
    yield RealBench(ReadyEngine(RunningServer(simulator.url), ready.precision, ready.modes), tmp_path)
    simulator.process.terminate()
    simulator.process.wait(20)
    assert simulator.process.stdout is not None
    simulator.process.stdout.close()


def _verdict(bench: RealBench, case: dict[str, Any], spoil: Callable[[Graph], None] | None = None) -> Verdict:
    """After a job that fills the cache in the same way on both."""
    bench.run(bench.arguments(seed=1, steps=1))
    made = bench.arguments(**{"seed": 2, **case})
    try:
        outcome = bench.run(made, spoil)
    except WorkerError as error:
        return Verdict(error.code, error.message, (), 0, 0)
    # What comes after the sampler takes no time, and the history is asked for in between.
    until = outcome.nodes.index("sampler") + 1
    return Verdict(None, "", tuple(outcome.nodes[:until]), len(outcome.frames), outcome.steps)


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"mode": "multitalk"},
        {"speakers": 2},
        {"mode": "multitalk", "speakers": 3},
        {"frames": 33},
        {"frames": 33, "scheduler": "dpm++_sde", "steps": 3, "start_step": 1},
        {"speed_lora_strength": None, "scheduler": "unipc", "cfg_scale": 5.0},
        {"blocks_to_swap": 10},
        {"tiled_vae": True},
        {"scheduler": "flowmatch_distill", "steps": 6},
        {"width": 72},
    ],
    ids=lambda case: "-".join(f"{name}_{value}" for name, value in case.items()) or "plain",
)
def test_both_say_the_same(real: RealBench, simulated: RealBench, case: dict[str, Any]) -> None:
    told, seen = _verdict(simulated, case), _verdict(real, case)
    assert told.code == seen.code
    assert (told.nodes, told.frames, told.steps) == (seen.nodes, seen.frames, seen.steps)
    if seen.code is not None and "width" not in case:  # torch has several sentences for a wrong shape
        assert told.message == seen.message


def without_text(graph: Graph) -> None:
    del graph["sampler"]["inputs"]["text_embeds"]


def without_background(graph: Graph) -> None:
    _keep_masks(graph, 2)


def with_one_mask(graph: Graph) -> None:
    _keep_masks(graph, 1)


def with_a_picture_for_a_voice(graph: Graph) -> None:
    graph["voice_1"]["inputs"]["audio"] = graph["portrait"]["inputs"]["image"]


def _keep_masks(graph: Graph, count: int) -> None:
    inputs = graph["masks_image"]["inputs"]
    with Image.open(inputs["image"]) as source:
        masks = [frame.copy() for frame in ImageSequence.Iterator(source)][:count]
    fewer = Path(inputs["image"]).with_name(f"fewer_{count}.png")
    masks[0].save(fewer, save_all=True, append_images=masks[1:])
    inputs["image"] = str(fewer)


@pytest.mark.parametrize(
    ("spoil", "speakers"),
    [(without_text, 1), (with_a_picture_for_a_voice, 1), (without_background, 2), (with_one_mask, 2)],
)
def test_both_judge_an_unusual_graph_alike(
    real: RealBench, simulated: RealBench, spoil: Callable[[Graph], None], speakers: int
) -> None:
    case = {"speakers": speakers}
    told, seen = _verdict(simulated, case, spoil), _verdict(real, case, spoil)
    assert (told.code, told.message, told.frames, told.steps) == (seen.code, seen.message, seen.frames, seen.steps)
