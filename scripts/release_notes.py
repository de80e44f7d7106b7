"""What a release is called and says, from contract/version.py and CHANGELOG.md: `release_notes.py TAG [--version]`.

    make release-version TAG=v0.2.0     0.2.0
    make release-notes TAG=v0.2.0       the text below that version's heading

A tag that is not v and the worker's version, and a version without a dated heading, end it with code 1.
"""

import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
HEADING = re.compile(r"(?m)^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$")


class NoReleaseError(Exception):
    """Why there is nothing to release."""


def version_of(tag: str, module: str) -> str:
    """The version that a tag names, which is that of `module`, the text of contract/version.py.

    Raises:
        NoReleaseError: it is another one.
    """
    found = re.search(r'(?m)^VERSION = "([^"]+)"', module)
    if found is None:
        raise NoReleaseError("contract/version.py has no VERSION")
    if tag != f"v{found[1]}":
        raise NoReleaseError(f"the tag is {tag}, contract/version.py says {found[1]}: tag v{found[1]}")
    return found[1]


def notes(version: str, changelog: str) -> str:
    """The text below a version's heading, without the headings themselves.

    Raises:
        NoReleaseError: the version has no heading, no date or no text.
    """
    headings = list(HEADING.finditer(changelog))
    for number, heading in enumerate(headings):
        if heading[1] != version:
            continue
        if not heading[2]:
            raise NoReleaseError(f"CHANGELOG.md: the heading of {version} has no date")
        end = headings[number + 1].start() if number + 1 < len(headings) else len(changelog)
        if text := changelog[heading.end() : end].strip():
            return text
        raise NoReleaseError(f"CHANGELOG.md says nothing below {version}")
    raise NoReleaseError(f"CHANGELOG.md has no heading [{version}]: give what is Unreleased its name and date")


def main() -> None:
    """Print the version, or its notes."""
    tag, *options = sys.argv[1:] or [""]
    try:
        version = version_of(tag, (REPOSITORY / "contract" / "version.py").read_text(encoding="utf-8"))
        told = version if options else notes(version, (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"))
    except NoReleaseError as error:
        sys.exit(str(error))
    print(told)


if __name__ == "__main__":
    main()
