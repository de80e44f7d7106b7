"""A video whose motion is followed, as latents: encoded window by window, so that memory does not grow with its length.

Upstream's WanVideoEncode takes all pictures at once, three times in RAM and twice on the GPU: 10 MB and 3.4 MB for each
of 400x704 pixels. Here one window is there at a time. Window k of the loop takes latents from k(F - M) / 4 on, where
F - M is a multiple of four, and puts its overlap in place of the first of them; so of every window but the first those
are left out here, and each latent is of the very pictures that it stands for in its window.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import torch
from PIL import Image


class Source:
    """The node.

    Inputs: `folder`, whose pictures are the video at 25 a second, in the order of their names (the last one is held);
    the size, windows and tiling of WanVideoImageToVideoMultiTalk. Output: what WanVideoEncode gives.
    """

    RETURN_TYPES = ("LATENT",)
    RETURN_NAMES = ("samples",)
    FUNCTION = "encode"
    CATEGORY = "talking-video"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """What the node takes."""
        whole = {"default": 0, "min": 0, "max": 100_000}
        numbers = dict.fromkeys(("width", "height", "frame_window_size", "motion_frame"), ("INT", whole))
        tiled = ("BOOLEAN", {"default": False})
        return {"required": {"vae": ("WANVAE",), "folder": ("STRING", {"default": ""}), **numbers, "tiled_vae": tiled}}

    def encode(
        self,
        *,
        vae: Any,
        folder: str,
        width: int,
        height: int,
        frame_window_size: int,
        motion_frame: int,
        tiled_vae: bool,
    ) -> tuple[dict[str, Any]]:
        """Latents [1, channels, latent frames, height / 8, width / 8] in RAM.

        Raises:
            ValueError: an empty folder, or windows whose latents would not line up.
        """
        step = frame_window_size - motion_frame
        pictures = sorted(Path(folder).iterdir())
        if not pictures or step <= 0 or step % 4:
            raise ValueError(f"{len(pictures)} pictures, windows of {frame_window_size} that go on by {step}")
        windows = 1 + max(0, math.ceil((len(pictures) - frame_window_size) / step))
        management = sys.modules["comfy.model_management"]
        device = management.get_torch_device()
        bar = sys.modules["comfy.utils"].ProgressBar(windows)
        parts = []
        vae.to(device)
        for window in range(windows):
            numbers = range(window * step, window * step + frame_window_size)
            pixels = _pixels([pictures[min(number, len(pictures) - 1)] for number in numbers], (width, height))
            latents = vae.encode(pixels.to(device, vae.dtype), device=device, tiled=tiled_vae, pbar=False).cpu()
            parts.append(latents if window == 0 else latents[:, :, (motion_frame - 1) // 4 + 1 :])
            bar.update(1)
        vae.to(management.unet_offload_device())
        management.soft_empty_cache()
        return ({"samples": torch.cat(parts, dim=2), "noise_mask": None},)


def _pixels(files: Sequence[Path], size: tuple[int, int]) -> torch.Tensor:
    """[1, 3, pictures, height, width], -1 to 1."""
    whole = torch.empty((len(files), size[1], size[0], 3), dtype=torch.uint8)
    for number, file in enumerate(files):
        with Image.open(file) as picture:
            whole[number] = torch.from_numpy(numpy.array(picture.convert("RGB").resize(size)))
    return (whole.permute(3, 0, 1, 2).unsqueeze(0).float() / 127.5) - 1.0
