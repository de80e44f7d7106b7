"""Sees to it that a finished video is never both deleted and undelivered.

What is stored is remembered under the job's id, so that the same job, sent again, gets its result and costs no
second generation. What could not be stored is kept: on the volume, else inside the reply, else on this worker.
"""

import base64
import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.cancel import Cancellation
from contract.errors import ErrorCode, KeptVideo, Stage, WorkerError
from storage.base import Storage, StoredVideo

log = logging.getLogger(__name__)

REMEMBERED_SECONDS = 7 * 24 * 3600.0  # as long as a presigned URL lives at most
CARRIED = "this job was done before: its stored result is returned"
DELIVERED_LATE = "this job was done before: its video, which could not be stored then, was stored now"


@dataclass(frozen=True)
class Delivery:
    """A finished video on its way to the storage.

    Attributes:
        job_id: of the job that made it.
        fingerprint: of everything the caller sent with it (`fingerprint_of`).
        key: its name at the storage.
        video: the file.
        reply: the job's reply as JSON, as far as it does not depend on the place.
        lasting_url: whether the URL is part of the record: where the storage cannot be asked again.
    """

    job_id: str
    fingerprint: str
    key: str
    video: Path
    reply: Mapping[str, Any]
    lasting_url: bool = False


@dataclass(frozen=True)
class Keeper:
    """Keeps below `folder`, on the network volume where `on_volume`; videos of up to `inline_bytes` go into the reply
    where there is no volume. `remembers` false: nothing is recalled (job ids that are not unique). `fallback` is asked
    where `folder` takes nothing, such as a volume that is full. Without a volume, the oldest kept videos end where all
    of them have more than `kept_bytes`: the disk is needed for jobs, and what it holds ends with the worker anyway."""

    folder: Path
    on_volume: bool
    inline_bytes: int
    remembers: bool = True
    fallback: "Keeper | None" = None
    kept_bytes: int = 2_000_000_000

    def tidy(self) -> None:
        """Forget the results that no job asks for any more, and what a killed worker was about to write. Kept videos
        stay, on a volume: they are the only copy."""
        oldest = time.time() - REMEMBERED_SECONDS
        for path in (*self.folder.glob("results/*"), *self.folder.glob("kept/*.part")):
            with suppress(OSError):  # another worker of the endpoint may be at it too
                if path.stat().st_mtime < oldest and (path.suffix == ".part" or not self._keeps_video(path)):
                    path.unlink()
        self._bound()

    def _bound(self, newest: Path | None = None) -> None:
        """Remove the oldest kept videos above `kept_bytes`, but for the newest one, unless a volume holds them."""
        if self.on_volume:
            return
        videos = []
        for path in self.folder.glob("kept/*.mp4"):
            with suppress(OSError):
                videos.append((path != newest, -path.stat().st_mtime, path.stat().st_size, path))
        held = 0
        for is_other, _age, size, path in sorted(videos):
            held += size
            if is_other and held > self.kept_bytes:
                log.warning("the kept video %s is removed: all kept ones have more than KEEP_MAX_GB", path.name)
                with suppress(OSError):
                    path.unlink()
                    (self.folder / "results" / f"{path.stem}.json").unlink()

    def can_write(self) -> bool:
        """Whether anything can be kept here."""
        probe = self.folder / f".{uuid.uuid4().hex}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError:
            return False
        return True

    def _keeps_video(self, record: Path) -> bool:
        return (self.folder / "kept" / f"{record.stem}.mp4").exists()

    def recall_without_storage(self, job_id: str, fingerprint: str) -> dict[str, Any] | None:
        """The reply of this very job, if it was delivered to a place that cannot be asked again (`lasting_url`)."""
        record = self._record(job_id) if self.remembers else None
        if record is None or record.get("job") != fingerprint:
            return self.fallback.recall_without_storage(job_id, fingerprint) if self.fallback else None
        url = record.get("url")
        return _with_place(record["reply"], StoredVideo(url, record["size"], None), CARRIED) if url else None

    def recall(self, job_id: str, fingerprint: str, storage: Storage, cancel: Cancellation) -> dict[str, Any] | None:
        """The reply of this very job, if it was finished before and its video is still there.

        A video that was kept is delivered now. Raises what `Storage.find` and `Storage.put` raise.
        """
        record = self._record(job_id) if self.remembers else None
        reply = None
        if record is not None and record.get("job") == fingerprint:
            reply = self._recall_recorded(job_id, record, storage, cancel)
        if reply is None and self.fallback is not None:
            reply = self.fallback.recall(job_id, fingerprint, storage, cancel)
        return reply

    def _recall_recorded(
        self, job_id: str, record: dict[str, Any], storage: Storage, cancel: Cancellation
    ) -> dict[str, Any] | None:
        kept = record.get("kept")
        if kept is not None:
            return self._deliver_kept(job_id, record, storage, cancel)
        stored = _found(storage, record["key"], record["size"])
        if stored is None or _is_another(stored.version, record.get("version")):
            return None
        return _with_place(record["reply"], stored, CARRIED)

    def with_kept_video(self, job_id: str, fingerprint: str, error: WorkerError) -> WorkerError:
        """The error that keeps this very job from its storage, with the place where its video is kept, if it is."""
        record = self._record(job_id) if self.remembers else None
        if record is None or record.get("job") != fingerprint:
            return self.fallback.with_kept_video(job_id, fingerprint, error) if self.fallback else error
        video = self.folder / "kept" / str(record.get("kept"))
        if not video.is_file():
            return error
        message = f"{error.message.rstrip('.')}; the video of this job is finished, and kept as {video.name}"
        kept = KeptVideo(path=str(video))
        return WorkerError(
            error.code, message, stage=error.stage, detail=error.detail, kept=kept, elsewhere=error.elsewhere
        )

    def deliver(self, delivery: Delivery, storage: Storage, cancel: Cancellation) -> dict[str, Any]:
        """Store the video, remember the result, and return the whole reply.

        Raises:
            WorkerError: CANCELLED, or what `Storage.put` raised, with `kept` saying where the video is.
        """
        with ExitStack() as unexpected:
            unexpected.callback(self._store_away, delivery)  # the edge will tell of a defect, but the only copy stays
            try:
                stored = storage.put(delivery.video, delivery.key, cancel)
            except WorkerError as error:
                unexpected.pop_all()
                if error.code is ErrorCode.CANCELLED:
                    raise
                raise self._keep(delivery, error) from error
            unexpected.pop_all()
        url = stored.url if delivery.lasting_url else None
        self._remember(delivery, {"size": stored.size_bytes, "version": stored.version, "url": url})
        return _with_place(delivery.reply, stored)

    def _deliver_kept(
        self, job_id: str, record: dict[str, Any], storage: Storage, cancel: Cancellation
    ) -> dict[str, Any] | None:
        video = self.folder / "kept" / record["kept"]
        if not video.is_file():
            return None
        lasting = bool(record.get("lasting_url"))
        delivery = Delivery(job_id, record["job"], record["key"], video, record["reply"], lasting)
        reply = self.deliver(delivery, storage, cancel)
        video.unlink(missing_ok=True)
        return {**reply, "warnings": [*reply["warnings"], DELIVERED_LATE]}

    def _keep(self, delivery: Delivery, error: WorkerError) -> WorkerError:
        kept, where = self._save(delivery)
        code = ErrorCode.STORAGE_FAILED if error.code is ErrorCode.DEADLINE_EXCEEDED else error.code
        message = f"The video is finished but could not be stored: {error.message.rstrip('.')}; {where}"
        return WorkerError(code, message, stage=Stage.UPLOAD, detail=error.detail, kept=kept, elsewhere=error.elsewhere)

    def _save(self, delivery: Delivery) -> tuple[KeptVideo | None, str]:
        """Where the video is from now on, and that in words."""
        if not self.on_volume and delivery.video.stat().st_size <= self.inline_bytes:
            inline = base64.b64encode(delivery.video.read_bytes()).decode()
            return KeptVideo(base64=inline), "it is in video_base64 of this reply"
        try:
            path = self._store_away(delivery)
        except OSError as full:
            log.error("the video could not be kept in %s: %s", self.folder, full.strerror)
            return self.fallback._save(delivery) if self.fallback else (None, "it could not be kept either")
        place = "the volume" if self.on_volume else "this worker's own disk, which ends with the worker"
        return KeptVideo(path=str(path)), f"it is kept on {place} as {path.name}; send the same job id again"

    def _store_away(self, delivery: Delivery) -> Path:
        folder = _shared(self.folder / "kept")
        path = folder / f"{_name(delivery.job_id)}.mp4"
        if path != delivery.video:
            part = folder / f"{uuid.uuid4().hex}.part"
            try:
                _link_or_copy(delivery.video, part)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        self._remember(delivery, {"size": path.stat().st_size, "kept": path.name})
        self._bound(path)
        return path

    def _remember(self, delivery: Delivery, facts: Mapping[str, Any]) -> None:
        if not self.remembers:
            return
        about = {
            "job": delivery.fingerprint,
            "key": delivery.key,
            "lasting_url": delivery.lasting_url,
            "reply": delivery.reply,
        }
        folder = self.folder / "results"
        path = folder / f"{_name(delivery.job_id)}.json"
        part = folder / f"{uuid.uuid4().hex}.part"
        try:
            _shared(folder)
            part.write_text(json.dumps({**about, **facts}, allow_nan=False), encoding="utf-8")
            part.replace(path)
        except OSError as error:
            log.warning("the result could not be remembered: %s", error.strerror)

    def _record(self, job_id: str) -> dict[str, Any] | None:
        path = self.folder / "results" / f"{_name(job_id)}.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None


