"""`talking-video` as a process."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.programs import REPOSITORY, Program

MAIN = REPOSITORY / "talking_video" / "__main__.py"
PATIENCE = 120.0
CLEAN = ("RUNPOD_", "TALKING_VIDEO_", "S3_")


def command(folder: Path, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """Started in a folder, its output piped."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", "talking_video", *arguments],
        cwd=folder,
        env=_settings(environment),
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def ran(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        settings = _settings(environment)
        program = Program(MAIN, *arguments, environment=settings, stdout=out, stderr=errors, folder=folder)
        try:
            code = program.wait(PATIENCE)
        finally:
            program.kill()
        out.seek(0)
        errors.seek(0)
        return code, out.read(), errors.read()


def shown(folder: Path, *arguments: str, until: str, **environment: str) -> str:
    """What stands on a terminal of 80 columns up to some words; then it gets Ctrl-C, and has ended."""
    ours, theirs = os.openpty()
    settings = _settings({"COLUMNS": "80", "TERM": "xterm", **environment})
    command = [sys.executable, "-m", "talking_video", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    seen = ""
    with os.fdopen(ours, "rb", buffering=0) as terminal, suppress(OSError):  # EIO where the process has left it
        while piece := terminal.read(65536):
            seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen + piece.decode(errors="ignore"))
            if until in seen:
                process.send_signal(signal.SIGINT)
                until = "\0"  # no terminal shows it: read on to the end
    process.wait(PATIENCE)
    return seen


def _settings(environment: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "NO_PROXY": "127.0.0.1", "COLUMNS": "200", **environment}
