"""Videos in a bucket of Amazon S3, or of anything that speaks its protocol (R2, GCS, MinIO, B2)."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from urllib.parse import parse_qs, quote, urlsplit

from botocore.exceptions import ClientError

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.background import StoppedError, Task, next_ended, watched
from storage.base import StoredVideo
from storage.guarded import Guard
from storage.multipart import MultipartUpload, Place, abort, begin
from storage.s3_client import RetryPolicy, S3Client, S3Config, open_client
from storage.s3_errors import is_absent, is_forbidden, storage_errors

__all__ = ["S3Config", "S3Storage"]

logger = logging.getLogger(__name__)

CHECK_KEY = "storage-check.mp4"
BRIEF = RetryPolicy(attempts=3, connect_seconds=5, answer_seconds=5)


class S3Storage:
    """Implements `Storage` with a bucket.

    A client is opened for each call: a worker may be frozen between two jobs (FlashBoot), and must wake up with
    neither dead connections nor old temporary credentials.

    Args:
        config: the bucket.
        attempts: how often each request of `put` is made in all before it fails; the pauses double from 50 ms on, so
            that the default bridges about ten seconds. `check` and `find` make at most three.
        answer_seconds: how long `put` waits for each answer; at most 5 for `check` and `find`.
        check_seconds: how long `check` and `find` take at most in all.
        guard: judges the endpoint, on every connection, and makes them; None: any place will do.
    """

    def __init__(
        self,
        config: S3Config,
        *,
        attempts: int = 10,
        answer_seconds: float = 60,
        check_seconds: float = 20,
        guard: Guard | None = None,
    ) -> None:
        self._config = config
        self._policy = RetryPolicy(attempts, connect_seconds=10, answer_seconds=answer_seconds)
        self._brief = RetryPolicy(
            min(attempts, BRIEF.attempts), BRIEF.connect_seconds, min(answer_seconds, BRIEF.answer_seconds)
        )
        self._check_seconds = check_seconds
        self._guard = guard

    def check(self, stage: Stage = Stage.START) -> None:
        """Begin a multipart upload under the prefix and abort it. Errors as `Storage.check`.

        HeadBucket cannot serve: its answer has no body, so that an unknown key, a bad signature and a key that may
        only write are all one 403. Beginning an upload needs exactly the right that `put` needs, is answered with
        the reason, and never makes an object visible: no version, no event, nothing for readers to find. A key that
        may begin but not abort passes; the empty upload then stays, unbilled, until the bucket's lifecycle ends it.
        """
        place = self._place(CHECK_KEY)

        def begin_and_abort(stop: threading.Event) -> None:
            with storage_errors(place.bucket, stage), closing(self._open(self._brief, stage, stop)) as client:
                abort(client, place, begin(client, place, stage))

        watched(begin_and_abort, self._time_limit(stage))

    def put(self, video: Path, key: str, cancel: Cancellation) -> StoredVideo:
        """Upload as video/mp4 in parallel parts of 8 MiB, and compare the sizes. Errors as `Storage.put`.

        After a cancel, or a fault, the upload is aborted, at most one second later. Where the storage is silent just
        then, that goes on in the background and the log tells if it fails. A video that became whole in the very
        moment of the cancel is deleted again; one that was there before under the key is then gone too.
        """
        cancel.check()
        return watched(lambda stop: self._store(video, self._place(key), stop), cancel.check)

    def find(self, key: str, size_bytes: int) -> StoredVideo | None:
        """Ask with HeadObject. Errors as `Storage.find`.

        Amazon answers 403 for an object that is not there if the key may not list the bucket: that cannot be told
        from a refusal, and is STORAGE_MISCONFIGURED. A bucket that does not exist reads as a missing object.
        """
        place = self._place(key)

        def look_up(stop: threading.Event) -> StoredVideo | None:
            client_of_find = self._open(self._brief, Stage.UPLOAD, stop)
            with storage_errors(place.bucket, Stage.UPLOAD), closing(client_of_find) as client:
                try:
                    size = client.head_object(Bucket=place.bucket, Key=place.key).get("ContentLength")
                except ClientError as error:
                    if is_absent(error):
                        return None
                    raise
                return self._stored(client, place, size_bytes) if size == size_bytes else None

        return watched(look_up, self._time_limit(Stage.UPLOAD))

    def _store(self, video: Path, place: Place, stop: threading.Event) -> StoredVideo:
        client_of_put = self._open(self._policy, Stage.UPLOAD, stop)
        with storage_errors(place.bucket, Stage.UPLOAD), closing(client_of_put) as client:
            size = video.stat().st_size
            upload = MultipartUpload(client, lambda: self._open(self._brief, Stage.UPLOAD), place, stop)
            upload.send(video, size)
            try:
                return self._confirm(client, place, size, stop)
            except StoppedError:
                upload.delete()
                raise

    def _confirm(self, client: S3Client, place: Place, size: int, stop: threading.Event) -> StoredVideo:
        """Raises StoppedError, also while the storage is silent."""

        def ask() -> StoredVideo:
            self._compare_size(client, place, size)
            return self._stored(client, place, size)

        def look() -> None:
            if stop.is_set():
                raise StoppedError

        ended: SimpleQueue[Task[StoredVideo]] = SimpleQueue()
        Task(ask, ended).start()
        stored = next_ended(ended, look).result()
        look()
        return stored

    def _open(self, policy: RetryPolicy, stage: Stage, stop: threading.Event | None = None) -> S3Client:
        return open_client(self._config, policy, stage, stop, self._guard)

    def _place(self, key: str) -> Place:
        prefix, key = self._config.key_prefix.strip("/"), key.lstrip("/")
        return Place(self._config.bucket, f"{prefix}/{key}" if prefix else key)

    def _time_limit(self, stage: Stage) -> Callable[[], None]:
        latest = monotonic() + self._check_seconds

        def look() -> None:
            if monotonic() > latest:
                message = (
                    f"The storage of bucket {self._config.bucket!r} did not answer within {self._check_seconds} s."
                )
                raise WorkerError(ErrorCode.STORAGE_FAILED, message, stage=stage)

        return look

    def _stored(self, client: S3Client, place: Place, size: int) -> StoredVideo:
        if self._config.public_base_url:
            url = f"{self._config.public_base_url.rstrip('/')}/{quote(place.key, safe='/')}"
            return StoredVideo(url=url, size_bytes=size, expires_at=None)
        url = client.generate_presigned_url(
            "get_object", Params={"Bucket": place.bucket, "Key": place.key}, ExpiresIn=self._config.presign_seconds
        )
        return StoredVideo(url=url, size_bytes=size, expires_at=_expiry(url))

    def _compare_size(self, client: S3Client, place: Place, size: int) -> None:
        """Raises STORAGE_FAILED if the stored object is not `size` bytes long."""
        try:
            stored = client.head_object(Bucket=place.bucket, Key=place.key).get("ContentLength")
        except ClientError as error:
            # A key that may only write is fine where readers come without a signature. It is not for presigned
            # URLs: they carry the rights of the key that signed them, and this one could not be opened.
            if not (is_forbidden(error) and self._config.public_base_url):
                raise
            logger.warning("the storage key may not read: the size of the stored video was not compared")
            return
        if stored != size:
            held = "an unknown number" if stored is None else stored
            raise WorkerError(
                ErrorCode.STORAGE_FAILED, f"The storage holds {held} of the video's {size} bytes.", stage=Stage.UPLOAD
            )


def _expiry(presigned_url: str) -> datetime:
    """Read from the URL itself, so that the two cannot disagree."""
    query = parse_qs(urlsplit(presigned_url).query)
    signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(query["X-Amz-Expires"][0]))
