"""What every place for finished videos promises."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError


@dataclass(frozen=True)
class StoredVideo:
    """A video that has arrived whole.

    Args:
        url: where to get it, percent-encoded.
        size_bytes: the size at the place, equal to the size of the file handed in.
        expires_at: when the URL stops working (UTC), or None if it does not.
        version: what is another for another file under the same key (an ETag, a digest); None: not known.
        note: what the caller should know of the URL, or None.
    """

    url: str
    size_bytes: int
    expires_at: datetime | None
    version: str | None = None
    note: str | None = None


class Storage(Protocol):
    """A place that takes finished videos. Safe to use from several threads.

    Attributes:
        note: what callers should know of the URLs of this place, as far as that is known before; None: nothing.
    """

    note: str | None

    def check(self, stage: Stage = Stage.START, cancel: Cancellation | None = None) -> None:
        """Find out, before the GPU works, whether a video could be put here; leaves nothing behind.

        Args:
            stage: what the error names: START for the worker's own place, VALIDATE for one that a job brings.

        Raises:
            WorkerError: at `stage`; STORAGE_MISCONFIGURED if the settings are unusable or refused,
                STORAGE_FAILED if the place gave no answer from which that could be told. What `cancel.check` raises,
                within about a second, also while the place is slow or silent.
        """

    def put(self, video: Path, key: str, cancel: Cancellation) -> StoredVideo:
        """Store `video` under `key` (relative, parts separated by `/`) and replace what was there.

        Returns only when the whole file has arrived. `video` itself is left as it is. A cancel ends it within about
        a second, also while the place is slow or silent, and what had been sent is taken back.

        Raises:
            WorkerError: at stage UPLOAD; STORAGE_MISCONFIGURED if trying again cannot help, or the URL of the stored
                video does not open, else STORAGE_FAILED. What `cancel.check` raises.
        """

    def find(self, key: str, size_bytes: int, cancel: Cancellation | None = None) -> StoredVideo | None:
        """The video under `key`, with a fresh URL, if it is there and of this size; else None.

        Raises:
            WorkerError: at stage UPLOAD, as for `put`, if it could not be told. What `cancel.check` raises.
        """


def look_of(cancel: Cancellation | None) -> Callable[[], None]:
    """What is called meanwhile to hear of a cancel."""
    return cancel.check if cancel is not None else lambda: None


def storage_key(output_key: str | None, job_id: str) -> str:
    """The key of a job's video.

    Returns:
        `output_key` as it came (the contract has validated it), or `<job id>.mp4` with `-` for every character of
        the job id other than letters, digits, `.`, `_` and `-`.
    """
    if output_key is not None:
        return output_key
    return re.sub(r"[^A-Za-z0-9._-]", "-", job_id) + ".mp4"


def misconfigured(message: str, stage: Stage) -> WorkerError:
    """STORAGE_MISCONFIGURED: what no repetition mends."""
    return WorkerError(ErrorCode.STORAGE_MISCONFIGURED, message, stage=stage)
