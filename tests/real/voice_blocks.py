"""Runs in ComfyUI's interpreter: upstream's wav2vec2 with random weights of the real shapes, over the whole sound or in
blocks by our node's encoder. Saves the embeds, and prints the bytes of memory that making them took at the most.

    python voice_blocks.py COMFYUI_DIR whole|blocks SECONDS TARGET
"""

import importlib.util
import json
import resource
import sys
import types
from pathlib import Path
from typing import Any

import torch
from transformers import Wav2Vec2Config

REPOSITORY = Path(__file__).resolve().parents[2]
FPS, RATE = 25, 16_000


def module(path: Path) -> types.ModuleType:
    """A file of a package, without the package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = made
    spec.loader.exec_module(made)
    return made


def voice(seconds: float) -> torch.Tensor:
    """Noise whose loudness goes up and down, with a silent second half: its mean and variance differ from block to
    block."""
    samples = round(seconds * RATE)
    clock = torch.arange(samples) / RATE
    loud = 0.02 + 0.3 * torch.sin(clock * 0.7) ** 2
    loud[samples // 2 :] *= 0.05
    return (torch.randn(samples) * loud)[None]


def main(comfyui: Path, way: str, seconds: float, target: Path) -> None:
    """Make the embeds."""
    folder = comfyui / "custom_nodes" / "ComfyUI-WanVideoWrapper" / "multitalk"
    config = Wav2Vec2Config(**json.loads((folder / "wav2vec2_config.json").read_text()))
    torch.manual_seed(3)
    model: Any = module(folder / "wav2vec2.py").Wav2Vec2Model(config).eval()
    sound = voice(seconds)
    encoder = model
    if way == "blocks":
        encoder = module(REPOSITORY / "comfy_nodes" / "voices.py").BlockEncoder(model, lambda _: lambda: None)
    with torch.inference_mode():
        encoder(voice(2), seq_len=2 * FPS, output_hidden_states=True)  # what is taken once is no part of the peak
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        made = encoder(sound, seq_len=int(seconds * FPS), output_hidden_states=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        torch.save(torch.stack(made.hidden_states[1:], dim=1), target)
    sys.stdout.write(f"{(peak - before) * 1024}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
