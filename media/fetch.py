"""The one way in for what a caller names: brings every source of a job onto the disk.

A source is an http(s) URL, a data: URI, or a path below one of the input roots. Bytes are counted
while they arrive; what a server says of their number is not believed.
"""

import base64
import binascii
import os
import re
import shutil
import threading
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import requests
import urllib3

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError

CHUNK_BYTES = 1 << 16
POLL_SECONDS = 0.05
SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")
TIMEOUTS = (10, 30)  # seconds to connect, seconds between two pieces


@dataclass(frozen=True)
class FetchLimits:
    """Where a path may point, and how many bytes a source may have."""

    roots: tuple[Path, ...]
    image_bytes: int
    audio_bytes: int


@dataclass(frozen=True)
class Inputs:
    """The sources of a job as local files, voices in the order of the speakers."""

    image: Path
    voices: tuple[Path, ...]


def fetch_inputs(
    image: str, voices: tuple[str, ...], folder: Path, limits: FetchLimits, cancel: Cancellation
) -> Inputs:
    """Bring the portrait and every voice into `folder`, in parallel.

    Raises:
        WorkerError: IMAGE_UNAVAILABLE, AUDIO_UNAVAILABLE (naming the speaker), SOURCE_REFUSED,
            SOURCE_TOO_LARGE, CANCELLED.
    """
    downloads = _Downloads(cancel)
    with ThreadPoolExecutor(max_workers=1 + len(voices), thread_name_prefix="fetch") as pool:
        picture = pool.submit(_fetch, image, folder / "image.source", limits.image_bytes, limits.roots, downloads)
        sounds = [
            pool.submit(_fetch, source, folder / f"voice_{number}.source", limits.audio_bytes, limits.roots, downloads)
            for number, source in enumerate(voices, start=1)
        ]
        while wait([picture, *sounds], timeout=POLL_SECONDS).not_done:
            if cancel.cancelled:
                downloads.end()
    cancel.check()
    problem = picture.exception()
    if isinstance(problem, _UnavailableError):
        raise WorkerError(ErrorCode.IMAGE_UNAVAILABLE, f"The image could not be downloaded: {problem}")
    if isinstance(problem, WorkerError):
        raise WorkerError(problem.code, f"The image could not be taken: {problem.message}")
    voices_failed = {number: job.exception() for number, job in enumerate(sounds, start=1) if job.exception()}
    if voices_failed:
        raise _voices_failed(voices_failed, len(voices))
    return Inputs(picture.result(), tuple(job.result() for job in sounds))


def _voices_failed(failed: dict[int, BaseException | None], voices: int) -> BaseException:
    reasons, code = [], ErrorCode.AUDIO_UNAVAILABLE
    for number, problem in failed.items():
        if isinstance(problem, WorkerError):
            code = problem.code
        elif problem is not None and not isinstance(problem, _UnavailableError):
            return problem
        reasons.append(f"speaker {number}: {problem}")
    whole = len(failed) == voices
    begin = "No valid audio files could be downloaded" if whole else "Not every voice could be downloaded"
    return WorkerError(code, f"{begin}: {'; '.join(reasons)}")


class _Downloads:
    """The answers that are being read, so that a cancel can end reads that would wait for the next byte."""

    def __init__(self, cancel: Cancellation) -> None:
        self.cancel = cancel
        self._lock = threading.Lock()
        self._open: set[requests.Response] = set()

    @contextmanager
    def reading(self, answer: requests.Response) -> Iterator[None]:
        """Mark an answer as being read."""
        with self._lock:
            self._open.add(answer)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(answer)

    def end(self) -> None:
        """Let every read that waits end at once."""
        with self._lock:
            for answer in self._open:
                answer.raw.shutdown()


class _UnavailableError(Exception):
    """A source that could not be had; the text is for the caller."""


def _fetch(source: str, target: Path, most: int, roots: tuple[Path, ...], downloads: _Downloads) -> Path:
    named = SCHEME.match(source)
    scheme = named[1].lower() if named else ""
    if scheme in ("http", "https"):
        _download(source, target, most, downloads)
    elif scheme == "data":
        target.write_bytes(_data_uri(source, most))
    elif scheme:
        raise WorkerError(ErrorCode.SOURCE_REFUSED, "A source must be an http(s) URL, a data: URI or a path")
    else:
        _copy_file(source, target, most, roots)
    return target


def _download(url: str, target: Path, most: int, downloads: _Downloads) -> None:
    try:
        with requests.get(url, stream=True, timeout=TIMEOUTS, headers={"Accept-Encoding": "identity"}) as answer:
            if answer.status_code != requests.codes.ok:
                raise _UnavailableError(f"the server answered HTTP {answer.status_code}")
            with target.open("wb") as file, downloads.reading(answer):
                _copy_counted(answer, file, most, downloads.cancel)
    except requests.Timeout as error:
        raise _UnavailableError("the server did not answer in time") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        downloads.cancel.check()
        raise _UnavailableError("the server could not be reached, or the address is wrong") from error


def _copy_counted(answer: requests.Response, file: BinaryIO, most: int, cancel: Cancellation) -> None:
    received = 0
    for piece in answer.iter_content(CHUNK_BYTES):
        cancel.check()
        received += len(piece)
        if received > most:
            raise _too_large(most)
        file.write(piece)
    cancel.check()
    if received == 0:
        raise _UnavailableError("the server sent no bytes")


def _data_uri(source: str, most: int) -> bytes:
    head, comma, body = source.partition(",")
    if not comma:
        raise WorkerError(ErrorCode.SOURCE_REFUSED, "A data: URI needs a comma before its data")
    if len(body) > most * 3:
        raise _too_large(most)
    try:
        if head.lower().endswith(";base64"):
            data = base64.b64decode(urllib.parse.unquote_to_bytes(body), validate=True)
        else:
            data = urllib.parse.unquote_to_bytes(body)
    except (binascii.Error, UnicodeError) as error:
        raise WorkerError(ErrorCode.SOURCE_REFUSED, "A data: URI has broken base64") from error
    if len(data) > most:
        raise _too_large(most)
    return data


def _copy_file(source: str, target: Path, most: int, roots: tuple[Path, ...]) -> None:
    found = next((path for root in roots if (path := _below(source, root)) is not None), None)
    if found is None:
        raise WorkerError(
            ErrorCode.SOURCE_REFUSED, "A path must name an existing file below an input root of this worker"
        )
    if found.stat().st_size > most:
        raise _too_large(most)
    shutil.copyfile(found, target)


def _below(source: str, root: Path) -> Path | None:
    """The regular file that `source` names below `root`, links resolved, or None."""
    try:
        home = Path(os.path.realpath(root))
        path = Path(os.path.realpath(home / source))
        return path if path.is_relative_to(home) and path.is_file() else None
    except (OSError, ValueError):
        return None


def _too_large(most: int) -> WorkerError:
    return WorkerError(ErrorCode.SOURCE_TOO_LARGE, f"A source is larger than {most / 1e6:g} MB")
