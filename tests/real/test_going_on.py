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
        {"mode": "infinitetalk"},
        {"mode": "infinitetalk", "color_match": "mkl", "scheduler": "dpm++_sde", "steps": 2},
        {"mode": "multitalk", "color_match": "mkl", "scheduler": "lcm", "steps": 2},
    ],
    ids=lambda case: "-".join(map(str, case.values())),
)
def test_the_frames_are_those_of_an_undisturbed_job(real: RealBench, case: dict[str, Any]) -> None:
    """Four windows of 17 frames, and a kill once two are finished."""
    engine = real.ready.engine
    assert isinstance(engine, SupervisedEngine)
    plain = real.run(real.arguments(frames=41, seed=21, **case)).frames
    made = real.arguments(frames=41, seed=21, **case)
    process: EngineProcess = vars(engine)["_process"]

    def kill_after_two_windows() -> None:
        if list(made["frames_parent"].glob("resume-00002.pt")):
            os.kill(process.pid, signal.SIGKILL)
        engine.check()

    with pytest.raises(WorkerError) as caught:
        real.run(made, on_poll=kill_after_two_windows)
    assert caught.value.code is ErrorCode.ENGINE_UNAVAILABLE
    engine.ensure_ready(Cancellation())
    first = {path.name for path in made["frames_parent"].glob("*/frame_*.png")}
    outcome = real.run(made)
    assert outcome.steps == made["inputs"].plan.windows * made["inputs"].plan.steps, "progress is that of the whole"
    found: dict[str, Path] = {path.name: path for path in sorted(made["frames_parent"].glob("*/frame_*.png"))}
    newest = max(path.parent for path in found.values())
    again = {path.name for path in newest.glob("*.png")}
    assert {f"frame_{number:05d}.png" for number in range(25)} <= first
    assert again == {f"frame_{number:05d}.png" for number in range(25, 41)}, "what was there is not saved again"
    frames = [Image.open(found[name]).convert("RGB") for name in sorted(found)]
    assert len(frames) == len(plain) == 41
    assert difference(plain, frames) < 0.1
