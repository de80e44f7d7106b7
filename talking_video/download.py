"""A finished video, from its address to a file: whole, or not at all."""

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from talking_video.errors import DownloadError
from talking_video.flow import Call, Flow, Pause
from talking_video.reply import Result

TRIES = 5
SECONDS = 120.0
GONE = (401, 403, 404, 410)
TOLERANCE_MB = 0.001  # the reply rounds megabytes to three digits


def downloaded(result: Result, target: Path, pause: float) -> Flow[Path]:
    """The file, once its sha256 and size are those that the reply names; until then it has another name.

    Raises:
        DownloadError: it cannot be fetched, or is not what the worker made.
    """
    scheme = urlsplit(result.url).scheme
    if scheme not in ("http", "https"):
        where = "the worker stores on a network volume, which no address opens: fetch it from there, or give the worker"
        raise DownloadError(f"{result.url} cannot be downloaded; {where} a bucket (docs/calling.md)", result.url)
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    for attempt in range(TRIES):
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        answer = yield Call("GET", result.url, into=part, headers=headers, seconds=SECONDS)
        assert answer is not None  # noqa: S101
        if answer.status in (200, 206):
            break
        if answer.status == 416:  # more is there than the server has: begin anew
            part.unlink(missing_ok=True)
        if answer.status in GONE or attempt == TRIES - 1:
            part.unlink(missing_ok=True)
            why = answer.reason or f"HTTP {answer.status}"
            raise DownloadError(f"the video could not be downloaded ({why}): {result.url}", result.url)
        yield Pause(pause * 2**attempt)
    _check(part, result)
    part.replace(target)
    return target


def _check(part: Path, result: Result) -> None:
    info, problem = result.output.get("video_info", {}), ""
    with part.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if info.get("sha256") not in (None, digest):
        problem = f"its sha256 is {digest}, not {info['sha256']}"
    size = part.stat().st_size / 1e6
    if not problem and abs(size - info.get("file_size_mb", size)) > TOLERANCE_MB:
        problem = f"it has {size:.3f} MB, not {info['file_size_mb']}"
    if problem:
        part.unlink()
        raise DownloadError(
            f"the file at {result.url} is not the one that was made: {problem}. Another job may have stored under the"
            " same output_key since",
            result.url,
        )


def save_inline(envelope: Mapping[str, Any], job_id: str, folder: Path) -> Path | None:
    """The video that a failed job brings in its reply, as it could not be stored; None where there is none."""
    output = envelope.get("output")
    if not isinstance(output, dict) or "video_base64" not in output:
        return None
    file = folder / (re.sub(r"[^A-Za-z0-9._-]", "-", job_id) + ".mp4")
    file.write_bytes(base64.b64decode(output["video_base64"]))
    return file
