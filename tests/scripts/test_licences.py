"""`docs/licences.md` has every package, program and model that this project installs or downloads."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENT = (REPOSITORY / "docs" / "licences.md").read_text(encoding="utf-8")
HEAD, SECTIONS = DOCUMENT.split("<!-- ")[0], DOCUMENT.split("\n## ")
LOCKS = ("requirements.txt", "docker/comfyui-requirements.txt", "docker/sage-requirements.txt")
PROMPT = "run scripts/licences.py"


def _rows(part_of_title: str) -> list[tuple[str, str, str]]:
    (section,) = [text for text in SECTIONS if part_of_title in text.splitlines()[0]]
    rows = re.findall(r"(?m)^\| (.+) \| (.+) \| (.+) \|$", section)
    return [(first, second, third) for first, second, third in rows[1:]]  # below the names of the columns


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_is_there_and_no_other(lock: str) -> None:
    lines = (REPOSITORY / lock).read_text(encoding="utf-8").splitlines()
    pinned = [tuple(line.split()[0].split("==")) for line in lines if line[:1].isalnum()]
    assert len(pinned) > 1
    rows = _rows(f"({lock})")
    assert [row[:2] for row in rows] == pinned, PROMPT
    assert all(licence.strip() for *_, licence in rows)


def test_every_model_file_is_there_with_its_licence() -> None:
    listed = json.loads((REPOSITORY / "workflows" / "models.json").read_text(encoding="utf-8"))["models"]
    assert _rows("models.json") == [(model["file"], model["repository"], model["licence"]) for model in listed], PROMPT


def test_every_source_that_the_image_fetches_is_there() -> None:
    commits = re.findall(r"(?m)^ARG \w+_COMMIT=(\w+)$", (REPOSITORY / "Dockerfile").read_text(encoding="utf-8"))
    versions = {version for _, version, _ in _rows("Programs")}
    assert len(commits) == 3
    assert set(commits) <= versions, PROMPT


def test_what_asks_for_more_than_a_notice_is_spoken_of() -> None:
    told = HEAD.replace("NVIDIA's packages", "nvidia")
    rows = [(name, licence) for lock in LOCKS for name, _, licence in _rows(f"({lock})")]
    asking = [row for row in rows if re.search("GPL|MPL|proprietary", row[1])]
    assert asking
    for name, licence in asking:
        assert re.sub(r"^nvidia-.*", "nvidia", name) in told, f"{name} is under {licence}"


def test_the_workers_licences_are_those_of_what_is_installed() -> None:
    """The script with this interpreter in both roles: it stops at ComfyUI's packages, which are not here."""
    code = (
        "import json, sys; sys.path.insert(0, 'scripts'); import licences as l; "
        "print(json.dumps(l.packages(l.WORKER_LOCK, l.installed(sys.executable))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert [tuple(row) for row in json.loads(done.stdout)] == _rows("(requirements.txt)"), PROMPT


def test_a_package_of_which_nothing_is_known_stops_the_script() -> None:
    before = DOCUMENT
    command = [sys.executable, "scripts/licences.py", sys.executable]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "comfyui-requirements.txt: no licence in the metadata of accelerate==" in done.stderr
    assert (REPOSITORY / "docs" / "licences.md").read_text(encoding="utf-8") == before