def _shared(folder: Path) -> Path:
    """Make a folder that another worker's user, of the same group, can write to as well. Raises OSError."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o2775)
    return folder


def _link_or_copy(video: Path, target: Path) -> None:
    """On one disk the video needs no room of its own, which a full one would not have."""
    try:
        os.link(video, target)
    except OSError:
        shutil.copyfile(video, target)


def _found(storage: Storage, key: str, size: int) -> StoredVideo | None:
    """The stored video, or None where the key may not ask: Amazon says so of a missing object to keys that may not
    list."""
    try:
        return storage.find(key, size)
    except WorkerError as error:
        if error.code is not ErrorCode.STORAGE_MISCONFIGURED:
            raise
        log.warning("an earlier result could not be looked up: %s", error.message)
        return None


def _is_another(found: str | None, stored: object) -> bool:
    """Whether the video at a place is not the one that was stored there; False where that cannot be told."""
    return found is not None and stored is not None and found != stored


def fingerprint_of(*parts: object) -> str:
    """Of plain JSON values: equal for equal values, and tells nothing of them."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _name(job_id: str) -> str:
    """A file name for a job id, whatever characters it has."""
    return hashlib.sha256(job_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _with_place(reply: Mapping[str, Any], stored: StoredVideo, warning: str | None = None) -> dict[str, Any]:
    expires = stored.expires_at.isoformat() if stored.expires_at else None
    warnings = [*reply["warnings"], *(told for told in (stored.note, warning) if told)]
    return {**reply, "output_video_url": stored.url, "expires_at": expires, "warnings": warnings}
