"""The files that a `Keeper` has below its folder: records of results, and finished videos that could not be stored.

Everything that touches the folder goes through its `Volume`: OSError tells that the folder takes or gives nothing,
TimeoutError that it does not answer.
"""

import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.folders import make_folder
from contract.unwritable import unwritable
from contract.volume import Pulse, Volume

log = logging.getLogger(__name__)

REMEMBERED_SECONDS = 7 * 24 * 3600.0  # as long as a presigned URL lives at most
PIECE_BYTES = 1 << 20
Look = Callable[[], None]


@dataclass(frozen=True)
class KeptFiles:
    """Below `folder`. `most_bytes`: kept videos above this sum end with the oldest; None: they stay for ever."""

    folder: Path
    volume: Volume
    most_bytes: int | None

    def check(self) -> None:
        """See that anything can be kept here. Raises OSError."""
        name = f".{uuid.uuid4().hex}"

        def probe(_pulse: Pulse) -> None:
            make_folder(self.folder)
            for folder in (self.folder, self.folder / "results", self.folder / "kept"):
                if folder.exists():
                    (folder / name).touch()
                    (folder / name).unlink()

        self.volume.do(probe)

    def blame(self, error: OSError) -> str:
        """What kept something from being kept here: which folder, for which user, and what mends it."""
        if isinstance(error, TimeoutError):
            return f"{self.folder}: {error.strerror}"
        path = Path(error.filename or self.folder)
        is_folder = path in (self.folder / "results", self.folder / "kept", self.folder, *self.folder.parents)
        return unwritable(path if is_folder else path.parent, error)

    def tidy(self) -> None:
        """Forget the results that no job asks for any more, and what a killed worker was about to write."""
        self.volume.do(self._tidy)

    def _tidy(self, pulse: Pulse) -> None:
        oldest = time.time() - REMEMBERED_SECONDS
        for path in (*self.folder.glob("results/*"), *self.folder.glob("kept/*.part")):
            pulse()
            with suppress(OSError):  # another worker of the endpoint may be at it too
                if path.stat().st_mtime < oldest and (path.suffix == ".part" or not self._keeps_video(path)):
                    path.unlink()
        self._bound(pulse)

    def _keeps_video(self, record: Path) -> bool:
        return (self.folder / "kept" / f"{record.stem}.mp4").exists()

    def _bound(self, pulse: Pulse, newest: Path | None = None) -> None:
        """Remove the oldest kept videos above `most_bytes`, but for the newest one."""
        if self.most_bytes is None:
            return
        videos = []
        for path in self.folder.glob("kept/*.mp4"):
            with suppress(OSError):
                videos.append((path != newest, -path.stat().st_mtime, path.stat().st_size, path))
        held = 0
        for is_other, _age, size, path in sorted(videos):
            pulse()
            held += size
            if is_other and held > self.most_bytes:
                log.warning("the kept video %s is removed: all kept ones have more than KEEP_MAX_GB", path.name)
                with suppress(OSError):
                    path.unlink()
                    (self.folder / "results" / f"{path.stem}.json").unlink()

    def record(self, job_id: str, look: Look) -> dict[str, Any] | None:
        """What was recorded of a job; None where nothing was, or the folder gives nothing. Raises what `look` does."""
        path = self._record_of(job_id)
        try:
            record = json.loads(self.volume.do(lambda _: path.read_text(encoding="utf-8"), look))
        except TimeoutError as error:
            log.error("earlier results could not be looked up in %s: %s", self.folder, error.strerror)
            return None
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def write(self, job_id: str, record: Mapping[str, Any], look: Look) -> None:
        """Record a result, in place of an earlier one. Raises OSError, and what `look` does."""
        path, part = self._record_of(job_id), self.folder / "results" / f"{uuid.uuid4().hex}.part"

        def write(pulse: Pulse) -> None:
            _make_shared(part.parent)
            part.write_text(json.dumps(record, allow_nan=False), encoding="utf-8")
            pulse()
            part.replace(path)

        self.volume.do(write, look)

    def kept(self, name: str, look: Look) -> Path | None:
        """The kept video of this name, if it is there. Raises what `look` does."""
        path = self.folder / "kept" / name
        try:
            return path if self.volume.do(lambda _: path.is_file(), look) else None
        except OSError:
            return None

    def keep(self, job_id: str, video: Path, look: Look) -> tuple[Path, int]:
        """Keep a video, and tell where and how many bytes. Raises OSError, and what `look` does."""
        path = self.folder / "kept" / f"{name_of(job_id)}.mp4"

        def store(pulse: Pulse) -> int:
            _make_shared(path.parent)
            if path != video:
                part = path.with_name(f"{uuid.uuid4().hex}.part")
                try:
                    _link_or_copy(video, part, pulse)
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
            self._bound(pulse, path)
            return path.stat().st_size

        return path, self.volume.do(store, look)

    def drop(self, video: Path) -> None:
        """Remove a kept video that is delivered now."""
        try:
            self.volume.do(lambda _: video.unlink(missing_ok=True))
        except OSError as error:
            log.warning("the kept video %s could not be removed: %s", video.name, error.strerror)

    def _record_of(self, job_id: str) -> Path:
        return self.folder / "results" / f"{name_of(job_id)}.json"


def _make_shared(folder: Path) -> None:
    """Make a folder that another worker's user, of the same group, can write to as well. Raises OSError."""
    if not folder.is_dir():
        make_folder(folder)
        with suppress(PermissionError):  # another worker was quicker, or the file system has no modes
            folder.chmod(0o2775)


def name_of(job_id: str) -> str:
    """A file name for a job id, whatever characters it has."""
    return hashlib.sha256(job_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _link_or_copy(video: Path, target: Path, pulse: Pulse) -> None:
    """On one disk the video needs no room of its own, which a full one would not have."""
    try:
        os.link(video, target)
    except OSError:
        with video.open("rb") as reader, target.open("wb") as writer:
            while piece := reader.read(PIECE_BYTES):
                pulse()
                writer.write(piece)
