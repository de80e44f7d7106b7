"""Sees to it that a finished video is never both deleted and undelivered.

What is stored is remembered under the job's id, so that the same job, sent again, gets its result and costs no
second generation. What could not be stored is kept: on the volume, else inside the reply, else on this worker.
"""

import base64
import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from contract.background import beside
from contract.cancel import Cancellation
from contract.errors import ErrorCode, KeptVideo, Stage, WorkerError
from contract.volume import Volume
from job.kept_files import KeptFiles
from storage.base import Storage, StoredVideo

log = logging.getLogger(__name__)

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
    of them have more than `kept_bytes`: the disk is needed for jobs, and what it holds ends with the worker anyway.
    `volume` is what `folder` is on: one that does not answer takes nothing and gives nothing."""

    folder: Path
    on_volume: bool
    inline_bytes: int
    remembers: bool = True
    fallback: "Keeper | None" = None
    kept_bytes: int = 2_000_000_000
    volume: Volume = field(default_factory=Volume)

    @property
    def _files(self) -> KeptFiles:
        return KeptFiles(self.folder, self.volume, None if self.on_volume else self.kept_bytes)

    def tidy(self) -> None:
        """Forget the results that no job asks for any more, and what a killed worker was about to write. Kept videos
        stay, on a volume: they are the only copy."""
        try:
            self._files.tidy()
        except OSError as error:
            log.error("%s could not be tidied: %s", self.folder, error.strerror)

    def fault(self) -> str:
        """Why nothing can be kept here, with the folder, the user and the remedy; empty where something can."""
        try:
            self._files.check()
        except OSError as error:
            return self._files.blame(error)
        return ""

    def recall_without_storage(self, job_id: str, fingerprint: str, cancel: Cancellation) -> dict[str, Any] | None:
        """The reply of this very job, if it was delivered to a place that cannot be asked again (`lasting_url`)."""
        record = self._record(job_id, cancel)
        if record is None or record.get("job") != fingerprint:
            return self.fallback.recall_without_storage(job_id, fingerprint, cancel) if self.fallback else None
        url = record.get("url")
        return _with_place(record["reply"], StoredVideo(url, record["size"], None), CARRIED) if url else None

    def knows(self, job_id: str, fingerprint: str, cancel: Cancellation) -> bool:
        """Whether this very job was finished before."""
        record = self._record(job_id, cancel)
        if record is not None and record.get("job") == fingerprint:
            return True
        return self.fallback is not None and self.fallback.knows(job_id, fingerprint, cancel)

    def recall(self, job_id: str, fingerprint: str, storage: Storage, cancel: Cancellation) -> dict[str, Any] | None:
        """The reply of this very job, if it was finished before and its video is still there.

        A video that was kept is delivered now. Raises what `Storage.find` and `Storage.put` raise.
        """
        record = self._record(job_id, cancel)
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
        stored = _found(storage, record["key"], record["size"], cancel)
        if stored is None or _is_another(stored.version, record.get("version")):
            return None
        return _with_place(record["reply"], stored, CARRIED)

    def with_kept_video(self, job_id: str, fingerprint: str, error: WorkerError, cancel: Cancellation) -> WorkerError:
        """The error that keeps this very job from its storage, with the place where its video is kept, if it is."""
        record = self._record(job_id, cancel)
        if record is None or record.get("job") != fingerprint:
            return self.fallback.with_kept_video(job_id, fingerprint, error, cancel) if self.fallback else error
        video = self._files.kept(str(record.get("kept")), cancel.check)
        if video is None:
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
            # The edge will tell of a defect, but the only copy stays.
            unexpected.callback(self._store_away, delivery, cancel)
            try:
                stored = storage.put(delivery.video, delivery.key, cancel)
            except WorkerError as error:
                unexpected.pop_all()
                if error.code is ErrorCode.CANCELLED:
                    raise
                raise self._keep(delivery, error, cancel) from error
            unexpected.pop_all()
        url = stored.url if delivery.lasting_url else None
        self._remember(delivery, {"size": stored.size_bytes, "version": stored.version, "url": url}, cancel)
        return _with_place(delivery.reply, stored)

    def _deliver_kept(
        self, job_id: str, record: dict[str, Any], storage: Storage, cancel: Cancellation
    ) -> dict[str, Any] | None:
        video = self._files.kept(record["kept"], cancel.check)
        if video is None:
            return None
        lasting = bool(record.get("lasting_url"))
        delivery = Delivery(job_id, record["job"], record["key"], video, record["reply"], lasting)
        reply = self.deliver(delivery, storage, cancel)
        self._files.drop(video)
        return {**reply, "warnings": [*reply["warnings"], DELIVERED_LATE]}

    def _keep(self, delivery: Delivery, error: WorkerError, cancel: Cancellation) -> WorkerError:
        kept, where = self._save(delivery, cancel)
        code = ErrorCode.STORAGE_FAILED if error.code is ErrorCode.DEADLINE_EXCEEDED else error.code
        message = f"The video is finished but could not be stored: {error.message.rstrip('.')}; {where}"
        return WorkerError(code, message, stage=Stage.UPLOAD, detail=error.detail, kept=kept, elsewhere=error.elsewhere)

    def _save(self, delivery: Delivery, cancel: Cancellation) -> tuple[KeptVideo | None, str]:
        """Where the video is from now on, and that in words."""
        if not self.on_volume and delivery.video.stat().st_size <= self.inline_bytes:
            inline = base64.b64encode(delivery.video.read_bytes()).decode()
            return KeptVideo(base64=inline), "it is in video_base64 of this reply"
        try:
            path = self._store_away(delivery, cancel)
        except OSError as full:
            log.error("the video could not be kept in %s: %s", self.folder, self._files.blame(full))
            return self.fallback._save(delivery, cancel) if self.fallback else (None, "it could not be kept either")
        place = "the volume" if self.on_volume else "this worker's own disk, which ends with the worker"
        return KeptVideo(path=str(path)), f"it is kept on {place} as {path.name}; send the same job id again"

    def _store_away(self, delivery: Delivery, cancel: Cancellation) -> Path:
        # The time for the delivery may be over; a cancel may not have come.
        path, size = self._files.keep(delivery.job_id, delivery.video, cancel.check_wish)
        self._remember(delivery, {"size": size, "kept": path.name}, cancel)
        return path

    def _remember(self, delivery: Delivery, facts: Mapping[str, Any], cancel: Cancellation) -> None:
        """Where this fails, the result goes out all the same."""
        if not self.remembers:
            return
        about = {
            "job": delivery.fingerprint,
            "key": delivery.key,
            "lasting_url": delivery.lasting_url,
            "reply": delivery.reply,
        }
        try:
            self._files.write(delivery.job_id, {**about, **facts}, cancel.check_wish)
        except OSError as error:
            log.warning("the result could not be remembered: %s", self._files.blame(error))

    def _record(self, job_id: str, cancel: Cancellation) -> dict[str, Any] | None:
        return self._files.record(job_id, cancel.check) if self.remembers else None


def recalled(
    job_id: str, fingerprint: str, storage: Storage, keeper: Keeper, cancel: Cancellation, *, look: bool
) -> dict[str, Any] | None:
    """The reply of this very job where it was done before; else None.

    Raises:
        WorkerError: where the storage cannot be used: always with `look`, else where the job was done before.
    """
    delivered = keeper.recall_without_storage(job_id, fingerprint, cancel)  # whose place may have expired since
    if delivered is not None or not (look or keeper.knows(job_id, fingerprint, cancel)):
        return delivered
    try:
        storage.check(Stage.VALIDATE, cancel)
    except WorkerError as error:
        raise keeper.with_kept_video(job_id, fingerprint, error, cancel) from error
    return keeper.recall(job_id, fingerprint, storage, cancel)


@contextmanager
def looking_at(storage: Storage | None, cancel: Cancellation) -> Iterator[None]:
    """While the `with` block runs, see whether this storage can be used, where there is one. What is wrong with it is
    told before what was wrong in the block."""
    if storage is None:
        yield
        return
    with beside(partial(storage.check, Stage.VALIDATE, cancel)) as seen:
        try:
            yield
        finally:
            seen()


def _found(storage: Storage, key: str, size: int, cancel: Cancellation) -> StoredVideo | None:
    """The stored video, or None where the key may not ask: Amazon says so of a missing object to keys that may not
    list."""
    try:
        return storage.find(key, size, cancel)
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


def _with_place(reply: Mapping[str, Any], stored: StoredVideo, warning: str | None = None) -> dict[str, Any]:
    expires = stored.expires_at.isoformat() if stored.expires_at else None
    warnings = [*reply["warnings"], *(told for told in (stored.note, warning) if told)]
    return {**reply, "output_video_url": stored.url, "expires_at": expires, "warnings": warnings}
