"""The folder of a job: who may remove it, and when."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.errors import ErrorCode, WorkerError
from job.workspace import job_folder, remove_leftovers
from tests.serverless.disks import small_disk

REPOSITORY = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from pathlib import Path
from job.workspace import job_folder
with job_folder(Path(sys.argv[1])) as folder:
    (folder / "voice.wav").write_bytes(b"sound")
    print(folder, flush=True)
    sys.stdin.read()
"""
CLEAN = """
import sys
from pathlib import Path
from job.workspace import remove_leftovers
remove_leftovers(Path(sys.argv[1]))
"""
# Its own process ids and its own /proc, as in another container.
ELSEWHERE = ("unshare", "--pid", "--fork", "--mount-proc")


@contextmanager
def holder(parent: Path) -> Iterator[tuple[Path, "subprocess.Popen[str]"]]:
    """A worker with a job: its folder, and the process."""
    command = [sys.executable, "-c", HOLD, str(parent)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Path(process.stdout.readline().strip()), process
    finally:
        process.kill()
        process.communicate()


def test_a_worker_of_another_container_leaves_it_alone(tmp_path: Path) -> None:
    if subprocess.run([*ELSEWHERE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no process namespace can be made here")
    with holder(tmp_path) as (folder, _):
        subprocess.run([*ELSEWHERE, sys.executable, "-c", CLEAN, str(tmp_path)], cwd=REPOSITORY, check=True)
        assert (folder / "voice.wav").read_bytes() == b"sound"


def test_what_a_killed_worker_left_is_removed(tmp_path: Path) -> None:
    with holder(tmp_path) as (folder, process):
        remove_leftovers(tmp_path)
        assert folder.is_dir()
        process.kill()
        process.wait()
        remove_leftovers(tmp_path)
        assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_after_a_job_that_failed(tmp_path: Path) -> None:
    def fail() -> None:
        with job_folder(tmp_path) as folder:
            (folder / "a").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_what_its_disk_refuses_is_the_workers_fault(number: int, tmp_path: Path) -> None:
    """Also where the disk has room for a probe again by then."""
    with pytest.raises(WorkerError) as caught, job_folder(tmp_path):
        raise OSError(number, os.strerror(number))
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.WORKER_UNFIT, True)
    assert os.strerror(number) in caught.value.message


def test_what_fails_while_its_disk_has_no_room_may_have_failed_for_want_of_it(tmp_path: Path) -> None:
    """Whatever a decoder or ComfyUI says of it. The caller's own wish says what it means."""
    with small_disk(tmp_path / "disk", "4m") as disk:
        for code, told in ((ErrorCode.AUDIO_INVALID, ErrorCode.WORKER_UNFIT), (ErrorCode.CANCELLED,) * 2):
            with pytest.raises(WorkerError) as caught, job_folder(disk):
                raise WorkerError(code, "it failed")
            assert caught.value.code is told


def test_what_is_no_fault_of_the_disk_is_not_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), job_folder(tmp_path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with pytest.raises(WorkerError) as caught, job_folder(tmp_path):
        raise WorkerError(ErrorCode.AUDIO_INVALID, "it is no sound")
    assert caught.value.code is ErrorCode.AUDIO_INVALID


def test_folders_without_a_lock_are_nobodys(tmp_path: Path) -> None:
    """Those of the versions before the lock."""
    (tmp_path / "job-17-abc").mkdir()
    (tmp_path / "comfyui").mkdir()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["comfyui"]
