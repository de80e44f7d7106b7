"""What reaches the log: one JSON object a line with the job's id, and no secret part of any address."""

import json
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processor import processor_seconds
from worker import logs

REPOSITORY = Path(__file__).resolve().parents[2]
SIGNED = "https://bucket.example.com/v.mp4?X-Amz-Credential=AKIASECRET&X-Amz-Signature=SECRET"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_a_line_is_one_json_object_with_the_job(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(logging.INFO, "json")
    token = logs.job_id.set("job-1")
    logging.getLogger("media.x").info("two\nlines %d", 2)
    logs.job_id.reset(token)
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["job_id"], entry["message"], entry["level"]) == ("job-1", "two\nlines 2", "INFO")


@pytest.mark.parametrize(("terminal", "begins"), [(True, b"[0-9:]{8} INFO"), (False, b'{"time"')])
def test_a_terminal_gets_text_and_everything_else_json(terminal: bool, begins: bytes) -> None:
    """Told by a process whose standard error is the one or the other."""
    code = "import logging; from worker import logs; logs.set_up(20, None); logging.getLogger('media.x').info('here')"
    reader, writer = pty.openpty() if terminal else os.pipe()
    subprocess.run([sys.executable, "-c", code], stderr=writer, cwd=REPOSITORY, check=True, timeout=60)
    os.close(writer)
    line = os.read(reader, 1000)
    os.close(reader)
    assert re.match(begins, line), line


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (SIGNED, "https://bucket.example.com/v.mp4?…"),
        (f"('refused', '{SIGNED}')", "https://bucket.example.com/v.mp4?…"),
        ("HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: /a/b.wav?token=SECRET", "/a/b.wav?…"),
        ("https://user:SECRET@example.com/a", "https://…@example.com/a"),
        ("data:audio/wav;base64," + "SECRET" * 20, "data:…"),
        ("https://user:SECRET@SECRET@example.com/a", "https://…@example.com/a"),
        ("ftp://user:SECRET@example.com/a", "ftp://…@example.com/a"),
        ("https://example.com/a#SECRET", "https://example.com/a#…"),
        ("https://example.com/it's?b=SECRET", "https://example.com/it's?…"),
        ("https://example.com/a?b='SECRET'SECRET", "https://example.com/a?…"),
        ("{'Authorization': 'AWS4-HMAC-SHA256 Credential=SECRET/x, Signature=SECRET'}", "{'Authorization': …"),
        ("Cookie: a=SECRET; b=SECRET", "Cookie: …"),
        ("is it ready? yes", "is it ready? yes"),
        ("a?b#c", "a?b#c"),
    ],
)
def test_the_secret_part_of_an_address_is_never_written(
    capsys: pytest.CaptureFixture[str], form: str, text: str, kept: str
) -> None:
    logs.set_up(logging.INFO, form)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("media.x").exception("at %s", text)
    written = capsys.readouterr().err
    assert "SECRET" not in written
    assert written.count(kept) == 2


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_workers_own_secrets_are_never_written(capsys: pytest.CaptureFixture[str], form: str) -> None:
    logs.set_up(logging.INFO, form, ("SECRET-ONE", "SECRET-ONE-AND-MORE", "one", ""))
    try:
        raise ValueError("no SECRET-ONE-AND-MORE")
    except ValueError:
        logging.getLogger("media.x").exception("one: SECRET-ONE!")
    written = capsys.readouterr().err
    assert "SECRET" not in written
    assert "MORE" not in written
    assert "one: …!" in written


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
@pytest.mark.parametrize("library", ["botocore.auth", "urllib3.connectionpool", "websocket", "asyncio", "newcomer"])
def test_of_libraries_only_warnings_are_written(capsys: pytest.CaptureFixture[str], level: int, library: str) -> None:
    logs.set_up(level, "text")
    logging.getLogger(library).debug("secret")
    logging.getLogger(library).info("secret")
    logging.getLogger(library).warning("look")
    logging.getLogger("media.x").log(level, "here")
    written = capsys.readouterr().err
    assert "secret" not in written
    assert ("look" in written, "here" in written) == (True, True)


def test_everything_of_ours_is_written() -> None:
    programs = {"tests", "simulator", "comfy_nodes", "endpoint", "talking_video"}
    folders = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - programs
    modules = {path.stem for path in REPOSITORY.glob("*.py")} - {"logs"}
    assert set(logs.OURS) - {"__main__"} == folders | modules


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "a." * 200_000, "/'a" * 70_000, "/" * 200_000, "a://" * 50_000, "data:" * 40_000, "?/" * 100_000],
)
def test_a_long_line_takes_no_long_time(text: str) -> None:
    """A pattern that looks again from every character would take minutes."""
    with processor_seconds(3):
        assert logs.redact(text)
