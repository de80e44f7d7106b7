"""`talking-video` as a process."""

import os
import subprocess
import sys
from pathlib import Path

from tests.programs import REPOSITORY

PATIENCE = 120.0
CLEAN = ("RUNPOD_", "TALKING_VIDEO_", "S3_")


def command(folder: Path, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """Started in a folder, its output piped."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
    settings = {**kept, "PYTHONPATH": str(REPOSITORY), "NO_PROXY": "127.0.0.1", "COLUMNS": "200", **environment}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", "talking_video", *arguments],
        cwd=folder,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def ran(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    process = command(folder, *arguments, **environment)
    printed, told = process.communicate(timeout=PATIENCE)
    return process.returncode, printed, told
