"""The version is written once; the log, the replies, the package, the change log and the image all tell that one."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from contract.version import VERSION
from tests.image.dockerfile import DOCKERFILE
from tests.worker.bench import Bench

REPOSITORY = Path(__file__).resolve().parent.parent


def test_it_is_a_semantic_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:-[0-9a-z.]+)?", VERSION)


def test_the_package_takes_it_from_there() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "contract.version.VERSION"}


def test_the_image_is_labelled_with_it() -> None:
    (argument,) = [one.text for one in DOCKERFILE.stages["final"].all("ARG") if one.text.startswith("VERSION=")]
    (label,) = DOCKERFILE.stages["final"].all("LABEL")
    assert argument == f"VERSION={VERSION}"
    assert 'org.opencontainers.image.version="${VERSION}"' in label.text


def test_the_change_log_has_it() -> None:
    released = re.findall(r"^## \[([^\]]+)\]", (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert released[0] == "Unreleased"
    assert released[1] == VERSION


def test_the_first_line_of_the_log_and_the_reply_tell_it(tmp_path: Path) -> None:
    command = [sys.executable, "handler.py", "--test_input", "{}"]
    environment = Bench(tmp_path).environment
    run = subprocess.run(
        command, check=False, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60
    )
    assert f"talking-video worker {VERSION}" in run.stderr.splitlines()[0]
    assert f'"worker_version": "{VERSION}"' in run.stdout
