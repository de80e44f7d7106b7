"""Videos in a folder, such as a network volume: each appears whole under its name, or not at all."""

import errno
import hashlib
import itertools
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from contract.folders import make_folder
from contract.unwritable import FULL, unwritable
from contract.volume import Pulse, Volume
from storage.base import StoredVideo, look_of

PIECE_BYTES = 1024 * 1024
SYNC_PIECES = 16  # pieces that a slow disk has to take before it is asked for a sign of life
UNFINISHED_SECONDS = 24 * 3600.0
BROKEN = (errno.EROFS, errno.EIO)


class LocalStorage:
    """Implements `Storage` with a folder of this machine.

    The URL is a `file://` URL, or below `base_url`, and does not expire. Nothing is ever written outside the folder.

    Args:
        folder: created when missing; may itself be a symbolic link.
        must_be_mount: for a folder on a network volume, where the volume is mounted. While nothing is mounted there
            the storage is STORAGE_MISCONFIGURED and nothing is created: the container's own disk would take the
            video and lose it.
        note: what callers should know of its URLs.
        base_url: where a server shows the folder; None: the URLs are file:// ones.
        volume: what the folder is on; where that does not answer, everything is STORAGE_FAILED.
    """

    def __init__(
        self,
        folder: Path,
        *,
        must_be_mount: Path | None = None,
        note: str | None = None,
        base_url: str | None = None,
        volume: Volume | None = None,
    ) -> None:
        self._folder = folder
        self._mount = must_be_mount
        self.note = note
        self._base_url = base_url
        self._volume = volume or Volume()

    def check(self, stage: Stage = Stage.START, cancel: Cancellation | None = None) -> None:
        """Create the folder if it is missing, then write and remove a one-byte file; what killed workers were about to
        store directly in it a day ago is removed too. Errors as `Storage.check`.
        """
        with _os_errors_as(ErrorCode.STORAGE_MISCONFIGURED, stage, "The storage folder cannot be written"):
            try:
                self._volume.do(lambda _: self._probe(stage), look_of(cancel))
            except TimeoutError:
                raise
            except OSError as error:
                if stage is Stage.START:
                    raise _not_taken(self._folder, error) from error
                raise

    def _probe(self, stage: Stage) -> None:
        self._look_for_mount(stage)
        make_folder(self._folder)
        _remove_unfinished(self._folder)
        probe = _temporary_in(self._folder)
        try:
            probe.write_bytes(b"\0")
        finally:
            probe.unlink(missing_ok=True)

    def put(self, video: Path, key: str, cancel: Cancellation) -> StoredVideo:
        """Copy `video` to folder/key in one visible step. Errors as `Storage.put`.

        A reader sees the former file or the new one, never a part. A key whose real place is not inside the folder is
        STORAGE_MISCONFIGURED: the contract refuses such keys, so a symbolic link in the folder leads away.
        """
        cancel.check()

        def store(pulse: Pulse) -> StoredVideo:
            self._look_for_mount(Stage.UPLOAD)
            target = self._confined(key)
            make_folder(target.parent)
            size, version = _copy_atomically(video, target, cancel, pulse)
            return StoredVideo(self._url(target), size, None, version, self.note)

        with _os_errors_as(ErrorCode.STORAGE_FAILED, Stage.UPLOAD, "The video could not be stored in the folder"):
            return self._volume.do(store, cancel.check)

    def find(self, key: str, size_bytes: int, cancel: Cancellation | None = None) -> StoredVideo | None:
        """Look for a file of this size at folder/key, and read it all. Errors as `Storage.find`."""
        with _os_errors_as(ErrorCode.STORAGE_FAILED, Stage.UPLOAD, "The storage folder could not be read"):
            return self._volume.do(lambda pulse: self._find(key, size_bytes, pulse), look_of(cancel))

    def _find(self, key: str, size_bytes: int, pulse: Pulse) -> StoredVideo | None:
        self._look_for_mount(Stage.UPLOAD)
        target, digest = self._confined(key), hashlib.sha256()
        try:
            found = target.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(found.st_mode) or found.st_size != size_bytes:
            return None
        with target.open("rb") as content:
            while piece := content.read(PIECE_BYTES):
                pulse()
                digest.update(piece)
        return StoredVideo(self._url(target), size_bytes, None, digest.hexdigest(), self.note)

    def _url(self, target: Path) -> str:
        if self._base_url is None:
            return target.as_uri()
        return f"{self._base_url.rstrip('/')}/{quote(target.relative_to(self._folder.resolve()).as_posix())}"

    def _look_for_mount(self, stage: Stage) -> None:
        if self._mount is None:
            return
        mount = self._mount.resolve()
        if not os.path.ismount(mount):
            message = f"no volume is mounted at {self._mount}"
        elif not self._folder.resolve().is_relative_to(mount):
            message = f"the storage folder is not on the volume at {self._mount}"
        else:
            return
        raise WorkerError(ErrorCode.STORAGE_MISCONFIGURED, message, stage=stage)

    def _confined(self, key: str) -> Path:
        root = self._folder.resolve()
        try:
            target = (root / key).resolve()
        except RuntimeError:  # how Python before 3.13 reports links that form a ring
            target = root
        if root not in target.parents:
            raise WorkerError(
                ErrorCode.STORAGE_MISCONFIGURED, "The key leads out of the storage folder.", stage=Stage.UPLOAD
            )
        return target


