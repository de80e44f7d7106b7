"""Whatever names a page or a file of the project names one that is there; an anchor is a heading of its page.

Read are all text files of the project: code, comments, pages, shell scripts. A citation is
`docs/facts/comfyui.md#progress`; further anchors of the page may follow: `docs/facts/comfyui.md#progress, #sockets`.
"""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.image.dockerfile import DOCKERFILE

REPOSITORY = Path(__file__).resolve().parent.parent
COMMITS = DOCKERFILE.arguments
PINS = dict(re.findall(r"^(\S+)==(\S+)", (REPOSITORY / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE))
PAGE = re.compile(r"(?<![\w./:-])((?:[\w.-]+/|\.\./)*[\w-]+\.md)\b((?:[:,]?[ ]?(?:and )?#[\w-]+)*)")
OWN_ANCHOR = re.compile(r"\]\((#[\w-]+)\)")
KINDS = "py|sh|json|toml|in|txt|png|wav|html|js|css"
OTHER_FILE = re.compile(rf"(?<![\w./:$}}~-])((?:[\w-]+/)+[\w.-]*\w\.(?:{KINDS}))\b(?![/*{{])")
TEST_FILE = re.compile(r"`(test_\w+)(?:\.py)?`")
TEST = re.compile(r"\b(tests/[\w/]+\.py)::(test_\w+)")
EXAMPLES = {"tests/test_citations.py"}  # they lead nowhere on purpose


@cache
def names() -> frozenset[str]:
    """The project's files, also those not committed yet."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(asked, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    return frozenset(name for name in listing.splitlines() if (REPOSITORY / name).is_file())


def texts() -> Iterator[tuple[str, str]]:
    for name in sorted(names()):
        try:
            yield name, (REPOSITORY / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a sound


def anchors(page: str) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#{1,6} (.+)$", page, re.MULTILINE)
    return {"#" + re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def target(name: str, mentioned: str) -> str | None:
    """The file that a text means: from the root, from the text's own folder, or by a name that stands alone."""
    beside = (REPOSITORY / name).parent.joinpath(mentioned).resolve()
    for path in (REPOSITORY / mentioned, beside):
        if path.is_relative_to(REPOSITORY) and path.relative_to(REPOSITORY).as_posix() in names():
            return path.relative_to(REPOSITORY).as_posix()
    alone = [known for known in sorted(names()) if "/" not in mentioned and known.endswith(f"/{mentioned}")]
    return alone[0] if alone else None


def leads_nowhere(name: str, text: str) -> list[str]:
    """What a text names that is not there."""
    lost = []
    for mentioned, cited in PAGE.findall(text):
        page = target(name, mentioned)
        known = anchors((REPOSITORY / page).read_text(encoding="utf-8")) if page else set()
        wanted = re.findall(r"#[\w-]+", cited)
        lost += [f"{mentioned}{anchor}" for anchor in wanted if anchor not in known] if page else [mentioned]
    if name.endswith(".md"):
        lost += [anchor for anchor in OWN_ANCHOR.findall(text) if anchor not in anchors(text)]
    folders = {known.split("/")[0] for known in names() if "/" in known}
    files = {mentioned for mentioned in OTHER_FILE.findall(text) if mentioned.split("/")[0] in folders}
    return lost + sorted(mentioned for mentioned in files if target(name, mentioned) is None)


def lost_tests(text: str) -> list[str]:
    """Files of tests by their name alone, and tests by file and name, that a page names and nobody can run."""
    files = {Path(known).stem for known in names() if known.startswith("tests/")}
    lost = [name for name in TEST_FILE.findall(text) if name not in files]
    for file, test in TEST.findall(text):
        source = REPOSITORY / file
        if not source.is_file() or not re.search(rf"^(?:async )?def {test}\(", source.read_text("utf-8"), re.MULTILINE):
            lost.append(f"{file}::{test}")
    return lost


def test_what_a_text_names_is_there() -> None:
    lost = {name: leads_nowhere(name, text) for name, text in texts() if name not in EXAMPLES}
    assert {name: mentions for name, mentions in lost.items() if mentions} == {}


@pytest.mark.parametrize(
    "text",
    [
        "# Source: docs/facts/nothing.md",
        "see docs/facts/comfyui.md#nothing",
        "docs/facts/comfyui.md#progress, #nothing",
        '"""How (reference/contracts.md B1)."""',
        "`docs/architecture.md` and nothing.md",
        "# tests/real/nothing.py says what",
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text: str) -> None:
    assert len(leads_nowhere("scripts/some.sh", text)) == 1


def test_each_test_that_a_page_names_can_be_run() -> None:
    lost = {name: lost_tests(text) for name, text in texts() if name.endswith(".md")}
    assert {name: tests for name, tests in lost.items() if tests} == {}
    assert len(lost_tests("`test_nothing`, `test_more.py` and tests/test_citations.py::test_nothing")) == 3


@pytest.mark.parametrize("page", sorted((REPOSITORY / "docs" / "facts").glob("*.md")), ids=lambda page: page.name)
def test_each_fact_has_a_source_and_an_anchor_of_its_own(page: Path) -> None:
    _, *sections = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sections
    assert [section.split("\n")[0] for section in sections if "\nSource: " not in section] == []
    titles = [section.split("\n")[0] for section in sections]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize(
    ("page", "version"),
    [
        ("runpod.md", f"runpod-python {PINS['runpod']} "),
        ("comfyui.md", f"commit {COMMITS['COMFYUI_COMMIT'][:8]}"),
        ("talk-models.md", f"commit {COMMITS['WANVIDEOWRAPPER_COMMIT'][:7]}"),
        ("tiny-models.md", f"commit {COMMITS['COMFYUI_COMMIT'][:8]}"),
        ("tiny-models.md", f"commit {COMMITS['WANVIDEOWRAPPER_COMMIT'][:7]}"),
    ],
)
def test_a_page_of_facts_is_about_what_is_pinned(page: str, version: str) -> None:
    """A newer pin means reading the page again: docs/upgrading.md."""
    assert version in (REPOSITORY / "docs" / "facts" / page).read_text(encoding="utf-8").replace("\n", " ")
