"""Lets a run of upstream's loop go on where an earlier one of the same job was ended, after its last finished window.

The loop cannot be entered at a window. So the windows that are done are passed over: it draws their noise and takes
their steps, and with that the random numbers of all later windows stay the same, but the model and the VAE are not
asked, and nothing is saved. What a window hands to the next one, its last frames, is kept beside the frames.

Only inside ComfyUI: it needs torch.
"""

import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .saver import FrameSaver

log = logging.getLogger(__name__)

STATES = "resume-*.pt"  # the number of finished windows stands for the star; the worker and its simulator look for them
CHANNELS, STRIDE = 16, 8  # of WAN's VAE


class Run:
    """One run of the loop.

    Args:
        folder: of the job's frames; has what earlier runs left.
        saver: of this run.

    Attributes:
        window: the one that is being made, from 0.
        done: windows that an earlier run has finished.
    """

    def __init__(self, folder: Path, saver: FrameSaver) -> None:
        self._folder, self._saver = folder, saver
        self._state = _newest(folder)
        self._dtype: torch.dtype | None = None
        self.window = 0
        self.done: int = self._state["windows"] if self._state else 0
        if self.done:
            log.info("talking-video: the first %d windows are there already", self.done)

    @property
    def passes_over(self) -> bool:
        """Whether this window is there already."""
        return self.window < self.done

    def predicting(self, predict: Callable[..., Any]) -> Callable[..., Any]:
        """The loop's model, which is not asked for windows that are there."""

        def predicted(latent: torch.Tensor, *arguments: Any, **options: Any) -> Any:
            if self._state is not None and self.passes_over:
                dtype = getattr(torch, self._state["dtype"])
                return torch.zeros(latent.shape, dtype=dtype, device=latent.device), None, options.get("cache_state")
            made = predict(latent, *arguments, **options)
            self._dtype = made[0].dtype
            return made

        return predicted

    def encoded(self, frames: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """In place of what the VAE would make of frames [1, 3, frames, height, width] that nobody looks at."""
        height, width = frames.shape[3] // STRIDE, frames.shape[4] // STRIDE
        return torch.zeros(1, CHANNELS, (frames.shape[2] - 1) // 4 + 1, height, width, dtype=dtype)

    def decoded(self, latents: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """In place of the frames of a window that is there: the last ones of the last window are as they were."""
        frames = (latents.shape[2] - 1) * 4 + 1
        video = torch.zeros(1, 3, frames, latents.shape[3] * STRIDE, latents.shape[4] * STRIDE, dtype=dtype)
        if self._state is not None and self.window == self.done - 1:
            motion = self._state["motion"]
            video[0, :, -motion.shape[1] :] = motion
        return video

    def handed_on(self, motion: torch.Tensor) -> None:
        """The window before `window` is made, and this, [3, frames, height, width], is what the next one gets of it."""
        if self.window <= self.done or self._dtype is None:
            return
        state = {"windows": self.window, "motion": motion.cpu(), "dtype": str(self._dtype).removeprefix("torch.")}
        self._saver.after(lambda: _keep(self._folder, state))


def _newest(folder: Path) -> dict[str, Any] | None:
    """What the newest run has left; None where there is none, or it cannot be read."""
    try:
        states = sorted(folder.glob(STATES))
        found: dict[str, Any] | None = torch.load(states[-1], weights_only=True) if states else None
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        log.warning("talking-video: what an earlier run left cannot be read: %s", error)
        found = None
    return found


def _keep(folder: Path, state: dict[str, Any]) -> None:
    """Called once every frame of the window is on the disk."""
    target = folder / STATES.replace("*", f"{state['windows']:05d}")
    older = [path for path in folder.glob(STATES) if path.name < target.name]
    part = target.with_name(f".{target.name}.part")
    torch.save(state, part)
    part.replace(target)
    for path in older:
        path.unlink(missing_ok=True)
