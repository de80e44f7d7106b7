"""docs/api.md runs as it stands, in each of its languages, and every example can be sent to the endpoint as it is."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.endpoint.endpoint_process import PATIENCE, RunningEndpoint, running_endpoint
from tests.endpoint.hooks import hooked
from tests.marks import slow
from tests.programs import REPOSITORY
from tests.worker.bench import Bench

PAGE = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = REPOSITORY / "examples"
PROGRAMS = {
    "sh": ["bash", "-eu", "-o", "pipefail", "-c"],
    "python": [sys.executable, "-c"],
    "javascript": ["node", "--input-type=module", "--eval"],
}
SUFFIXES = {"sh": "curl", "python": "python", "javascript": "javascript"}
CHEAP = {"width": 256, "height": 256, "max_audio_duration": 0.6}
DONE_ONCE = ("dub.json", "scenes.json", "two-channels.json")  # in full; the others as dry runs


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    with running_endpoint(tmp_path_factory.mktemp("endpoint"), MIN_DISK_GB="0") as running:
        running.wait_for_log("worker-1 is ready for jobs")
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The examples that the page names, with the smallest of videos."""
    ready = tmp_path / "examples" / "ready"
    ready.mkdir(parents=True)
    for name in ("hello.json", "quote.json"):
        job = json.loads((EXAMPLES / "ready" / name).read_text(encoding="utf-8"))["input"]
        del job["resolution"]
        (ready / name).write_text(json.dumps({"input": {**job, **CHEAP}}), encoding="utf-8")
    shutil.copy(EXAMPLES / "hello.mp3", tmp_path / "examples")
    return tmp_path


def _program(language: str) -> str:
    """The page's blocks of one language, one after the other."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("language", ["python", *slow("sh", "javascript")])
def test_the_pages_programs_run(endpoint: RunningEndpoint, folder: Path, bench_environment: Any, language: str) -> None:
    if shutil.which(PROGRAMS[language][0]) is None:
        pytest.skip(f"needs {PROGRAMS[language][0]}")
    with hooked() as (address, told):
        environment = {**bench_environment, "API": endpoint.api, "HOOK": address}
        command = [*PROGRAMS[language], _program(language)]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert told.get(timeout=PATIENCE)["status"] == "COMPLETED"
    assert (folder / f"hello-{SUFFIXES[language]}.mp4").read_bytes()[4:8] == b"ftyp"
    for said in ("COMPLETED", "CANCELLED", "missing_parameter", "IN_QUEUE", "L4"):
        assert said in done.stdout, done.stdout


def test_each_language_has_the_same_sections() -> None:
    sections = [part for part in PAGE.split("\n## ") if "```" in part]
    assert sections
    for section in sections:
        assert [section.count(f"```{language}\n") for language in PROGRAMS] == [1, 1, 1], section.split("\n")[0]


READY, NAMING = sorted(EXAMPLES.glob("ready/*.json")), sorted(EXAMPLES.glob("*.json"))


@pytest.mark.parametrize("file", [*READY, *slow(*NAMING)], ids=lambda file: str(file.relative_to(EXAMPLES)))
def test_every_example_can_be_sent_as_it_is(endpoint: RunningEndpoint, file: Path) -> None:
    job = json.loads(file.read_text(encoding="utf-8"))
    if file.name not in DONE_ONCE or file.parent != EXAMPLES:
        job["input"]["dry_run"] = True
    ended = endpoint.post("runsync?wait=120000", job)
    assert ended["status"] == "COMPLETED", ended.get("error")
    assert ended["output"]["status"] in ("completed", "dry_run")


@pytest.fixture
def bench_environment(tmp_path: Path) -> dict[str, str]:
    """Without what the machine at hand has set."""
    kept = ("HOME", "PATH", "LANG", "PYTHONPATH")
    return {name: value for name, value in Bench(tmp_path).environment.items() if name in kept}
