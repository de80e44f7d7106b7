"""The documents say what the code does: every field, error and setting, and the schemas are fresh."""

from pathlib import Path

import pytest

from contract.errors import ERRORS
from contract.fields import field_names
from contract.schema import schemas
from settings import Settings

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", field_names())
def test_the_readme_names_every_field(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("code", list(ERRORS))
def test_the_readme_has_the_table_of_errors(code: str) -> None:
    kind = next(kind for known, kind in ERRORS.items() if known == code)
    assert f"| `{code}` | {kind.stage} | {'yes' if kind.retryable else 'no'} | {kind.meaning} |" in README


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields])
def test_the_readme_names_every_setting(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize(("name", "text"), schemas().items())
def test_the_published_schemas_are_fresh(name: str, text: str) -> None:
    assert (REPOSITORY / "docs" / "schema" / name).read_text(encoding="utf-8") == text, "run `make schema`"
