"""The frames of a job and their encoder, over all its attempts.

An attempt that ended early leaves what the next one can go on from: our node pack keeps, beside the frames, what each
finished window hands to the next (docs/facts/talk-models.md#going-on-after-a-window). Then the encoder goes on, too,
behind the frames that it has been fed. Where there is no such thing, everything begins anew.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from contract.cancel import Cancellation
from job.recovery import Windows
from media.video import FrameEncoder, VideoSpec
from workflows.plan import Plan

STATES = "resume-*.pt"  # of `comfy_nodes/resume.py`: the number of finished windows stands for the star


class AttemptFrames:
    """Use as a `with` block around all attempts.

    Args:
        folder: the job's.
        shown, show: as the encoder takes them.
    """

    def __init__(
        self,
        video: VideoSpec,
        folder: Path,
        cancel: Cancellation,
        *,
        shown: frozenset[int] = frozenset(),
        show: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self._video, self._folder, self._cancel = video, folder, cancel
        self._shown, self._show = shown, show
        self._frames: Path | None = None
        self._encoder: FrameEncoder | None = None

    def __enter__(self) -> "AttemptFrames":
        return self

    def __exit__(self, *_: object) -> None:
        if self._encoder is not None:
            self._encoder.__exit__()
        if self._frames is not None:
            shutil.rmtree(self._frames, ignore_errors=True)
        self._encoder = self._frames = None

    @property
    def finished(self) -> int:
        """Windows that the next attempt need not make."""
        states = sorted(self._frames.glob(STATES)) if self._frames is not None else []
        return int(states[-1].stem.partition("-")[2]) if states else 0

    def windows(self, plan: Plan) -> Windows:
        """How far the attempt came that has just ended: a window counts once all its frames are written."""
        files = self._frames.glob("*/frame_*.png") if self._frames else ()
        there = [int(path.stem.partition("_")[2]) + 1 for path in files]
        written = max([self._encoder.fed if self._encoder else 0, *there])
        made = 0 if written < plan.window else 1 + (written - plan.window) // (plan.window - plan.overlap)
        return Windows(self.finished, made, plan.windows)

    def begin(self) -> tuple[Path, FrameEncoder]:
        """For an attempt: where ComfyUI makes the folder of its frames, and the encoder that follows them."""
        if self._frames is None or self._encoder is None or not self.finished:
            self.__exit__()
            self._frames = Path(tempfile.mkdtemp(prefix="frames-", dir=self._folder))
            target = self._folder / "video.mp4"
            self._encoder = FrameEncoder(
                self._video, self._frames, target, self._cancel, shown=self._shown, show=self._show
            )
        return self._frames, self._encoder
