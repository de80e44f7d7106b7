"""The documents say what the code does: their tables and schemas are fresh, their links lead somewhere."""

import re
from pathlib import Path

import pytest

from contract.input_schema import json_schema
from contract.schema import schemas
from media.image import BUCKETS
from worker.reference import PAGES, page, tables

REPOSITORY = Path(__file__).resolve().parent.parent
REQUEST = (REPOSITORY / "docs" / "request.md").read_text(encoding="utf-8")
SCHEMA = json_schema()


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_of_fields_settings_and_errors_are_fresh(name: str) -> None:
    assert page(REPOSITORY / "docs" / name) == (REPOSITORY / "docs" / name).read_text(encoding="utf-8"), (
        "run `make schema`"
    )


def test_every_table_stands_on_a_page() -> None:
    text = "".join((REPOSITORY / "docs" / name).read_text(encoding="utf-8") for name in PAGES)
    assert sorted(re.findall(r"<!-- made: (.+?) -->", text)) == sorted(tables())


@pytest.mark.parametrize("field", SCHEMA["properties"])
def test_every_field_says_what_it_means(field: str) -> None:
    assert re.search(rf"^\| `{field}` \|.*\| [^|]+ \|$", REQUEST, re.MULTILINE)


@pytest.mark.parametrize("resolution", BUCKETS)
def test_the_sizes_of_each_resolution_are_listed(resolution: str) -> None:
    listed = re.search(rf"^- `{resolution}`: ([\dx,\s]+)", REQUEST, re.MULTILINE)
    assert listed
    sizes = [(int(width), int(height)) for width, height in re.findall(r"(\d+)x(\d+)", listed[1])]
    assert sizes == sorted((width, height) for height, width in BUCKETS[resolution])


@pytest.mark.parametrize(
    "at", [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))], ids=lambda at: at.name
)
def test_what_a_page_links_to_exists(at: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", at.read_text(encoding="utf-8"))
    assert [link for link in links if not (at.parent / link).exists()] == []


@pytest.mark.parametrize(("name", "text"), schemas().items())
def test_the_published_schemas_are_fresh(name: str, text: str) -> None:
    assert (REPOSITORY / "docs" / "schema" / name).read_text(encoding="utf-8") == text, "run `make schema`"
