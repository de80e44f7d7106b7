"""The workflows of `.github/`: they cannot run here, so each step is a target that can. `make check` lints them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8")))
# What the platform itself asks for: its registry, its release, and values from one step to the next.
OF_THE_PLATFORM = ("docker login ", "gh release create ", "echo ")


def _jobs(path: Path) -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return jobs


def _steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in _jobs(path).values() for step in job["steps"]]


def test_there_are_tests_and_an_image() -> None:
    assert [path.name for path in WORKFLOWS] == ["image.yml", "tests.yml"]
    assert _jobs(WORKFLOWS[1])["tests"]["strategy"]["matrix"]["python"] == ["3.11", "3.12"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_step_is_a_target_of_the_makefile(path: Path) -> None:
    lines = [line for step in _steps(path) for line in step.get("run", "").splitlines()]
    assert lines
    for line in lines:
        if not line.startswith(OF_THE_PLATFORM):
            found = re.match(r"(?:sudo )?make (?:--silent )?([a-z-]+)", line)
            assert found, line
            assert found[1] in TARGETS, line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_others_actions_are_pinned_and_hold_no_rights_that_they_do_not_need(path: Path) -> None:
    for step in _steps(path):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
            assert step["with"].get("persist-credentials", "no checkout") in (False, "no checkout")
        assert "${{" not in step.get("run", ""), "an expression in a shell's text is whatever its author makes it"
    text = path.read_text(encoding="utf-8")
    assert "permissions:" in text.split("jobs:")[0]


def test_a_release_says_what_it_is_made_of_and_is_proved_before_it_is_pushed() -> None:
    job = _jobs(WORKFLOWS[0])["release"]
    assert {"SOURCE", "REVISION"} <= job["env"].keys()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    assert runs[-4:-1] == ["make builder", "make image TARGET=worker-sage", "make push TARGET=worker-sage"]


def test_a_release_of_an_owner_with_capitals_has_a_name_that_registries_take(tmp_path: Path) -> None:
    runs = [step.get("run", "") for step in _jobs(WORKFLOWS[0])["release"]["steps"]]
    (tmp_path / "version.txt").write_text("1.2.3\n")
    text = "\n".join(line for run in runs for line in run.splitlines() if line.startswith("echo "))
    environment = {"PATH": "/usr/bin:/bin", "GITHUB_ENV": "given", "GITHUB_REPOSITORY": "Some-Owner/Talking.Video"}
    subprocess.run(["bash", "-euc", text], cwd=tmp_path, env=environment, check=True)
    given = dict(line.split("=", 1) for line in (tmp_path / "given").read_text().splitlines())
    name = "ghcr.io/some-owner/talking.video"
    assert given == {"VERSION": "1.2.3", "IMAGE": name, "CACHE": f"{name}:cache"}
