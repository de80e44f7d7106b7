"""What a release says is what CHANGELOG.md says of that version, and a tag of another version is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from contract.version import VERSION

REPOSITORY = Path(__file__).resolve().parents[2]
CHANGELOG = (
    "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [1.1.0] - 2026-05-06\n\n### Added\n\n- a\n\n## [1.0.0]\n\n- b\n"
)


def _script(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts" / "release_notes.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Another project with this script."""
    for folder in ("scripts", "contract"):
        (tmp_path / folder).mkdir()
    text = (REPOSITORY / "scripts" / "release_notes.py").read_text(encoding="utf-8")
    (tmp_path / "scripts" / "release_notes.py").write_text(text, encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("version", "tag", "code", "told"),
    [
        ("1.1.0", "v1.1.0", 0, "### Added\n\n- a\n"),
        ("1.1.0", "1.1.0", 1, "the tag is 1.1.0, contract/version.py says 1.1.0: tag v1.1.0\n"),
        ("1.1.0", "v1.2.0", 1, "the tag is v1.2.0, contract/version.py says 1.1.0: tag v1.1.0\n"),
        ("1.0.0", "v1.0.0", 1, "CHANGELOG.md: the heading of 1.0.0 has no date\n"),
        ("2.0.0", "v2.0.0", 1, "CHANGELOG.md has no heading [2.0.0]: give what is Unreleased its name and date\n"),
    ],
)
def test_the_notes_of_a_tag(project: Path, version: str, tag: str, code: int, told: str) -> None:
    (project / "contract" / "version.py").write_text(
        f'"""Which."""\n\nVERSION = "{version}"  # semantic\n', encoding="utf-8"
    )
    done = _script(project, tag)
    assert (done.returncode, done.stdout if code == 0 else done.stderr) == (code, told)


def test_this_version_has_notes() -> None:
    assert _script(REPOSITORY, f"v{VERSION}", "--version").stdout == f"{VERSION}\n"
    assert "### Added" in _script(REPOSITORY, f"v{VERSION}").stdout
