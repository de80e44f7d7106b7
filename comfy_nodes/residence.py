"""Leaves the VAE on a GPU that has room for it: the loop moves it to the GPU and off it twice in each window, 0.14 s in
all at 400x704 on an H100 (docs/gpu, "VAE moved")."""

from collections.abc import Callable
from typing import Any

ROOM = 30 * 2**30  # bytes: a window of 720x1280 takes 17 GiB beside the weights (docs/gpu, "VRAM")


class Residence:
    """Where the VAE is.

    Args:
        vae: has torch.nn.Module's `to`.
        free: the free bytes of a device, as comfy.model_management.get_free_memory.
    """

    def __init__(self, vae: Any, free: Callable[[Any], float]) -> None:
        self._vae, self._free = vae, free
        self._gpu: Any = None  # where it was moved last, if that is no CPU

    def move(self, device: Any) -> None:
        """As asked, unless it is to leave a GPU of which `ROOM` and more is free."""
        if device.type == "cpu" and self._gpu is not None and self._free(self._gpu) >= ROOM:
            return
        self._vae.to(device)
        self._gpu = None if device.type == "cpu" else device
