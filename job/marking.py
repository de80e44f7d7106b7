"""Marks a finished video as made by AI, after a rehearsal before the GPU is asked: a video that is made is not lost."""

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from contract.background import watched
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from contract.fields import Mode
from media.boxes import UnexpectedFileError
from media.mark import COMMENT, add_xmp
from media.signing import Signer, SigningError
from workflows.modes import MODES

log = logging.getLogger(__name__)

T = TypeVar("T")
CANNOT_SIGN = "This worker cannot sign videos: {}"
TIMESTAMP_SECONDS = 30.0  # for an authority that does not answer
METADATA, C2PA = "metadata", "c2pa"


@dataclass(frozen=True)
class Marks:
    """The marks that the videos of this worker get: a comment and XMP where `metadata`, a C2PA manifest of `signer`."""

    metadata: bool = True
    signer: Signer | None = None

    @property
    def comment(self) -> str | None:
        """What the encoder writes for people to read."""
        return COMMENT if self.metadata else None

    def rehearse(self, cancel: Cancellation, stage: Stage = Stage.PREPARE) -> None:
        """See that a video could be signed, by signing next to nothing.

        Raises:
            WorkerError: SETTINGS_INVALID, retryable where only the timestamp failed; what `cancel` raises.
        """
        if self.signer is None:
            return
        try:
            _in_time(self.signer.rehearse, cancel)
        except SigningError as error:
            message = CANNOT_SIGN.format(error)
            raise WorkerError(
                ErrorCode.SETTINGS_INVALID, message, stage=stage, retryable=error.timestamp or None
            ) from error

    def put(self, video: Path, mode: Mode, warnings: list[str], cancel: Cancellation) -> tuple[str, ...]:
        """Mark the video, which is replaced as a whole by each step; returns the marks that it has now.

        The GPU's work is done: what fails here although the rehearsal passed is told, and does not end the job.

        Raises:
            WorkerError: what `cancel` raises.
        """
        family, marks = MODES[mode].family, list[str]()
        if self.metadata:
            try:
                _replace(video, lambda target: add_xmp(video, target, family))
                marks.append(METADATA)
            except (UnexpectedFileError, OSError) as error:  # the disk may have become full
                log.error("no XMP was put into the video: %s", error)
                warnings.append("the video says in its comment alone that AI made it: no XMP could be put into it")
        if self.signer is not None and self._signed(self.signer, video, family, warnings, cancel):
            marks.append(C2PA)
        return tuple(marks)

    def _signed(self, signer: Signer, video: Path, family: str, warnings: list[str], cancel: Cancellation) -> bool:
        try:
            _replace(video, lambda target: _in_time(lambda: signer.sign(video, target, family), cancel))
        except (SigningError, OSError) as error:
            log.error("%s", CANNOT_SIGN.format(error))
            if isinstance(error, SigningError) and error.timestamp:
                warnings.append("the video's C2PA signature has no timestamp: its authority does not answer")
                return self._signed(replace(signer, timestamp_url=None), video, family, warnings, cancel)
            warnings.append("the video is not signed (C2PA): the signer failed after the generation")
            return False
        return True


def _replace(video: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a new file, and put it in the place of the video once it is whole."""
    new = video.with_name(f"{uuid.uuid4().hex}.mp4")
    try:
        write(new)
        new.replace(video)
    finally:
        new.unlink(missing_ok=True)


def _in_time(work: Callable[[], T], cancel: Cancellation) -> T:
    """Do `work`, which may wait for a timestamp for ever, in a thread that can be left behind."""
    cancel.check()
    until = time.monotonic() + TIMESTAMP_SECONDS

    def look() -> None:
        cancel.check()
        if time.monotonic() > until:
            raise SigningError("it took too long, most likely the authority of C2PA_TIMESTAMP_URL", timestamp=True)

    return watched(lambda _: work(), look)
