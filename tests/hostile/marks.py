"""Secrets that can be found again, and the search for them in everything that a worker wrote."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FOUND = re.compile(rb"Leak[A-Za-z]+9f3c")
ECHOED = ("metadata", "generation_params")  # what a caller sent and gets back


def mark(name: str) -> str:
    """A secret with a name, of letters and digits: no encoding of a URL or of JSON changes it."""
    return f"Leak{name}9f3c"


def leaks(text: bytes, hidden: Iterable[str] = ()) -> set[str]:
    """The marks in it, as they are; those of `hidden` as base64 or hexadecimal digits too."""
    found = {match.decode() for match in FOUND.findall(text)}
    return found | {name for name in hidden if any(form in text for form in _forms(name))}


def _forms(name: str) -> list[bytes]:
    raw = name.encode()
    forms = [raw.hex().encode()]
    for before in range(3):  # where in a group of three bytes it begins
        whole = base64.b64encode(b"\0" * before + raw)
        forms.append(whole[4 if before else 0 : -4])
    return forms


def leaks_of_reply(output: Mapping[str, Any], key_ids: Iterable[str]) -> set[str]:
    """The marks in a reply. A presigned URL names the key that signed it; a video in it is looked through as such."""
    plain = {name: value for name, value in output.items() if name not in (*ECHOED, "video_base64")}
    url = str(plain.pop("output_video_url", ""))
    for key_id in key_ids:
        url = url.replace(f"X-Amz-Credential={key_id}", "")
    video = base64.b64decode(output.get("video_base64", ""))
    return leaks(json.dumps(plain).encode()) | leaks(url.encode()) | leaks(video)


def leaks_of_files(folder: Path, echoed: Iterable[str] = ()) -> dict[str, set[str]]:
    """The marks in the files below a folder, by file; `echoed` may stand in recorded results (JSON)."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            marks = leaks(path.read_bytes()) | leaks(path.name.encode())
            found[str(path)] = marks - set(echoed if path.suffix == ".json" else ())
    return {path: marks for path, marks in found.items() if marks}
