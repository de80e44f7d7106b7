"""What a job shows: a portrait, or a video that is dubbed. Either gives the reference pictures of its windows."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from contract.cancel import Cancellation
from contract.dubbing import Dub
from contract.errors import ErrorCode, Stage, WorkerError
from contract.request import Request
from job.framing import Framed
from media.footage import Footage, open_footage
from media.image import Fit, draw_fitted, open_portrait, plan_fit
from media.keyframes import Picks, pictures_of
from media.references import save_references
from sources.fetch import Inputs
from workflows.graph import Motion, References
from workflows.own_nodes import SOURCE
from workflows.plan import FPS, Plan

JPEG_QUALITY = 95  # 60 to 150 kB each at 400x704, of what is mixed with noise


class View(Protocol):
    """What is seen."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as a person sees it."""
        ...

    def first(self) -> Image.Image:
        """What is seen at the start, not fitted yet."""
        ...


@dataclass(frozen=True)
class Portrait:
    """One picture for the whole of the job."""

    image: Image.Image

    @property
    def size(self) -> tuple[int, int]:
        """Of the picture."""
        return self.image.size

    def first(self) -> Image.Image:
        """The one."""
        return self.image


@dataclass(frozen=True)
class Dubbed:
    """A video: each window goes by what it shows where that window begins."""

    footage: Footage
    folder: Path
    longest: float
    warnings: list[str]
    cancel: Cancellation

    @property
    def size(self) -> tuple[int, int]:
        """Of the video, upright, with square pixels."""
        return self.footage.width, self.footage.height

    def first(self) -> Image.Image:
        """Its first picture, as large as it is.

        Raises:
            WorkerError: VIDEO_INVALID.
        """
        whole = plan_fit(self.size, self.size, "cover", [])
        return next(pictures_of(self.footage, Picks(1, 1), whole, self.folder, self.cancel))

    def pictures(self, fit: Fit, plan: Plan) -> Iterator[Image.Image]:
        """What it shows at frame k(F - M) for window k; once it is over, its last picture.

        Raises:
            WorkerError: VIDEO_TOO_LONG, VIDEO_INVALID.
        """
        self._refuse_longer(plan)
        picks = Picks(plan.window - plan.overlap, plan.windows)
        seen = yield from pictures_of(self.footage, picks, fit, self.folder, self.cancel)
        if seen < picks.step * (picks.count - 1) + 1:
            self.warnings.append(
                f"the sound is longer than the video, whose last picture is held from {seen / FPS:.2f} s on"
            )

    def _refuse_longer(self, plan: Plan) -> None:
        needed = min(plan.frames / FPS, self.footage.seconds or plan.frames / FPS)
        if needed > self.longest:
            raise WorkerError(
                ErrorCode.VIDEO_TOO_LONG,
                f"{needed:.1f} s of the video are needed, and this worker decodes {self.longest:g} s; "
                f"send max_audio_duration {self.longest:g} or less, or several jobs",
            )


@dataclass(frozen=True)
class FollowedFilm:
    """A video whose motion is followed too: what it shows is written, and the sampler begins with it."""

    view: Dubbed
    start_step: int

    def write(self, fit: Fit, plan: Plan) -> Motion:
        """Each frame of the plan, fitted to the frame, up to the video's end.

        Raises:
            WorkerError: VIDEO_INVALID; CANCELLED.
        """
        footage, folder = self.view.footage, self.view.folder / "source"
        folder.mkdir()
        most = plan.generated
        if footage.seconds is not None:
            most = min(most, math.ceil(footage.seconds * FPS) + 1)
        for number, picture in enumerate(pictures_of(footage, Picks(1, most), fit, self.view.folder, self.view.cancel)):
            self.view.cancel.check()
            draw_fitted(picture, fit).save(folder / f"source_{number:06d}.jpg", quality=JPEG_QUALITY, subsampling=0)
        return Motion(folder, self.start_step)


@dataclass(frozen=True)
class Seen:
    """A portrait or a video, and where it lies in the frame.

    Attributes:
        view: the portrait or the video.
        picture: what it shows at the start, not fitted yet; a very large portrait was read smaller.
        framed: that picture's place in the frame, and its faces.
    """

    view: View
    picture: Image.Image
    framed: Framed

    @property
    def fit(self) -> Fit:
        """How the picture lies in the frame."""
        return self.framed.fit

    @property
    def footage(self) -> Footage | None:
        """The video that is dubbed, where it is one."""
        return self.view.footage if isinstance(self.view, Dubbed) else None


def followed_film(dub: Dub | None, view: View) -> FollowedFilm | None:
    """The job's video, where its motion is to be followed."""
    if dub is None or dub.start_step == 0 or not isinstance(view, Dubbed):
        return None
    return FollowedFilm(view, dub.start_step)


def refuse_without_source_node(request: Request, own_nodes: Collection[str]) -> None:
    """Raises INVALID_INPUT for a motion to follow where the server lacks our node for it."""
    if request.dub is not None and request.dub.start_step and SOURCE not in own_nodes:
        raise WorkerError(
            ErrorCode.INVALID_INPUT,
            "Following the motion of a video needs this project's node pack in ComfyUI, which this worker's lacks: "
            "send follow keyframes",
            stage=Stage.VALIDATE,
        )


def open_view(inputs: Inputs, folder: Path, warnings: list[str], cancel: Cancellation, *, longest: float) -> View:
    """The job's picture or video; `longest` seconds of a video are decoded at most.

    Raises:
        WorkerError: IMAGE_INVALID, VIDEO_INVALID; CANCELLED.
    """
    if inputs.filmed:
        return Dubbed(open_footage(inputs.image, folder, warnings, cancel), folder, longest, warnings, cancel)
    return Portrait(open_portrait(inputs.image, warnings, cancel))


def draw_references(view: Dubbed, fit: Fit, plan: Plan, file: Path) -> References:
    """Write what the windows go by, fitted to the frame."""
    return References(file, save_references((draw_fitted(one, fit) for one in view.pictures(fit, plan)), file))
