"""Keeps the frames of a window on the device that made them: colour match and conversion to bytes are done there.

Upstream's loop brings each window to the CPU, matches its colours frame by frame with the color-matcher package, and
converts it with NumPy, all in the sampling thread, while the GPU waits. `FramesVae` stands where the loop has its VAE.
What it decodes is no tensor but `Frames`, which knows the few operations that the loop does with a window and does
them where the window is; the loop is told that there is no colour match to do.

Only inside ComfyUI: it needs torch, and color-matcher where colours are matched.
"""

import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .endless import EndlessPictures
from .residence import Residence
from .resume import Run
from .saver import FrameSaver

log = logging.getLogger(__name__)

# Without a method of its own, as the loop makes it, the package's ColorMatcher solves "mvgd" as it solves "mkl".
MATCHED_HERE = ("mkl", "mvgd")
DISABLED = "disabled"
MODES = ("multitalk", "infinitetalk")
SOLVER = "color_matcher.mvgd_matcher"
MANAGEMENT = "comfy.model_management"
FRAMES_AT_ONCE = 4  # in double precision, 22 MB each at 720x1280


def keep_frames_on_device(options: dict[str, Any], saver: FrameSaver) -> dict[str, Any]:
    """The loop's arguments with a `FramesVae` in them, or as they are where the loop does something else with frames.

    Args:
        options: what nodes_sampler.py passes to multitalk_loop.
        saver: of this run.
    """
    embeds, vae = options.get("image_embeds") or {}, options.get("vae")
    method, mode = embeds.get("colormatch", DISABLED), embeds.get("multitalk_mode")
    originals = embeds.get("multitalk_start_image")
    if vae is None or mode not in MODES or not embeds.get("output_path") or originals is None:
        return options
    if mode == "infinitetalk":
        embeds = {**embeds, "multitalk_start_image": EndlessPictures(originals)}
        options = {**options, "image_embeds": embeds}
    one_for_all = mode == "multitalk"
    matched = method in MATCHED_HERE and (originals.shape[2] == 1 or not one_for_all)
    if method != DISABLED and not matched:
        return options
    run = Run(Path(embeds["output_path"]).parent, saver)
    if "predict_with_cfg" in options:
        options = {**options, "predict_with_cfg": run.predicting(options["predict_with_cfg"])}
    if not matched:
        return {**options, "vae": FramesVae(vae, None, run, saver)}
    importlib.import_module(SOLVER)  # not between two windows
    return {
        **options,
        "vae": FramesVae(vae, References(originals), run, saver),
        "image_embeds": {**embeds, "colormatch": DISABLED},
    }


class References:
    """The picture whose colours each window takes.

    Args:
        originals: [1, 3, pictures, height, width], -1 to 1; the last one serves all further windows.
    """

    def __init__(self, originals: torch.Tensor) -> None:
        self._originals = originals

    def of_window(self, number: int) -> torch.Tensor:
        """[3, height, width], of a window from 0."""
        return self._originals[0, :, min(number, self._originals.shape[2] - 1)]


