"""Runs ffmpeg: never interactive, with a time limit, and ended at once when the job is cancelled."""

import subprocess
import tempfile
from collections.abc import Sequence

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError

FFMPEG = ("ffmpeg", "-nostdin", "-hide_banner", "-y")
POLL_SECONDS = 0.02


class FfmpegError(Exception):
    """ffmpeg ended with an error; `log` is what it said."""

    def __init__(self, log: str) -> None:
        super().__init__("ffmpeg failed")
        self.log = log


def run(arguments: Sequence[str], cancel: Cancellation, *, seconds: float = 600, level: str = "error") -> str:
    """Run one ffmpeg to its end and return what it logged at `level`.

    Raises:
        FfmpegError: a non-zero exit, or more than `seconds` of wall clock.
        WorkerError: CANCELLED; INTERNAL where ffmpeg is not installed.
    """
    with tempfile.TemporaryFile() as log:
        process = start([*FFMPEG, "-loglevel", level, *arguments], log.fileno())
        waited = 0.0
        try:
            while process.poll() is None:
                cancel.wait(POLL_SECONDS)
                waited += POLL_SECONDS
                if waited > seconds:
                    raise FfmpegError(f"took more than {seconds:g} s")
        finally:
            stop(process)
        log.seek(0)
        text = log.read(1 << 20).decode("utf-8", "replace")
    if process.returncode:
        raise FfmpegError(text)
    return text


def start(command: Sequence[str], log: int, *, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a program with its messages going to the file descriptor `log`."""
    try:
        return subprocess.Popen(command, stdin=stdin, stdout=log, stderr=log)
    except FileNotFoundError as error:
        raise WorkerError(ErrorCode.INTERNAL, "ffmpeg is not installed on this worker") from error


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program that may still run, and reap it."""
    if process.poll() is None:
        process.kill()
    process.wait()
