"""Every hostile portrait and voice ends with the error that it deserves, soon, in little memory, without a trace."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.hostile_corpus import write_corpus
from tests.marks import slow, wide

REPOSITORY = Path(__file__).parents[2]
MOST_SECONDS = 10
MOST_KB = 300_000
LEAST = 450  # files of the corpus
FEW, SOME = 40, 4  # of so many files one is tried; `make test-wide` takes some, `make test-long` all


@dataclass(frozen=True)
class Outcome:
    """What was expected of each file, what came, and the folder that held everything the runner may write to."""

    expected: dict[str, tuple[str, ...]]
    reports: list[dict[str, Any]]
    home: Path
    least: int  # files


@pytest.fixture(scope="module", params=[FEW, *wide(SOME), *slow(1)], ids=["few", "some", "all"])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    home = tmp_path_factory.mktemp("hostile")
    corpus, work, scratch = home / "corpus", home / "work", home / "scratch"
    expected = write_corpus(corpus, request.param)
    work.mkdir()
    scratch.mkdir()
    command = [sys.executable, "-W", "ignore", "-m", "tests.hostile.intake_runner", str(corpus), str(work)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(scratch)}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    return Outcome(expected, [json.loads(line) for line in done.stdout.splitlines()], home, LEAST // request.param)


def test_the_corpus_is_whole(outcome: Outcome) -> None:
    assert len(outcome.expected) >= outcome.least
    assert sorted(report["name"] for report in outcome.reports) == sorted(outcome.expected)


def test_each_ends_as_it_should(outcome: Outcome) -> None:
    wrong = [
        f"{report['name']}: {report['code']}, not {' or '.join(outcome.expected[report['name']])}"
        for report in outcome.reports
        if report["code"] not in outcome.expected[report["name"]]
    ]
    assert wrong == []


def test_each_ends_within_10_seconds_of_processor(outcome: Outcome) -> None:
    assert [report for report in outcome.reports if report["seconds"] > MOST_SECONDS] == []


def test_each_takes_less_than_300_megabytes_with_its_programs(outcome: Outcome) -> None:
    assert [report for report in outcome.reports if report["peak_kb"] > MOST_KB] == []


def test_nothing_is_left_behind(outcome: Outcome) -> None:
    """No file beside the corpus, and no program: ffmpeg works in the job's folder, which is gone."""
    assert list((outcome.home / "work").iterdir()) == []
    assert list((outcome.home / "scratch").iterdir()) == []
    assert {path.name for path in outcome.home.iterdir()} == {"corpus", "work", "scratch"}
    assert {path.name for path in (outcome.home / "corpus").iterdir()} == {
        *("pictures", "sounds", "films", "manifest.json", "portrait.png")
    }
    assert [path for path in _folders_in_use() if path.startswith(str(outcome.home))] == []


def _folders_in_use() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append(str((process / "cwd").readlink()))
        except OSError:
            continue
    return found
