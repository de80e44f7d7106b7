"""`talking-video` as a process."""

import os
import subprocess
import sys
import tempfile
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


def _settings(environment: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "NO_PROXY": "127.0.0.1", "COLUMNS": "200", **environment}
