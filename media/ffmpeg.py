"""Runs ffmpeg: never interactive, within limits of time, processor, memory and disk, and ended with the job.

What touches a caller's file goes through `run`. Every protocol but plain files is shut off, the demuxer is
named by us, and the program starts with an empty environment in the job's folder.

The program is that of the package imageio-ffmpeg, the same in every worker and every test, or the one that
IMAGEIO_FFMPEG_EXE names. It is one file without libraries: it starts in a fifth of a distribution's time.
"""

import contextlib
import math
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
import wave
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

from imageio_ffmpeg import get_ffmpeg_exe

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.witness import Witness

FFMPEG = ("ffmpeg", "-nostdin", "-hide_banner", "-y")
DECODE = (*FFMPEG, "-nostats", "-filter_threads", "1", "-filter_complex_threads", "1")
POLL_SECONDS = 0.02
WALL_SECONDS = 60.0
LOG_BYTES = READ_BYTES = 1 << 20
USUAL_SECONDS = 400.0
# 390 s of any sound that was tried decode in under 4 s; ffmpeg by itself takes 360 MB of addresses, 73 of data.
LIMITS = {"RLIMIT_CPU": 9, "RLIMIT_DATA": 200_000_000, "RLIMIT_AS": 1_000_000_000, "RLIMIT_NOFILE": 64}


class FfmpegError(Exception):
    """ffmpeg ended with an error; `log` is what it said, `returncode` is None where it was ended here."""

    def __init__(self, log: str, returncode: int | None = None) -> None:
        super().__init__("ffmpeg failed")
        self.log = log
        self.returncode = returncode


def run(command: Sequence[str], folder: Path, cancel: Cancellation, **limits: Any) -> tuple[str, str]:
    """Run one ffmpeg in `folder` to its end. What this machine did to it is no fault of the file.

    Args:
        command: program and arguments.
        limits: `file_bytes`, the most that it may write into one file; `log_bytes`, that it may log; `seconds` of wall
            clock; `sound_seconds`, that it may have to decode, with which the limits of time grow; `more`, of the
            process, in place of LIMITS.

    Returns:
        What it printed, at most LOG_BYTES of it, and what it logged.

    Raises:
        FfmpegError: a non-zero exit, or a limit that was reached.
        WorkerError: CANCELLED; INTERNAL where the program is not installed, or, likely well elsewhere, where it was
            killed, as by the kernel that had no memory left, or fails on a file that is known to be good.
    """
    witness = Witness()
    allowed = math.ceil(LIMITS["RLIMIT_CPU"] * _share(limits.get("sound_seconds", 0.0)))
    try:
        return _run(command, folder, cancel, **limits)
    except FfmpegError as error:
        _judge(error, witness, allowed, folder, cancel)


def _judge(error: FfmpegError, witness: Witness, allowed: int, folder: Path, cancel: Cancellation) -> NoReturn:
    """Raises `error` where it is of the file, which had `allowed` seconds of processor; else what it is."""
    if witness.blames_machine(error.returncode, allowed) or not _works(folder, cancel):
        message = "This worker could not decode the source: its ffmpeg was killed, or does not work"
        raise WorkerError(ErrorCode.INTERNAL, message, detail=error.log[-2000:], elsewhere=True) from error
    raise error


def stream(
    command: Sequence[str],
    folder: Path,
    cancel: Cancellation,
    piece_bytes: int,
    *,
    more: Mapping[str, int],
    seconds: float,
) -> Generator[bytes, None, str]:
    """Run one ffmpeg in `folder` as `run` does, and yield what it prints in pieces of `piece_bytes`.

    One piece is in memory at a time; ffmpeg waits while nobody takes the next. Returns what it logged.

    Args:
        more: limits of the process, in place of LIMITS.
        seconds: of wall clock, what is done with the pieces included.

    Raises:
        FfmpegError: a non-zero exit, a limit that was reached, or an end within a piece.
        WorkerError: as `run`.
    """
    witness, limits = Witness(), {**LIMITS, "RLIMIT_FSIZE": LOG_BYTES, "RLIMIT_CORE": 0, **more}
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as printed, tempfile.TemporaryFile() as log:
        try:
            process = _start_limited(command, folder, limits, out=writing, log=log.fileno(), held=writing)
        finally:
            os.close(writing)
        try:
            yield from _pieces(printed, piece_bytes, cancel, time.monotonic() + seconds)
            process.wait(POLL_SECONDS * 100)
        except subprocess.TimeoutExpired:
            raise FfmpegError("it printed all and did not end") from None
        finally:
            _stop_group(process)
        size = os.fstat(log.fileno()).st_size
        said = os.pread(log.fileno(), LOG_BYTES, max(0, size - LOG_BYTES)).decode("utf-8", "replace")
    if process.returncode:
        error = FfmpegError(f"exit {process.returncode}: {said}", process.returncode)
        _judge(error, witness, limits["RLIMIT_CPU"], folder, cancel)
    return said


