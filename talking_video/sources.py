"""Local files on their way to a worker: small ones inside the request, larger ones where the worker can fetch them."""

import base64
import json
import mimetypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from talking_video.errors import RequestError
from talking_video.flow import Call, Flow
from talking_video.request import Request
from talking_video.schema import map_sources

MEGABYTE = 1_000_000
REQUEST_BYTES = 10 * MEGABYTE  # that /run takes
MARGIN_BYTES = 200_000
ELSEWHERE = re.compile(r"(?i)^(https?|data):")
ON_VOLUME = "/runpod-volume/"  # where a worker on RunPod has its network volume
LONGEST_PATH = 1024  # a longer text without an address is base64
KINDS = {".m4a": "audio/mp4", ".opus": "audio/ogg", ".heic": "image/heic", ".avif": "image/avif", ".webp": "image/webp"}


@dataclass(frozen=True)
class Uploaded:
    """How a file gets to where a worker can fetch it: a PUT, and the address to fetch it from."""

    put: str
    get: str


class Uploads(Protocol):
    """A place for files that are too large for a request."""

    @property
    def largest(self) -> int | None:
        """Bytes of one file; None: any number."""

    def place(self, file: Path) -> Flow[Uploaded]:
        """Where one file may go."""


def prepared(
    request: Request, uploads: Uploads | None, put: Callable[[Uploaded, Path], Flow[None]]
) -> Flow[dict[str, Any]]:
    """The body for /run. Everything is checked before the first byte is sent.

    Raises:
        RequestError: a file is missing or too large.
    """
    local = local_files(request)
    inside = _inside(request, local)
    for file in [file for file in local if file not in inside]:
        _check_upload(file, uploads)
    found: dict[Path, str] = {file: _data_uri(file) for file in inside}
    for file in local:
        if file not in found and uploads is not None:
            place = yield from uploads.place(file)
            yield from put(place, file)
            found[file] = place.get

    def change(source: Any) -> Any:
        file = _local(source, request.folder)
        return source if file is None else found[file]

    return {"input": map_sources(request.input, change), **request.beside}


def local_files(request: Request) -> list[Path]:
    """Those that the request names, each once. Raises RequestError for one that is missing, empty or no file."""
    found: dict[Path, None] = {}

    def look(source: Any) -> Any:
        file = _local(source, request.folder)
        if file is not None:
            found[file] = None
        return source

    map_sources(request.input, look)
    return list(found)


def _local(source: Any, folder: Path) -> Path | None:
    """The file that a source means, or None where it is something for the worker."""
    text = str(source)
    is_path = isinstance(source, Path)
    if not is_path and (ELSEWHERE.match(text) or text.startswith(ON_VOLUME) or len(text) > LONGEST_PATH):
        return None
    file = folder / Path(text).expanduser()
    try:
        if file.is_file():
            if file.stat().st_size == 0:
                raise RequestError(f"{file} is empty")
            return file.absolute()
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror}") from error
    what = "is a folder" if file.is_dir() else "is not there"
    raise RequestError(f"{file} {what}; send a local file, an https:// address, or a path that begins with {ON_VOLUME}")


def _inside(request: Request, files: list[Path]) -> set[Path]:
    """The files that the request itself can carry, the smallest first."""
    room = REQUEST_BYTES - MARGIN_BYTES - len(json.dumps(request.input, default=str))
    found = set()
    for file in sorted(files, key=lambda one: one.stat().st_size):
        room -= 4 * file.stat().st_size // 3 + 100
        if room < 0:
            break
        found.add(file)
    return found


def _check_upload(file: Path, uploads: Uploads | None) -> None:
    size = file.stat().st_size / MEGABYTE
    if uploads is None:
        raise RequestError(
            f"{file.name} has {size:.1f} MB, and a request carries {REQUEST_BYTES / MEGABYTE:g} MB, a third less as"
            " base64. Send an address, name a bucket (S3_BUCKET and its keys in the environment, and pip install"
            " 'talking-video[bucket]'), or make it smaller: ffmpeg -i IN -vn -b:a 192k OUT.mp3"
        )
    if uploads.largest is not None and file.stat().st_size > uploads.largest:
        raise RequestError(f"{file.name} has {size:.1f} MB; the endpoint takes {uploads.largest / MEGABYTE:g} MB")


def _data_uri(file: Path) -> str:
    return f"data:{kind_of(file)};base64,{base64.b64encode(file.read_bytes()).decode()}"


def kind_of(file: Path) -> str:
    """Media type by the name; the worker goes by the bytes."""
    return KINDS.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def put_call(place: Uploaded, file: Path) -> Call:
    """The request that sends a file. No other header: a presigned address covers none."""
    return Call("PUT", place.put, body=file, seconds=600.0)
