"""Many jobs in one file: JSON lines, or a table."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talking_video.cli.fields import read_value
from talking_video.errors import RequestError
from talking_video.request import BESIDE, Request

OUTPUT = "output"  # a column, or a key beside `input`: the name of the video's file
LISTS = ("audio_urls", "audio", "voices", "reference_images")  # columns whose cells may hold several, with ; between


@dataclass(frozen=True)
class Row:
    """One job of a batch. `key` is the same whenever the same file is read again."""

    number: int
    key: str
    request: Request
    output: str


def read_rows(file: Path) -> list[Row]:
    """Every job of a file; paths in it are read against its folder.

    Raises:
        RequestError: the file cannot be read, or a line is no job; names the line.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is no text ({error})"
        raise RequestError(f"{file} cannot be read: {reason}") from error
    found = list(_csv(text) if file.suffix.lower() == ".csv" else _jsonl(text))
    if not found:
        raise RequestError(f"{file} has no jobs")
    seen, names, rows = Counter[str](), Counter[str](), []
    for number, (line, job) in enumerate(found, 1):
        try:
            named = job.pop(OUTPUT, None)
            request = Request.from_job(job, file.parent)
        except RequestError as error:
            raise RequestError(f"{file}, line {line}: {error}") from error
        text = json.dumps([job, named], sort_keys=True, default=str)
        seen[text] += 1
        key = hashlib.sha256(f"{seen[text]} {text}".encode()).hexdigest()[:16]
        output = str(named or f"{number:04}-{_stem(request)}.mp4")
        names[output] += 1
        if names[output] > 1 or Path(output).is_absolute() or ".." in Path(output).parts:
            raise RequestError(f"{file}, line {line}: output {output!r} is there twice, or leads out of the folder")
        rows.append(Row(number, key, request, output))
    return rows


def _jsonl(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, content in enumerate(text.splitlines(), 1):
        if not content.strip():
            continue
        try:
            job = json.loads(content)
        except ValueError as error:
            raise RequestError(f"line {line} is no JSON: {error}") from error
        if not isinstance(job, dict):
            raise RequestError(f"line {line} is no object")
        yield line, job


def _csv(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines())
    for row in reader:
        if None in row:
            raise RequestError(f"line {reader.line_num} has more cells than the first line has names")
        given = {name.strip(): value.strip() for name, value in row.items() if value and value.strip()}
        if not given:
            continue
        fields: dict[str, Any] = {}
        beside: dict[str, Any] = {}
        for name, value in given.items():
            several = name in LISTS and not value.startswith("[")
            read = [part.strip() for part in value.split(";") if part.strip()] if several else read_value(value)
            (beside if name in (OUTPUT, *BESIDE) else fields)[name] = read
        if "voices" in fields:
            fields["audio_urls"] = fields.pop("voices")
        yield reader.line_num, {"input": fields, **beside}


def _stem(request: Request) -> str:
    """Of the portrait's file, for a name."""
    image = next((value for name, value in request.input.items() if "image" in name), "video")
    return (
        "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(str(image)[:200].split("?")[0]).stem)[:40]
        or "video"
    )
