"""The simulator held against the real server: same verdict, same nodes in the same order, same number of frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from comfy_client.supervisor import RunningServer
from contract.errors import ErrorCode, WorkerError
from tests.real.bench import RealBench
from tests.worker.bench import launch_simulator
from worker.engine_setup import ReadyEngine


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
    simulator = launch_simulator(tmp_path / "simulator.log")
    yield RealBench(ReadyEngine(RunningServer(simulator.url), ready.precision, ready.modes), tmp_path)
    simulator.process.terminate()
    simulator.process.wait(20)
    assert simulator.process.stdout is not None
    simulator.process.stdout.close()


def _verdict(bench: RealBench, case: dict[str, Any]) -> Verdict:
    """After a job that fills the cache in the same way on both."""
    bench.run(bench.arguments(seed=1))
    made = bench.arguments(**{"seed": 2, **case})
    try:
        outcome = bench.run(made)
    except WorkerError as error:
        return Verdict(error.code, error.message, (), 0, 0)
    # What comes after the sampler takes no time: the history may be there before its messages are read.
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
        {"speed_lora_strength": None, "scheduler": "unipc", "steps": 2, "cfg_scale": 5.0},
        {"blocks_to_swap": 10},
        {"steps": 6},
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