def _pieces(printed: IO[bytes], size: int, cancel: Cancellation, until: float) -> Iterator[bytes]:
    piece = bytearray()
    while True:
        cancel.check()
        if time.monotonic() > until:
            raise FfmpegError("took too long")
        if not select.select([printed], [], [], POLL_SECONDS)[0]:
            continue
        part = os.read(printed.fileno(), min(READ_BYTES, size - len(piece)))
        if not part:
            break
        piece += part
        if len(piece) == size:
            yield bytes(piece)
            piece.clear()
    if piece:
        raise FfmpegError("it ended within a picture")


def _share(sound_seconds: float) -> float:
    """Of the limits: more than 1 for sounds longer than those that they are made for."""
    return max(sound_seconds / USUAL_SECONDS, 1.0)


def _works(folder: Path, cancel: Cancellation) -> bool:
    good = folder / f"good-{uuid.uuid4().hex}.wav"
    with wave.open(str(good), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    try:
        _run([*FFMPEG, "-f", "wav", "-i", f"file:{good}", "-f", "null", "-"], folder, cancel)
    except FfmpegError:
        return False
    finally:
        good.unlink()
    return True


def _run(
    command: Sequence[str],
    folder: Path,
    cancel: Cancellation,
    *,
    file_bytes: int = 0,
    log_bytes: int = LOG_BYTES,
    sound_seconds: float = 0.0,
    seconds: float = WALL_SECONDS,
    more: Mapping[str, int] | None = None,
) -> tuple[str, str]:
    """As `run`, whoever is at fault."""
    share = _share(sound_seconds)
    seconds, processor = seconds * share, math.ceil(LIMITS["RLIMIT_CPU"] * share)
    written = max(file_bytes, log_bytes + LOG_BYTES)
    limits = {**LIMITS, "RLIMIT_CPU": processor, "RLIMIT_FSIZE": written, "RLIMIT_CORE": 0, **(more or {})}
    end, hold = os.pipe()
    with (
        os.fdopen(end, "rb") as ended,
        os.fdopen(hold, "wb") as held,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as log,
    ):
        process = _start_limited(command, folder, limits, out=out.fileno(), log=log.fileno(), held=held.fileno())
        held.close()
        until = time.monotonic() + seconds
        try:
            while process.poll() is None:
                cancel.check()
                _wait_for_end(process, ended)
                if time.monotonic() > until or os.fstat(log.fileno()).st_size > log_bytes:
                    said = _read(log.fileno(), 2000)
                    raise FfmpegError(f"took more than {seconds:g} s, or said too much: {said}")
        finally:
            _stop_group(process)
        printed, said = _read(out.fileno(), LOG_BYTES), _read(log.fileno(), log_bytes)
    if process.returncode:
        raise FfmpegError(f"exit {process.returncode}: {said}", process.returncode)
    return printed, said


def _wait_for_end(process: subprocess.Popen[bytes], ended: IO[bytes]) -> None:
    """Wait until the program has ended, POLL_SECONDS at most."""
    if select.select([ended], [], [], POLL_SECONDS)[0]:
        # It let go of its end of the pipe, which is all but its last act.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(POLL_SECONDS)


def _start_limited(
    command: Sequence[str], folder: Path, limits: Mapping[str, int], *, out: int, log: int, held: int
) -> subprocess.Popen[bytes]:
    """The program; `held`, the writing end of a pipe, is closed when it ends."""
    return subprocess.Popen(
        [*limiter(limits), installed(command[0]), *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=log,
        cwd=folder,
        env={"LC_ALL": "C", "MALLOC_ARENA_MAX": "2"},
        process_group=0,
        pass_fds=(held,),
    )


def limiter(limits: Mapping[str, int]) -> list[str]:
    """What to put before a program that is to have these limits, named as in the `resource` module. It sets them and
    becomes the program: nothing of ours may run between fork and exec where there are threads."""
    return [
        installed("prlimit"),
        *(f"--{name.removeprefix('RLIMIT_').lower()}={value}" for name, value in limits.items()),
    ]


def installed(program: str) -> str:
    """Its path. Raises WorkerError INTERNAL where it is not on this machine."""
    path = shutil.which(get_ffmpeg_exe() if program == "ffmpeg" else program)
    if path is None:
        raise WorkerError(ErrorCode.INTERNAL, f"{program} is not installed on this worker")
    return path


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """End a program that may still run, and whatever it started, and reap it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(descriptor: int, most: int) -> str:
    return os.pread(descriptor, most, 0).decode("utf-8", "replace")


def start(command: Sequence[str], log: int, *, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a program with its messages going to the file descriptor `log`.

    Raises:
        WorkerError: INTERNAL where it is not installed.
    """
    try:
        return subprocess.Popen([installed(command[0]), *command[1:]], stdin=stdin, stdout=log, stderr=log)
    except FileNotFoundError as error:
        raise WorkerError(ErrorCode.INTERNAL, "ffmpeg is not installed on this worker") from error


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program that may still run, and reap it."""
    if process.poll() is None:
        process.kill()
    process.wait()
