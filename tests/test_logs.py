"""What reaches the log: one JSON object a line with the job's id, and no secret part of any address."""

import json
import logging
from collections.abc import Iterator

import pytest

import logs

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
    logging.getLogger("x").info("two\nlines %d", 2)
    logs.job_id.reset(token)
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["job_id"], entry["message"], entry["level"]) == ("job-1", "two\nlines 2", "INFO")


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (SIGNED, "https://bucket.example.com/v.mp4?…"),
        (f"('refused', '{SIGNED}')", "https://bucket.example.com/v.mp4?…"),
        ("HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: /a/b.wav?token=SECRET", "/a/b.wav?…"),
        ("https://user:SECRET@example.com/a", "https://…@example.com/a"),
        ("data:audio/wav;base64," + "SECRET" * 20, "data:…"),
        ("is it ready? yes", "is it ready? yes"),
    ],
)
def test_the_secret_part_of_an_address_is_never_written(
    capsys: pytest.CaptureFixture[str], form: str, text: str, kept: str
) -> None:
    logs.set_up(logging.INFO, form)
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("x").exception("at %s", text)
    written = capsys.readouterr().err
    assert "SECRET" not in written
    assert written.count(kept) == 2
