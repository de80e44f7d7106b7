"""Our own nodes in a real ComfyUI: what the simulator says of them, and what they make."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract.fields import Mode
from tests.real.bench import SIDE, RealBench, difference
from tests.recording.node_facts import without_prose
from worker.settings import Settings
from workflows.own_nodes import OWN_NODES, SEPARATE_VOICE, SEPARATOR_LOADER
from workflows.plan import Plan, windows_for
from workflows.scenes import WindowPrompts

REPOSITORY = Path(__file__).resolve().parents[2]
FACTS = [REPOSITORY / "simulator" / name for name in ("object_info.json", "own_nodes.json")]
OURS = "TalkingVideo"
COMPARE = """
import sys, torch
one, other = (torch.load(path) for path in sys.argv[1:])
assert one.shape == other.shape and one.std() > 0.1
print(float((one - other).abs().max()))
"""


def test_the_simulator_has_the_pack_s_nodes_as_they_are(real: RealBench) -> None:
    facts = {name: fact for file in FACTS for name, fact in json.loads(file.read_text(encoding="utf-8")).items()}
    kept = {name: fact for name, fact in facts.items() if name.startswith(OURS)}
    told = {name: without_prose(fact) for name, fact in real.client.object_info().items() if name.startswith(OURS)}
    assert told == kept
    assert real.ready.own_nodes == {*OWN_NODES, SEPARATE_VOICE} == {*kept} - {SEPARATOR_LOADER}


def test_wav2vec_in_blocks_makes_the_same_embeds_with_a_fraction_of_the_memory(
    settings: Settings, tmp_path: Path
) -> None:
    whole, whole_bytes = _embeds(settings, "whole", 120, tmp_path)
    blocks, blocks_bytes = _embeds(settings, "blocks", 120, tmp_path)
    command = [str(settings.comfyui_python), "-c", COMPARE, str(whole), str(blocks)]
    differs = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert differs < 2e-5, "of a standard deviation of 1: what single precision leaves of the whole itself"
    assert blocks_bytes < whole_bytes / 5


def _embeds(settings: Settings, way: str, seconds: float, folder: Path) -> tuple[Path, int]:
    """The file of the embeds, and the bytes that they took at the most."""
    target = folder / f"{way}.pt"
    script = [str(settings.comfyui_python), str(REPOSITORY / "tests/real/voice_blocks.py")]
    arguments = [str(settings.comfyui_dir), way, str(seconds), str(target)]
    done = subprocess.run([*script, *arguments], check=True, capture_output=True, text=True)
    return target, int(done.stdout)


@pytest.mark.parametrize(
    ("mode", "cfg", "guidance"),
    [("infinitetalk", 1.0, "nag"), ("infinitetalk", 5.0, "cfg"), ("multitalk", 1.0, None)],
)
def test_each_window_takes_its_own_prompt_and_picture(
    real: RealBench, mode: Mode, cfg: float, guidance: str | None
) -> None:
    """Windows of 17 frames that overlap by 9: they begin to be seen at 0, 17 and 25."""
    sent: dict[str, Any] = {
        "mode": mode,
        "frames": 33,
        "cfg_scale": cfg,
        "negative_guidance": guidance,
        "scheduler": "euler",
        "steps": 2,
    }
    plain = real.run(real.arguments(**sent)).frames
    if guidance == "nag":
        same = WindowPrompts(("a person talking", "never seen"), (0, 0, 0))
        assert _changed(plain, real.run(real.arguments(**sent, prompts=same)).frames) == [False, False, False]
    other = WindowPrompts(("a person talking", "a storm at sea"), (0, 1))
    prompted = real.run(real.arguments(**sent, prompts=other)).frames
    assert _changed(plain, prompted) == [False, True, True], "the third goes on from the frames of the second"
    if mode == "infinitetalk":
        pictured = real.run(real.arguments(**sent, prompts=other, references=real.reference(1, 1, 2))).frames
        assert _changed(prompted, pictured) == [False, False, True]


def _changed(before: list[Image.Image], after: list[Image.Image]) -> list[bool]:
    """Whether what each window adds is another picture: two runs of one graph on a CPU differ by rounding at most."""
    parts = ((0, 17), (16, 25), (24, 33))
    return [difference(before[begin:end], after[begin:end]) > 0.2 for begin, end in parts]


@pytest.mark.slow
def test_more_than_10_000_frames_are_made(real: RealBench) -> None:
    window, overlap, frames = 81, 9, 10_001
    plan = Plan(frames, SIDE, SIDE, window, overlap, windows_for(frames, window, overlap), 1, 1, 0.0)
    assert plan.is_long
    sent: dict[str, Any] = {"plan": plan, "steps": 1, "scheduler": "euler"}
    outcome = real.run(real.arguments(**sent))
    assert len(outcome.frames) == plan.generated > 10_000
    assert outcome.steps == plan.windows
    assert outcome.frames[0].tobytes() != outcome.frames[-1].tobytes()
