"""Files stay under 300 lines, functions of the code under 40: what is longer does more than one thing."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MOST_LINES, MOST_OF_A_FUNCTION = 299, 39
KINDS = ("*.py", "*.sh", "*.js", "*.css")
LONG = {"contract/request.py::_resolve": "a constructor with a line for each field"}


def names(*kinds: str) -> list[str]:
    """The project's files of these kinds, also those not committed yet."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *kinds]
    listing = subprocess.run(asked, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    return [name for name in listing.splitlines() if (REPOSITORY / name).is_file()]


def lengths(source: str) -> Iterator[tuple[str, int]]:
    """Each function, and its lines without its docstring."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            doc = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) is not None else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - doc


def test_no_file_is_longer() -> None:
    lines = {name: len((REPOSITORY / name).read_text(encoding="utf-8").splitlines()) for name in names(*KINDS)}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_no_function_of_the_code_is_longer() -> None:
    code = [name for name in names("*.py") if not name.startswith("tests/")]
    found = {
        f"{name}::{function}": count
        for name in code
        for function, count in lengths((REPOSITORY / name).read_text(encoding="utf-8"))
        if count > MOST_OF_A_FUNCTION
    }
    assert set(found) == set(LONG), found


@pytest.mark.parametrize(("doc", "rest"), [('    """What\n    it does."""\n', 2), ("", 2), ("    # a word\n", 3)])
def test_a_docstring_does_not_count(doc: str, rest: int) -> None:
    assert list(lengths(f"def some() -> None:\n{doc}    pass\n")) == [("some", rest)]
