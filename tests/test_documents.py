"""The documents say what the code does: every field, error and setting, and the schemas are fresh."""

import re
from pathlib import Path

import pytest

from contract.errors import ERRORS
from contract.fields import field_names
from contract.schema import schemas
from media.image import BUCKETS
from worker.settings import Settings

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


@pytest.mark.parametrize("resolution", BUCKETS)
def test_the_readme_lists_the_sizes_of_each_resolution(resolution: str) -> None:
    listed = re.search(rf"^- `{resolution}`: ([\dx,\s]+)", README, re.MULTILINE)
    assert listed
    sizes = [(int(width), int(height)) for width, height in re.findall(r"(\d+)x(\d+)", listed[1])]
    assert sizes == sorted((width, height) for height, width in BUCKETS[resolution])


@pytest.mark.parametrize(
    "page", [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_what_a_page_links_to_exists(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(("name", "text"), schemas().items())
def test_the_published_schemas_are_fresh(name: str, text: str) -> None:
    assert (REPOSITORY / "docs" / "schema" / name).read_text(encoding="utf-8") == text, "run `make schema`"
