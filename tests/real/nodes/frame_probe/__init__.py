"""A node that measures how long saving holds the sampling thread: upstream's own multitalk_loop, run by the real
server in its prompt thread, with stand-ins for the model and the VAE around it.

`hooked` false takes our pack's two names away for the run, so that before and after are of one process.
"""

import datetime
import json
import logging
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import nodes
import numpy
import PIL.Image
import torch

WINDOW, OVERLAP, STEPS = 81, 25, 4
FOREVER_CHANGED = float("nan")
PORTRAIT = Path(__file__).parents[4] / "examples/portrait.png"


class Vae:
    """Decodes to one and the same picture sequence, in the format of a GPU's VAE."""

    dtype = torch.bfloat16

    def __init__(self, video):
        self._video = video.to(self.dtype)

    def to(self, *_):
        return self

    def encode(self, frames, **_):
        return torch.zeros(1, 16, (frames.shape[2] - 1) // 4 + 1, frames.shape[3] // 8, frames.shape[4] // 8)

    def decode(self, *_, **__):
        return self._video[None]


class Embeds(list):
    """Voice embeddings; that they are read says that the next window begins."""

    def __init__(self, values, read):
        super().__init__(values)
        self._read = read

    def __getitem__(self, index):
        self._read()
        return list.__getitem__(self, index)


class Holds(logging.Handler):
    """Seconds from "Saving …" to the sign that the thread goes on, one for each window."""

    def __init__(self):
        super().__init__()
        self.seconds = []
        self._since = None

    def emit(self, record):
        if record.getMessage().startswith("Saving"):
            self._since = time.perf_counter()

    def over(self):
        if self._since is not None:
            self.seconds.append(time.perf_counter() - self._since)
            self._since = None


@contextmanager
def hooks(sampler, wanted):
    """The loop to call: as it stands, or with everything of ours taken away."""
    loop = sampler.multitalk_loop
    writer = sys.modules[getattr(loop, "__wrapped__", loop).__module__]
    ours = writer.Image
    if wanted:
        yield loop
        return
    writer.Image = PIL.Image
    try:
        yield getattr(loop, "__wrapped__", loop)
    finally:
        writer.Image = ours


def pictures(width, height):
    """A portrait that moves, in 81 lights, -1 to 1."""
    generator = torch.Generator().manual_seed(1)
    with PIL.Image.open(PORTRAIT) as opened:
        levels = numpy.asarray(opened.convert("RGB").resize((width, height)), dtype=numpy.float32)
    base = torch.from_numpy(levels / 127.5 - 1).permute(2, 0, 1)
    frames = []
    for number in range(WINDOW):
        light = torch.eye(3) + 0.05 * torch.randn(3, 3, generator=generator)
        moved = torch.roll(base, number, 1) + 0.015 * torch.randn(base.shape, generator=generator)
        frames.append(torch.einsum("ij,jhw->ihw", light, moved))
    return torch.stack(frames, 1).clamp(-1.1, 1.1)


def arguments(folder, *, width, height, windows, window_seconds, read, mode, colour_match):
    """What nodes_sampler.py hands to the loop, as far as the loop looks at it."""
    video = pictures(width, height)
    frames = WINDOW + (WINDOW - OVERLAP) * (windows - 1)
    latent = torch.zeros(16, (WINDOW - 1) // 4 + 1, height // 8, width // 8)

    def predict(noise, *_, **__):
        time.sleep(window_seconds / STEPS)
        return torch.zeros_like(noise), None, None

    patcher = SimpleNamespace(load_device="cpu", model=SimpleNamespace(latent_format=None))
    return {
        "latent": latent,
        "noise": torch.zeros_like(latent),
        "steps": STEPS,
        "shift": 8.0,
        "cfg": [1.0] * (STEPS + 5),
        "transformer": SimpleNamespace(multitalk_model_type="InfiniteTalk", patched_linear=False),
        "patcher": patcher,
        "vae": Vae(video),
        "dtype": torch.float32,
        "scheduler": "multitalk",
        "text_embeds": {"prompt_embeds": [0], "negative_prompt_embeds": [0]},
        "multitalk_embeds": {"audio_features": [0], "ref_target_masks": None},
        "multitalk_audio_embeds": Embeds([torch.zeros(frames, 12, 768)], read),
        "audio_stride": 1,
        "image_embeds": {
            "multitalk_mode": mode,
            "colormatch": colour_match,
            "frame_window_size": WINDOW,
            "motion_frame": OVERLAP,
            "target_w": width,
            "target_h": height,
            "multitalk_start_image": video[None, :, :1].flip(-1) * 0.8,
            "output_path": str(folder),
        },
        "humo_reference_count": 0,
        "seed_g": torch.Generator().manual_seed(1),
        "force_offload": False,
        "model": {"auto_cpu_offload": True},
        "predict_with_cfg": predict,
        "add_noise_to_samples": False,
    }


class FrameProbe:
    """Runs the loop and tells, as JSON, the folder, the seconds held for each window, and what stood in for Image."""

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802 - ComfyUI's name, here and below
        return {
            "required": {
                "output_path": ("STRING", {}),
                "width": ("INT", {"default": 400, "max": 4000}),
                "height": ("INT", {"default": 704, "max": 4000}),
                "windows": ("INT", {"default": 3}),
                "window_seconds": ("FLOAT", {"default": 6.0}),
                "hooked": ("BOOLEAN", {"default": True}),
                "mode": ("STRING", {"default": "infinitetalk"}),
                "colour_match": ("STRING", {"default": "disabled"}),
            }
        }

    RETURN_TYPES = ("STRING",)
    FUNCTION = "run"
    CATEGORY = "test"
    OUTPUT_NODE = True

    @classmethod
    def IS_CHANGED(cls, **_):  # noqa: N802
        return FOREVER_CHANGED

    def run(self, *, output_path, width, height, windows, window_seconds, hooked, mode, colour_match):
        sampler = sys.modules[nodes.NODE_CLASS_MAPPINGS["WanVideoSampler"].__module__]
        log = sys.modules[sampler.__name__.rsplit(".", 1)[0] + ".utils"].log
        folder = Path(output_path) / datetime.datetime.now().strftime("%Y%m%d_%H%M%S_%f")
        folder.mkdir(parents=True)
        holds = Holds()
        log.addHandler(holds)
        try:
            with hooks(sampler, hooked) as loop:
                asked = {
                    "width": width,
                    "height": height,
                    "windows": windows,
                    "mode": mode,
                    "colour_match": colour_match,
                }
                loop(self=self, **arguments(folder, **asked, window_seconds=window_seconds, read=holds.over))
                holds.over()
        finally:
            log.removeHandler(holds)
        told = json.dumps({"folder": str(folder), "held": holds.seconds})
        return {"ui": {"text": [told]}, "result": (told,)}


NODE_CLASS_MAPPINGS = {"FrameProbe": FrameProbe}
