"""Videos in a bucket of Amazon S3, or of anything that speaks its protocol (R2, GCS, MinIO, B2)."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from botocore.exceptions import ClientError

from contract.background import StoppedError, Task, next_ended, watched
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.base import StoredVideo, look_of
from storage.bucket import Bucket
from storage.guarded import Guard
from storage.multipart import MultipartUpload, Place, abort, begin
from storage.s3_client import RetryPolicy, S3Client
from storage.s3_config import S3Config
from storage.s3_errors import is_absent, is_forbidden
from storage.s3_urls import Held, ObjectUrls

__all__ = ["S3Config", "S3Storage"]

logger = logging.getLogger(__name__)

CHECK_KEY = "storage-check.mp4"
BRIEF = RetryPolicy(attempts=3, connect_seconds=5, answer_seconds=5)
URL_SECONDS = 6.0


class S3Storage:
    """Implements `Storage` with a bucket.

    The region and the addressing style that the store names are used from then on, also for the URLs. One byte of
    each URL is fetched as its reader would, without keys.

    Args:
        config: the bucket.
        attempts: how often each request of `put` is made in all before it fails; the pauses double from 50 ms on, so
            that the default bridges about ten seconds. `check` and `find` make at most three.
        answer_seconds: how long `put` waits for each answer; at most 5 for `check` and `find`.
        check_seconds: how long `check` and `find` take at most in all; for a URL that does not open at once, longer.
        url_seconds: how long a URL may take until it opens; at a public address, which may be behind a content
            delivery network, 2.5 times as long.
        check_urls: whether URLs are tried.
        guard: judges the endpoint, on every connection, and makes them; None: any place will do.
    """

    note: str | None = None

    def __init__(
        self,
        config: S3Config,
        *,
        attempts: int = 10,
        answer_seconds: float = 60,
        check_seconds: float = 20,
        url_seconds: float = URL_SECONDS,
        check_urls: bool = True,
        guard: Guard | None = None,
    ) -> None:
        self._bucket = Bucket(config, guard)
        self._policy = RetryPolicy(attempts, connect_seconds=10, answer_seconds=answer_seconds)
        self._brief = RetryPolicy(
            min(attempts, BRIEF.attempts), BRIEF.connect_seconds, min(answer_seconds, BRIEF.answer_seconds)
        )
        self._check_seconds = check_seconds
        self._urls = ObjectUrls(self._bucket, self._brief, url_seconds if check_urls else 0, checks=check_urls)
        self._has_opened = False

    def check(self, stage: Stage = Stage.START, cancel: Cancellation | None = None) -> None:
        """Begin a multipart upload under the prefix and abort it. Errors as `Storage.check`.

        HeadBucket cannot serve: its answer has no body, so that an unknown key, a bad signature and a key that may
        only write are all one 403. Beginning an upload needs exactly the right that `put` needs, and is answered with
        the reason. A key that may begin but not abort passes; the empty upload then stays, unbilled, until the
        bucket's lifecycle ends it.

        At the START an object of one byte is then stored, read by its URL and deleted; STORAGE_MISCONFIGURED if the
        URL does not open. For a bucket that a job brings, this is done where the URL of a missing object does not tell
        enough. A key that may not delete leaves this one object.
        """
        place, tries_url = self._place(CHECK_KEY), threading.Event()

        def look(stop: threading.Event) -> None:
            def work(client: S3Client) -> None:
                abort(client, place, begin(client, place, stage))
                if not self._has_opened:
                    tries_url.set()
                    self._urls.try_before(client, place, stage, stop)

            self._bucket.using(self._brief, stage, stop, work)
            self._has_opened = True

        watched(look, self._time_limit(stage, cancel, tries_url))

    def put(self, video: Path, key: str, cancel: Cancellation) -> StoredVideo:
        """Upload as video/mp4 in parallel parts of 8 MiB, compare the sizes, and open the URL. Errors as `Storage.put`.

        After a cancel, or a fault, the upload is aborted, at most one second later. Where the storage is silent just
        then, that goes on in the background and the log tells if it fails. A video that became whole in the very
        moment of the cancel is deleted again; one that was there before under the key is then gone too. One whose URL
        does not open stays.
        """
        cancel.check()
        return watched(lambda stop: self._store(video, self._place(key), stop), cancel.check)

    def find(self, key: str, size_bytes: int, cancel: Cancellation | None = None) -> StoredVideo | None:
        """Ask with HeadObject. Errors as `Storage.find`.

        Amazon answers 403 for an object that is not there if the key may not list the bucket: that cannot be told
        from a refusal, and is STORAGE_MISCONFIGURED. A bucket that does not exist reads as a missing object.
        """
        place = self._place(key)

        def look_up(client: S3Client) -> StoredVideo | None:
            try:
                told = client.head_object(Bucket=place.bucket, Key=place.key)
            except ClientError as error:
                if is_absent(error):
                    return None
                raise
            if told.get("ContentLength") != size_bytes:
                return None
            return self._urls.of(client, Held(place, size_bytes, b"", _version(told.get("ETag"))))

        return watched(
            lambda stop: self._bucket.using(self._brief, Stage.UPLOAD, stop, look_up),
            self._time_limit(Stage.UPLOAD, cancel),
        )

    def _store(self, video: Path, place: Place, stop: threading.Event) -> StoredVideo:
        def work(client: S3Client) -> StoredVideo:
            size = video.stat().st_size
            upload = MultipartUpload(client, lambda: self._bucket.open(self._brief, Stage.UPLOAD), place, stop)
            upload.send(video, size)
            try:
                return self._confirm(client, place, video, stop)
            except StoppedError:
                upload.delete()
                raise

        return self._bucket.using(self._policy, Stage.UPLOAD, stop, work)

    def _confirm(self, client: S3Client, place: Place, video: Path, stop: threading.Event) -> StoredVideo:
        """Raises StoppedError, also while the storage is silent."""

        def ask() -> StoredVideo:
            size, first = _size_and_first_byte(video)
            held = Held(place, size, first, self._compare_size(client, place, size))
            return self._urls.opened(client, held, Stage.UPLOAD, stop)

        def look() -> None:
            if stop.is_set():
                raise StoppedError

        ended: SimpleQueue[Task[StoredVideo]] = SimpleQueue()
        Task(ask, ended).start()
        stored = next_ended(ended, look).result()
        look()
        return stored

    def _place(self, key: str) -> Place:
        config = self._bucket.config
        prefix, key = config.key_prefix.strip("/"), key.lstrip("/")
        return Place(config.bucket, f"{prefix}/{key}" if prefix else key)

    def _time_limit(
        self, stage: Stage, cancel: Cancellation | None, tries_url: threading.Event | None = None
    ) -> Callable[[], None]:
        """Raises STORAGE_FAILED when `check_seconds` are over, and the URL's own once `tries_url` is set; what
        `cancel.check` raises."""
        begun, heard = monotonic(), look_of(cancel)

        def look() -> None:
            heard()
            seconds = self._check_seconds + (self._urls.seconds if tries_url and tries_url.is_set() else 0)
            if monotonic() > begun + seconds:
                message = f"The storage of bucket {self._bucket.config.bucket!r} did not answer within {seconds:g} s."
                raise WorkerError(ErrorCode.STORAGE_FAILED, message, stage=stage)

        return look

    def _compare_size(self, client: S3Client, place: Place, size: int) -> str | None:
        """The stored object's version. Raises STORAGE_FAILED if it is not `size` bytes long."""
        try:
            told = client.head_object(Bucket=place.bucket, Key=place.key)
        except ClientError as error:
            # A key that may only write is fine where readers come without a signature. It is not for presigned
            # URLs: they carry the rights of the key that signed them, and this one could not be opened.
            if not (is_forbidden(error) and self._bucket.config.public_base_url):
                raise
            logger.warning("the storage key may not read: the size of the stored video was not compared")
            return None
        stored = told.get("ContentLength")
        if stored != size:
            held = "an unknown number" if stored is None else stored
            raise WorkerError(
                ErrorCode.STORAGE_FAILED, f"The storage holds {held} of the video's {size} bytes.", stage=Stage.UPLOAD
            )
        return _version(told.get("ETag"))


def _size_and_first_byte(video: Path) -> tuple[int, bytes]:
    with video.open("rb") as file:
        return os.fstat(file.fileno()).st_size, file.read(1)


def _version(tag: str | None) -> str | None:
    """An ETag without its quotes: a server in between may call it a weak one."""
    return tag.removeprefix("W/").strip('"') or None if tag else None
