"""Decoders with much code behind them (HEIC, AVIF, TIFF) work in a process of their own, within limits.

The process reads the file itself and writes what it drew: width and height on a line, then the pixels.
"""

import base64
import os
import signal
import subprocess
import sys
import tempfile
from io import BufferedRandom
from pathlib import Path

from PIL import Image

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.drawing import draw
from media.ffmpeg import limiter
from media.good_pictures import GOOD_PICTURES
from media.headers import read_picture
from media.picture import refused
from media.witness import Witness

SANDBOXED = ("HEIC", "AVIF", "TIFF")
POLL_SECONDS = 0.02
WALL_SECONDS = 60.0
LOG_BYTES = 4000
# 48 megapixels of HEIC take under 2 s of processor, and 350 MB.
LIMITS = {
    "RLIMIT_CPU": 9,
    "RLIMIT_DATA": 900_000_000,
    "RLIMIT_AS": 1_500_000_000,
    "RLIMIT_NOFILE": 64,
    "RLIMIT_FSIZE": 100_000_000,
    "RLIMIT_CORE": 0,
}
ROOT = Path(__file__).resolve().parent.parent
PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from media.sandbox import main; main()"
REFUSED = b"refused\n"


def draw_sandboxed(source: Path, kind: str, cancel: Cancellation) -> Image.Image:
    """As `draw`, of a file of one of the kinds in `SANDBOXED`.

    Raises:
        WorkerError: IMAGE_INVALID for damage, and where a limit was reached; INTERNAL, likely well elsewhere, where
            the decoder was killed, or fails on a picture that is known to be good; CANCELLED.
    """
    witness = Witness()
    try:
        return _draw(source, cancel, WALL_SECONDS)
    except _SandboxError as error:
        if witness.blames_machine(error.returncode, LIMITS["RLIMIT_CPU"]) or not _works(kind, cancel):
            message = "This worker could not decode the image: its decoder was killed, or does not work"
            raise WorkerError(ErrorCode.INTERNAL, message, detail=error.detail, elsewhere=True) from error
        raise refused(str(error), error.detail) from error


def _works(kind: str, cancel: Cancellation) -> bool:
    """Whether the sandbox draws a good picture of this kind."""
    with tempfile.NamedTemporaryFile(suffix=".good") as good:
        good.write(base64.b64decode(GOOD_PICTURES[kind]))
        good.flush()
        try:
            _draw(Path(good.name), cancel, WALL_SECONDS)
        except _SandboxError:
            return False
    return True


class _SandboxError(Exception):
    """The picture was not drawn. `returncode` is None where the process was ended here."""

    def __init__(self, message: str, detail: str, returncode: int | None = None) -> None:
        super().__init__(message)
        self.detail, self.returncode = detail, returncode


def _draw(source: Path, cancel: Cancellation, seconds: float) -> Image.Image:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as log:
        process = _start(source, out, log)
        waited, ended_here = 0.0, False
        try:
            while process.poll() is None and waited < seconds:
                cancel.wait(POLL_SECONDS)
                waited += POLL_SECONDS
        finally:
            if process.poll() is None:
                ended_here = True
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        head = out.readline(64)
        if process.returncode == 0 and head == REFUSED:
            message, _, detail = out.read(LOG_BYTES).decode("utf-8", "replace").partition("\n")
            raise _SandboxError(message, detail, 0)
        if process.returncode:
            said = os.pread(log.fileno(), LOG_BYTES, 0).decode("utf-8", "replace")
            detail = f"exit {process.returncode} after {waited:.1f} s: {said}"
            message = "The image is damaged, or takes too long to decode; save it as JPEG or PNG"
            raise _SandboxError(message, detail, None if ended_here else process.returncode)
        width, height = (int(part) for part in head.split())
        return Image.frombytes("RGB", (width, height), out.read())


def _start(
    source: Path, out: "tempfile._TemporaryFileWrapper[bytes] | BufferedRandom", log: BufferedRandom
) -> "subprocess.Popen[bytes]":
    program = [sys.executable, "-I", "-c", PROGRAM, str(ROOT), str(source.resolve())]
    return subprocess.Popen(
        [*limiter(LIMITS), *program],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=log,
        cwd="/",
        env={"LC_ALL": "C", "MALLOC_ARENA_MAX": "2"},
        process_group=0,
    )


def main() -> None:
    """In the process: draw the file that the second argument names."""
    out = sys.stdout.buffer
    try:
        drawn = draw(read_picture(Path(sys.argv[2])))
    except WorkerError as error:
        out.write(REFUSED + f"{error.message}\n{error.detail}".encode())
        return
    out.write(f"{drawn.width} {drawn.height}\n".encode())
    out.write(drawn.tobytes())
