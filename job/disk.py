"""Whether WORK_DIR can be written, and what a failure means where it cannot: no fault of the job.

The judge is the disk itself, after a failure as before a job: what a full disk does to ffmpeg, to ComfyUI or to a
library looks like many things.
"""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contract.errors import ErrorCode, WorkerError

FAULTS = (errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT)
PROBE_BYTES = 1 << 20
LEAST_ROOM = 16 << 20  # with less, whatever just failed may have failed for want of it
# These say what they mean, whatever the disk is like.
NOT_OF_THE_DISK = (ErrorCode.CANCELLED, ErrorCode.DEADLINE_EXCEEDED, ErrorCode.WORKER_UNFIT)


def check_disk(folder: Path, least_bytes: int) -> None:
    """Write a little into `folder`, and see that `least_bytes` are free.

    Raises:
        WorkerError: WORKER_UNFIT.
    """
    probe = folder / f".probe-{uuid.uuid4().hex}"
    try:
        with probe.open("wb") as file:
            file.write(bytes(PROBE_BYTES))
            os.fsync(file.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise unfit(error.strerror or type(error).__name__) from error
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    if free < least_bytes:
        raise unfit(f"{free / 1e9:.2f} GB are free, {least_bytes / 1e9:.2f} are needed")


@contextmanager
def disk_faults(folder: Path) -> Iterator[None]:
    """What fails in this block because `folder` takes nothing any more is told as WORKER_UNFIT.

    A finished video that could not be stored keeps its own error, which says where it is.
    """
    try:
        yield
    except WorkerError as error:
        if error.code not in NOT_OF_THE_DISK and error.kept is None:
            _blame_disk(folder, error)
        raise
    except OSError as error:
        if error.errno in FAULTS:
            raise unfit(error.strerror or "") from error
        raise


def _blame_disk(folder: Path, error: WorkerError) -> None:
    try:
        check_disk(folder, LEAST_ROOM)
    except WorkerError as unfit:
        unfit.detail = f"{error.code}: {error.message} {error.detail}"
        raise unfit from error


def unfit(why: str) -> WorkerError:
    """For a worker whose WORK_DIR takes no job."""
    return WorkerError(ErrorCode.WORKER_UNFIT, f"This worker's disk (WORK_DIR) cannot take a job: {why}")
