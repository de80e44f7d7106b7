"""The folder of a job below WORK_DIR: gone after the job, or at the next start where its worker was killed.

Each folder has a lock beside it (`job-….lock`, flock) for as long as its job runs. The lock tells whether it is in use,
not a process id: workers in two containers that share WORK_DIR do not see each other's processes. The kernel lets go of
the lock when the worker ends, however it ends.
"""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from job.disk import check_disk, disk_faults


@contextmanager
def job_folder(parent: Path, least_bytes: int = 0) -> Iterator[Path]:
    """A folder that only this job uses and that is gone after it, whatever happened.

    Raises:
        WorkerError: WORKER_UNFIT, also in place of what fails in the block because the disk takes nothing any more.
    """
    folder = parent / f"job-{uuid.uuid4().hex}"
    lock = _lock_of(folder)
    with disk_faults(parent):
        parent.mkdir(parents=True, exist_ok=True)
        check_disk(parent, least_bytes)
        with _locked(lock):
            folder.mkdir(mode=0o700)
            try:
                with disk_faults(folder):
                    yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                lock.unlink(missing_ok=True)


def remove_leftovers(parent: Path) -> None:
    """Remove the job folders that no worker holds."""
    for lock in parent.glob("job-*.lock"):
        _remove_if_free(lock.with_suffix(""))
    for folder in parent.glob("job-*"):
        if folder.is_dir() and not _lock_of(folder).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_free(folder: Path) -> None:
    lock = _lock_of(folder)
    with suppress(OSError):  # held by a worker that lives, or just gone
        descriptor = os.open(lock, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    """Hold `lock`. A worker that cleans up may remove the file between its making and its locking: then once more."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _still_at(lock, descriptor):
                yield
                return
        finally:
            os.close(descriptor)


def _still_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
