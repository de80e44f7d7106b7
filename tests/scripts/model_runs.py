"""Runs scripts/download_models.sh with a small list, in an environment of its own."""

import json
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "scripts" / "download_models.sh"
HANG_SECONDS = 60  # only a defect takes that long
TOOLS = ("curl", "aria2c")
PROGRAMS = (
    *("bash", "cat", "curl", "date", "df", "dirname", "flock", "grep", "install", "mkdir", "mkfifo"),
    *("mktemp", "mountpoint", "mv", "numfmt"),
    *("readlink", "rm", "sed", "stat", "sync", "tail", "tee", "tr", "truncate", "wc"),
)


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - contents, not secrets


def entry(file: str, content: bytes | None = None, *, role: str = "vae", **others: Any) -> dict[str, Any]:
    """An entry of the list; with `content` its bytes and sha256 are known."""
    return {
        "role": role,
        "modes": ["multitalk", "infinitetalk"],
        "folder": "vae",
        "file": file,
        "repository": "someone/models",
        "revision": "main",
        "path": f"deep/{file}",
        "bytes": None if content is None else len(content),
        "sha256": None if content is None else sha256(content).hexdigest(),
        "licence": "MIT",
        **others,
    }


@dataclass(frozen=True)
class Ended:
    """How a run ended; `log` is standard output and error together."""

    code: int
    log: str

    def lines(self, word: str) -> list[str]:
        return [line for line in self.log.splitlines() if line.startswith(word)]


@dataclass
class Runs:
    """Runs of the script against one server: `list_path` and `dest` belong to this test, `programs` is its PATH.

    `dest=""` names no folder.

    The programs' `sleep` notes its argument and returns at once; `pauses` reads the notes.
    """

    folder: Path
    programs: Path
    tool: str = "curl"
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def dest(self) -> Path:
        return self.folder / "models"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def list_files(self, *entries: dict[str, Any]) -> None:
        (self.folder / "models.json").write_text(json.dumps({"models": entries}), encoding="utf-8")

    def environment(self, endpoint: str) -> dict[str, str]:
        self.temporary.mkdir(exist_ok=True)
        return {
            "PATH": str(self.programs),
            "HOME": str(self.folder),
            "TMPDIR": str(self.temporary),
            "HF_ENDPOINT": endpoint,
            "MODELS_JSON": str(self.folder / "models.json"),
            "PAUSES": str(self.folder / "pauses"),
            **self.variables,
        }

    def start(self, endpoint: str, *arguments: str, dest: Path | str | None = None) -> subprocess.Popen[str]:
        """A run whose output is a pipe, in a session of its own."""
        return subprocess.Popen(
            [SCRIPT, *(() if dest == "" else ("--dest", dest or self.dest)), *arguments],
            env=self.environment(endpoint),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, endpoint: str, *arguments: str, dest: Path | str | None = None) -> Ended:
        with self.start(endpoint, *arguments, dest=dest) as process:
            log, _ = process.communicate(timeout=HANG_SECONDS)
        return Ended(process.returncode, log)

    def pauses(self) -> list[str]:
        notes = self.folder / "pauses"
        return notes.read_text(encoding="utf-8").split() if notes.exists() else []

    def present(self) -> dict[str, bytes]:
        """Every file below `dest` but the lock."""
        return {
            str(path.relative_to(self.dest)): path.read_bytes()
            for path in sorted(self.dest.rglob("*"))
            if path.is_file() and path.name != ".download.lock"
        }

    def put(self, name: str, content: bytes) -> Path:
        path = self.dest / "vae" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


def add_program(folder: Path, name: str, text: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(f"#!/bin/bash\n{text}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def make_programs(folder: Path, tool: str) -> Path:
    """A folder for PATH with what the script needs and no more; with `aria2c` only if that is the tool."""
    folder.mkdir()
    for program in (*PROGRAMS, tool):
        place = shutil.which(program)
        if place and not (folder / program).is_symlink():
            (folder / program).symlink_to(place)
    (folder / "python3").symlink_to(Path(sys.executable).resolve())
    add_program(folder, "sleep", 'echo "$1" >>"$PAUSES"')
    return folder


def need(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (Debian: apt-get install {tool.removesuffix('c')})")
