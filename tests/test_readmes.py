"""What people see first: the README in two languages, its picture, and the requests that it tells them to send."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

REPOSITORY = Path(__file__).resolve().parent.parent
ENGLISH, VIETNAMESE = ((REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "README.vi.md"))
MOST_LINES = 200
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LARGEST_PICTURE, LARGEST_REQUEST = 200_000, 10_000_000  # bytes; the second is RunPod's, of /run


def _prose(page: str) -> str:
    return FENCE.sub("", page)


def _headings(page: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", _prose(page), re.MULTILINE)]


def _links(page: str) -> list[str]:
    own_pages = {"README.md", "README.vi.md"}  # each names the other one
    return sorted(link for link in re.findall(r"\]\(([^)]+)\)", page) if link not in own_pages)


def _cells(page: str) -> list[list[set[str]]]:
    """Of each table's rows: the names and values in each cell."""
    rows = [line for line in _prose(page).splitlines() if line.startswith("|")]
    return [[set(re.findall(r"`[^`]+`|\$[0-9.]+", cell)) for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("page", [ENGLISH, VIETNAMESE], ids=["English", "Vietnamese"])
def test_the_first_page_stays_one_that_people_read(page: str) -> None:
    assert len(page.splitlines()) < MOST_LINES


def test_both_languages_say_the_same() -> None:
    assert _headings(VIETNAMESE) == _headings(ENGLISH)
    assert FENCE.findall(VIETNAMESE) == FENCE.findall(ENGLISH)
    assert _cells(VIETNAMESE) == _cells(ENGLISH), "the tables differ in rows, cells, or names of fields"
    assert _links(VIETNAMESE) == _links(ENGLISH)
    assert _listed(VIETNAMESE) == _listed(ENGLISH)


def _listed(page: str) -> list[str]:
    """Bullets and numbers of the lists."""
    return re.findall(r"^(-|\d+\.) ", _prose(page), re.MULTILINE)


def test_what_make_is_asked_for_is_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)", ENGLISH)) <= set(targets)


def test_the_picture_is_light_and_stands_on_any_ground() -> None:
    path = REPOSITORY / "docs" / "pictures" / "film.webp"
    assert path.stat().st_size < LARGEST_PICTURE
    picture = Image.open(path)
    assert picture.mode == "RGBA"
    corner = picture.getpixel((0, picture.height - 60))
    assert isinstance(corner, tuple)
    assert corner[3] == 0


def test_the_requests_among_the_examples_are_those_that_the_script_writes(tmp_path: Path) -> None:
    examples = REPOSITORY / "examples"
    for file in [*examples.glob("*.mp[34]"), *examples.glob("*.png")]:
        (tmp_path / file.name).symlink_to(file)
    code = "import sys, pathlib, make_examples as made; at = pathlib.Path(sys.argv[1]); "
    write = [sys.executable, "-c", f"{code}made.write_requests(at); made.write_ready(at)", str(tmp_path)]
    subprocess.run(write, cwd=REPOSITORY / "scripts", check=True)
    made = {str(file.relative_to(tmp_path)): file.read_text() for file in tmp_path.rglob("*.json")}
    kept = {str(file.relative_to(examples)): file.read_text() for file in examples.rglob("*.json")}
    assert made.keys() == kept.keys()
    assert [name for name in made if made[name] != kept[name]] == []


@pytest.mark.parametrize("file", sorted((REPOSITORY / "examples" / "ready").iterdir()), ids=lambda file: file.name)
def test_a_ready_request_needs_nothing_but_itself_and_fits_into_run(file: Path) -> None:
    assert file.stat().st_size < LARGEST_REQUEST
    request = json.loads(file.read_text(encoding="utf-8"))["input"]
    sources = [request.get("image_url") or request["video_url"], *request["audio_urls"]]
    assert [source[:40] for source in sources if not source.startswith("data:")] == []
