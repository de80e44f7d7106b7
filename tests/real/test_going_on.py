"""A real ComfyUI that is killed in the middle of a job goes on behind the last finished window, to the same frames."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfy_client.server import EngineProcess
from comfy_client.supervisor import SupervisedEngine
from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from tests.real.bench import RealBench, difference


@pytest.mark.parametrize(
    "case",
    [
        {"mode": "infinitetalk", "color_match": "mkl", "scheduler": "dpm++_sde", "steps": 3, "start_step": 1},
        {"mode": "multitalk", "color_match": "mkl", "scheduler": "lcm", "steps": 2},
    ],
    ids=lambda case: "-".join(map(str, case.values())),
)
def test_the_frames_are_those_of_an_undisturbed_job(real: RealBench, case: dict[str, Any]) -> None:
    """Five windows of 17 frames that overlap by 9, and a kill once some are finished."""
    engine = real.ready.engine
    assert isinstance(engine, SupervisedEngine)
    frames, window, step = 49, 17, 8
    plain = real.run(real.arguments(frames=frames, seed=21, **case)).frames
    made = real.arguments(frames=frames, seed=21, **case)
    process: EngineProcess = vars(engine)["_process"]

    def kill_once_windows_are_finished() -> None:
        if list(made["frames_parent"].glob("resume-*.pt")):
            os.kill(process.pid, signal.SIGKILL)
        engine.check()

    with pytest.raises(WorkerError) as caught:
        real.run(made, on_poll=kill_once_windows_are_finished)
    assert caught.value.code is ErrorCode.ENGINE_UNAVAILABLE
    kept = max(int(path.stem.partition("-")[2]) for path in made["frames_parent"].glob("resume-*.pt"))
    there = window + (kept - 1) * step
    assert there < frames, "it was killed in the middle"
    assert {_name(number) for number in range(there)} <= _names(made["frames_parent"], "*"), "each is on the disk"
    engine.ensure_ready(Cancellation())
    outcome = real.run(made)
    assert outcome.steps == made["inputs"].plan.windows * made["inputs"].plan.steps, "progress is that of the whole"
    newest = max(path.name for path in made["frames_parent"].iterdir() if path.is_dir())
    assert _names(made["frames_parent"], newest) == {_name(number) for number in range(there, frames)}, "none twice"
    found = {path.name: path for path in sorted(made["frames_parent"].glob("*/frame_*.png"))}
    both = [Image.open(found[name]).convert("RGB") for name in sorted(found)]
    assert len(both) == len(plain) == frames
    assert difference(plain, both) < 0.1


def _name(number: int) -> str:
    return f"frame_{number:05d}.png"


def _names(parent: Path, folder: str) -> set[str]:
    return {path.name for path in parent.glob(f"{folder}/frame_*.png")}