class FramesVae:
    """The VAE of the loop; what it decodes stays where it is.

    Args:
        vae: the node pack's.
        references: None where the colours stay as they are.
        run: knows which windows are there already.
        saver: of this run.
    """

    def __init__(self, vae: Any, references: References | None, run: Run, saver: FrameSaver) -> None:
        self._vae, self._references, self._run, self._saver = vae, references, run, saver
        self._residence = Residence(vae, importlib.import_module(MANAGEMENT).get_free_memory)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vae, name)

    def to(self, device: torch.device) -> "FramesVae":
        """As the node pack's, but that it stays on a GPU with room for it."""
        self._residence.move(device)
        return self

    def encode(self, frames: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        """As the node pack's, or nothing to speak of where the window is there already."""
        if self._run.passes_over:
            return self._run.encoded(frames, self._vae.dtype)
        return self._vae.encode(frames, *arguments, **options)

    def decode(self, latents: torch.Tensor, *arguments: Any, **options: Any) -> "Decoded":
        """As the node pack's: a batch of windows [1, 3, frames, height, width]."""
        run, reference = self._run, None
        self._saver.muted = run.passes_over
        if run.passes_over:
            videos = run.decoded(latents, self._vae.dtype)
        else:
            videos = self._vae.decode(latents, *arguments, **options)
            reference = self._references.of_window(run.window) if self._references else None
        run.window += 1
        return Decoded(videos, reference, self._vae.dtype, run.handed_on)


class Decoded:
    """A decoded batch; the loop takes the first of it to the CPU."""

    def __init__(
        self,
        videos: torch.Tensor,
        reference: torch.Tensor | None,
        dtype: torch.dtype,
        handed_on: Callable[[torch.Tensor], None],
    ) -> None:
        self._videos, self._reference, self._dtype, self._handed_on = videos, reference, dtype, handed_on

    def __getitem__(self, index: int) -> "Decoded":
        return Decoded(self._videos[index], self._reference, self._dtype, self._handed_on)

    def cpu(self) -> "Frames":
        """The window with its colours matched, where it is."""
        return Frames(_with_room(_matched, self._videos, self._reference, self._dtype), self._handed_on)


class Frames:
    """One window [3, frames, height, width], -1 to 1. Everything that is not named here is that of the tensor."""

    def __init__(self, video: torch.Tensor, handed_on: Callable[[torch.Tensor], None]) -> None:
        self._video, self._handed_on = video, handed_on

    def __getattr__(self, name: str) -> Any:
        return getattr(self._video, name)

    def __getitem__(self, index: Any) -> torch.Tensor:
        # A view would keep the whole window on the device for as long as the next one is sampled.
        last = self._video[index].clone()
        self._handed_on(last)
        return last

    def clamp(self, low: float, high: float) -> "Levels":
        """The loop clamps a window to make bytes of it, and for nothing else."""
        return Levels(self._video.clamp(low, high))


class Levels:
    """A window on its way from -1 … 1 to bytes: the loop's chain of operations, on the device up to its end."""

    def __init__(self, video: torch.Tensor) -> None:
        self._video = video

    def add(self, value: float) -> "Levels":
        """In place, as the two below: the window was copied before."""
        self._video.add_(value)
        return self

    def div(self, value: float) -> "Levels":
        """As torch.Tensor.div."""
        self._video.div_(value)
        return self

    def mul(self, value: float) -> "Levels":
        """As torch.Tensor.mul."""
        self._video.mul_(value)
        return self

    def cpu(self) -> "Levels":
        """Later: bytes are a quarter of what it would take now."""
        return self

    float = numpy = cpu

    def transpose(self, *axes: int) -> "Levels":
        """As numpy.ndarray.transpose."""
        self._video = self._video.permute(*axes)
        return self

    def astype(self, kind: str) -> Any:
        """The window as a NumPy array on the CPU, in one piece; `kind` is a name that torch knows as well."""
        return _with_room(_converted, self._video, getattr(torch, kind)).cpu().numpy()


def _converted(video: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return video.to(dtype).contiguous()


def _with_room(work: Any, video: torch.Tensor, *arguments: Any) -> torch.Tensor:
    """Do it on the CPU where the device has no room for it."""
    try:
        done: torch.Tensor = work(video, *arguments)
    except torch.OutOfMemoryError:
        log.warning("talking-video: no room on %s; these frames are finished on the CPU", video.device)
        done = work(video.cpu(), *arguments)
    return done


def _matched(video: torch.Tensor, reference: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor:
    """The colours of each frame mapped onto those of the reference, as color-matcher's "mkl" does: mean and covariance
    of the one to those of the other."""
    if reference is None:
        return video
    goal_mean, goal_covariance = _statistics(reference.to(video.device).float()[:, None])
    parts = video.split(FRAMES_AT_ONCE, dim=1)
    statistics = [_statistics(part.float()) for part in parts]
    means = torch.cat([mean for mean, _ in statistics])
    covariances = torch.cat([covariance for _, covariance in statistics])
    matrices = _transfer_matrices(covariances, goal_covariance[0]).to(video.device)
    result = torch.empty_like(video, dtype=dtype)
    for number, part in enumerate(parts):
        here = slice(number * FRAMES_AT_ONCE, number * FRAMES_AT_ONCE + part.shape[1])
        # The package subtracts in single precision and multiplies in double.
        centred = (part.float() - means[here].T[..., None, None]).double()
        mapped = torch.einsum("tij,jthw->ithw", matrices[here], centred)
        result[:, here] = (mapped + goal_mean[0].double()[:, None, None, None]).to(dtype)
    return result


def _statistics(video: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each frame of [3, frames, height, width]: mean [frames, 3] in single, covariance [frames, 3, 3] in double."""
    values = video.flatten(2).double()
    mean = values.mean(dim=2)
    values = values - mean[..., None]
    count = values.shape[2] - 1
    covariance = values.new_empty(values.shape[1], 3, 3)
    for one in range(3):
        for other in range(one, 3):
            both = (values[one] * values[other]).sum(dim=1) / count
            covariance[:, one, other] = covariance[:, other, one] = both
    return mean.T.float(), covariance


def _transfer_matrices(covariances: torch.Tensor, goal: torch.Tensor) -> torch.Tensor:
    """The package's own solution for each frame, so that it is the same to the last bit."""
    solver, found = importlib.import_module(SOLVER).TransferMVGD(), []
    solver.cov_z = goal.cpu().numpy()
    for covariance in covariances.cpu().numpy():
        solver.cov_r = covariance
        found.append(torch.from_numpy(solver.mkl_solver().real.copy()))
    return torch.stack(found)