def _copy_atomically(source: Path, target: Path, cancel: Cancellation, pulse: Pulse) -> tuple[int, str]:
    """Returns the number of bytes written and their SHA-256. Leaves no temporary file, whatever happens."""
    temporary, digest = _temporary_in(target.parent), hashlib.sha256()
    try:
        with source.open("rb") as reader, temporary.open("xb") as writer:
            for number in itertools.count(1):
                piece = reader.read(PIECE_BYTES)
                cancel.check()
                pulse()
                writer.write(piece)
                digest.update(piece)
                if not piece or number % SYNC_PIECES == 0:
                    writer.flush()
                    # Without this a crash after the rename can leave an empty file under the final name.
                    os.fsync(writer.fileno())
                if not piece:
                    break
            size = writer.tell()
        cancel.check()
        pulse()
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return size, digest.hexdigest()


def _not_taken(folder: Path, error: OSError) -> WorkerError:
    """For whoever starts the worker: a fresh network volume belongs to root alone."""
    message = f"The storage folder cannot be written: {unwritable(folder, error)}"
    return WorkerError(ErrorCode.STORAGE_MISCONFIGURED, message, stage=Stage.START, detail=str(error))


def _remove_unfinished(folder: Path) -> None:
    oldest = time.time() - UNFINISHED_SECONDS
    for part in folder.glob(".*.part"):
        with suppress(FileNotFoundError):  # another worker removes it too
            if part.stat().st_mtime < oldest:
                part.unlink()


def _temporary_in(folder: Path) -> Path:
    # In the same folder, because a rename is atomic only within one file system. Not made with `tempfile`,
    # which would leave the video readable by its owner alone.
    return folder / f".{uuid.uuid4().hex}.part"


@contextmanager
def _os_errors_as(code: ErrorCode, stage: Stage, what: str) -> Iterator[None]:
    """Turns an OSError into a `WorkerError` that gives the system's reason, without the path."""
    try:
        yield
    except TimeoutError as error:
        message = f"{what}: {error.strerror}."
        raise WorkerError(ErrorCode.STORAGE_FAILED, message, stage=stage, elsewhere=True) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        # It was well at the start. A full one is full for every worker; one that takes nothing may be this machine's.
        later = stage is not Stage.START
        code = ErrorCode.STORAGE_FAILED if later and error.errno in FULL + BROKEN else code
        elsewhere = later and error.errno in BROKEN
        message, detail = f"{what}: {reason}.", f"{error}, by user {os.geteuid()} of group {os.getegid()}"
        raise WorkerError(code, message, stage=stage, detail=detail, elsewhere=elsewhere) from error
