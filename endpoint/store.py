"""Files of callers and of workers, in one folder of this machine whose path nobody is told.

uploads/ID/NAME     what a caller sends for a job; gone after a day
results/KEY         the workers' videos; they stay
keep/…              videos that could not be stored, and what workers remember of their jobs
"""

import re
import secrets
import shutil
import time
from collections.abc import AsyncIterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

from endpoint.limits import MEGABYTE
from endpoint.signing import signer_of

AREAS = {"uploads": "uploads", "results": "results", "kept": "keep"}  # in an address, and in the folder
KINDS = {  # what a browser may take a file for; never what it could run
    **dict.fromkeys(("jpg", "jpeg"), "image/jpeg"),
    **{kind: f"image/{kind}" for kind in ("png", "webp", "gif", "avif", "heic", "bmp", "tiff")},
    **{kind: f"audio/{kind}" for kind in ("wav", "ogg", "opus", "flac", "aac", "webm")},
    **{
        "mp3": "audio/mpeg",
        "m4a": "audio/mp4",
        "mp4": "video/mp4",
        "mov": "video/quicktime",
        "mkv": "video/x-matroska",
    },
}
OTHER_KIND = "application/octet-stream"
UNFINISHED = ".part"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class StoreError(Exception):
    """Refused; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class StoreLimits:
    """Bytes of one upload and of all together; seconds in which an upload must come, and until it is removed."""

    file_bytes: int = 500 * MEGABYTE
    all_bytes: int = 10_000 * MEGABYTE
    offer_seconds: int = 15 * 60
    keep_seconds: float = 24 * 3600.0


@dataclass(frozen=True)
class Offer:
    """Where a caller may put one file, and where it is read from afterwards: paths with their queries."""

    put: str
    get: str
    expires: int


class Store:
    """One folder, made when it is missing.

    Args:
        folder: for this endpoint alone.
        limits: of uploads.
    """

    def __init__(self, folder: Path, limits: StoreLimits | None = None) -> None:
        self.folder, self.limits = folder.absolute(), limits or StoreLimits()
        for inner in AREAS.values():
            (self.folder / inner).mkdir(parents=True, exist_ok=True)
        self.signer = signer_of(self.folder / "signing-key")
        self.tidy()

    @property
    def results(self) -> Path:
        """Where workers put their videos."""
        return self.folder / "results"

    @property
    def keep(self) -> Path:
        """Where workers keep what could not be stored."""
        return self.folder / "keep"

    def offer(self, name: str, size: int) -> Offer:
        """A place for one file of just this size.

        Raises:
            StoreError: 413 where it is larger than an upload may be, or than there is room for.
        """
        self.tidy()
        self._check_room(size)
        path = f"/files/uploads/{secrets.token_urlsafe(16)}/{_plain(name)}"
        expires = int(time.time()) + self.limits.offer_seconds
        query = f"expires={expires}&size={size}&signature={self.signer.sign('PUT', path, expires, size)}"
        return Offer(f"{path}?{query}", self.signed(path), expires)

    def signed(self, path: str) -> str:
        """The path, which begins with /files/, with the permission to read it."""
        return f"{path}?signature={self.signer.sign('GET', path)}"

    def address_of(self, file: str) -> str | None:
        """The path at which a file of this folder is read; None for any other one."""
        for area, inner in AREAS.items():
            root = f"{self.folder / inner}/"
            if file.startswith(root):
                return self.signed(f"/files/{area}/{quote(file.removeprefix(root))}")
        return None

    async def put(self, path: str, expires: int, size: int, signature: str, pieces: AsyncIterable[bytes]) -> None:
        """Take an upload.

        Raises:
            StoreError: 403 for an address that is not signed or has expired, 409 where it was used, 400 or 413 for
                another size.
        """
        if not self.signer.accepts(signature, "PUT", path, expires, size):
            raise StoreError(403, "this address was not signed for an upload")
        if expires < time.time():
            raise StoreError(403, "this address has expired: ask for another one")
        self._check_room(size)
        target = self._file(path)
        target.parent.mkdir(exist_ok=True)
        part = target.with_name(f"{target.name}{UNFINISHED}")
        try:
            if target.exists():
                raise FileExistsError
            with part.open("xb") as out:
                await _write(pieces, out, size)
            part.rename(target)
        except FileExistsError:
            raise StoreError(409, "this address takes one file, and has it") from None
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def find(self, path: str, signature: str) -> tuple[Path, str]:
        """The file at a signed path, and its media type. Raises StoreError 403 or 404."""
        if not self.signer.accepts(signature, "GET", path):
            raise StoreError(403, "this address was not signed for reading")
        file = self._file(path)
        if not file.is_file() or file.suffix == UNFINISHED:
            raise StoreError(404, "there is no such file, or no longer")
        return file, KINDS.get(file.suffix.lower().removeprefix("."), OTHER_KIND)

    def tidy(self) -> None:
        """Remove the uploads whose time is over."""
        oldest = time.time() - self.limits.keep_seconds
        for folder in (self.folder / "uploads").iterdir():
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def _check_room(self, size: int) -> None:
        if not 0 < size <= self.limits.file_bytes:
            most = self.limits.file_bytes / MEGABYTE
            raise StoreError(413, f"an upload has 1 byte to {most:g} MB, this one {size / MEGABYTE:.1f} MB")
        taken = sum(file.stat().st_size for file in (self.folder / "uploads").rglob("*") if file.is_file())
        if taken + size > min(self.limits.all_bytes, taken + shutil.disk_usage(self.folder).free):
            raise StoreError(413, "there is no room for it: older uploads go a day after they came")

    def _file(self, path: str) -> Path:
        """Of a path that was signed here. Raises StoreError 404 where it leads out of its area all the same."""
        _, _, area, inner = path.split("/", 3)
        root = (self.folder / AREAS[area]).resolve()
        file = (root / unquote(inner)).resolve()
        if root not in file.parents:
            raise StoreError(404, "there is no such file")
        return file


def _plain(name: str) -> str:
    """A name that can stand in an address as it is, with the kind of the file at its end."""
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", name.rsplit("/", 1)[-1]).strip(".-_")[-80:].lstrip(".-_")
    return short if NAME.fullmatch(short) and not short.endswith(UNFINISHED) else "file"


async def _write(pieces: AsyncIterable[bytes], out: BinaryIO, size: int) -> None:
    read = 0
    async for piece in pieces:
        read += len(piece)
        if read > size:
            raise StoreError(413, f"more than the {size} bytes that this address was signed for")
        out.write(piece)
    if read != size:
        raise StoreError(400, f"{read} bytes came of the {size} that this address was signed for")
