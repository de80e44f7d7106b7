"""`docs/reliability.md` names tests: each is there, and each test of this folder is named."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
NAMED = set(re.findall(r"`(tests/\S+\.py::\w+)`", (REPOSITORY / "docs" / "reliability.md").read_text(encoding="utf-8")))


def _tests_of(file: Path) -> set[str]:
    """The path::name of each test function in a file."""
    name = file.relative_to(REPOSITORY).as_posix()
    functions = (node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef))
    return {f"{name}::{function.name}" for function in functions if function.name.startswith("test_")}


def test_every_test_of_the_table_exists() -> None:
    files = {REPOSITORY / test.split("::")[0] for test in NAMED}
    assert files
    assert NAMED - {test for file in files for test in _tests_of(file)} == set()


def test_every_test_of_the_worker_in_service_is_in_the_table() -> None:
    others = (Path(__file__), HERE / "test_dry_run.py")  # a dry run makes nothing that could be lost
    mine = {test for file in HERE.glob("test_*.py") if file not in others for test in _tests_of(file)}
    assert mine - NAMED == set()
