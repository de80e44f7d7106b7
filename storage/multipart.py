"""One multipart upload: a video becomes visible in one step, or nothing of it stays."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic

from botocore.exceptions import ClientError

from contract.background import StoppedError, Task, next_ended
from contract.errors import ErrorCode, Stage, WorkerError
from storage.body import FileBody
from storage.s3_client import Part, S3Client
from storage.s3_errors import error_code, is_forbidden, retries_of, storage_errors

logger = logging.getLogger(__name__)

CONTENT_TYPE = "video/mp4"
PART_BYTES = 8 * 1024 * 1024  # S3 takes at most 10,000 parts: enough for 80 GB
PARALLEL_PARTS = 4
BREAK_OFF_SECONDS = 0.3  # what requests under way are given to end before their upload is taken back


@dataclass(frozen=True)
class Place:
    """An object's bucket and full key."""

    bucket: str
    key: str


class MultipartUpload:
    """Sends a video in parallel parts. Small ones too: only so can every upload be taken back until its end.

    Args:
        client: obeys `stop`.
        tidy_client: opens one that does not, for taking back.
        stop: set from outside to break off, or from inside when a part has failed.
        stage: what errors name.
    """

    def __init__(
        self,
        client: S3Client,
        tidy_client: Callable[[], S3Client],
        place: Place,
        stop: threading.Event,
        stage: Stage = Stage.UPLOAD,
    ) -> None:
        self._client = client
        self._tidy_client = tidy_client
        self._place = place
        self._stop = stop
        self._stage = stage
        self._given_up = threading.Event()
        self._completing = False

    def send(self, video: Path, size: int) -> None:
        """Returns when the whole object is there. Otherwise there is none, and no unfinished upload either.

        Raises what botocore raises, OSError for the video, WorkerError as `begin`, and StoppedError.
        """
        upload_id = begin(self._client, self._place, self._stage)
        done = False
        try:
            parts = self._send_parts(upload_id, video, size)
            self._completing = True
            self._in_parallel(upload_id, [partial(self._complete, upload_id, parts)])
            done = True
        finally:
            if not done:
                self._stop.set()
                self._given_up.set()
                self._take_back(upload_id)

    def _look(self) -> None:
        if self._stop.is_set():
            raise StoppedError

    def _in_parallel(self, upload_id: str, jobs: list[Callable[[], list[Part]]]) -> list[Part]:
        """The results of all jobs. Raises the error of the first that fails; the others then end behind its back."""
        ended: SimpleQueue[Task[list[Part]]] = SimpleQueue()
        tasks = [Task(partial(self._until_given_up, upload_id, job), ended) for job in jobs]
        for task in tasks:
            task.start()
        with ExitStack() as on_failure:
            on_failure.callback(self._break_off, tasks)
            parts = [part for _ in tasks for part in next_ended(ended, self._look).result()]
            on_failure.pop_all()
        return parts

    def _break_off(self, tasks: list[Task[list[Part]]]) -> None:
        self._stop.set()
        latest = monotonic() + BREAK_OFF_SECONDS
        for task in tasks:
            task.join(max(0.0, latest - monotonic()))

    def _until_given_up(self, upload_id: str, job: Callable[[], list[Part]]) -> list[Part]:
        try:
            return job()
        finally:
            # A request that was under way while the upload was taken back may have arrived behind it. By now another
            # job may have stored its video under the same key: nothing is deleted here.
            if self._given_up.is_set():
                with self._tidying() as client:
                    abort(client, self._place, upload_id)

    def _send_parts(self, upload_id: str, video: Path, size: int) -> list[Part]:
        numbers: SimpleQueue[int] = SimpleQueue()
        count = max(1, ceil(size / PART_BYTES))
        for number in range(1, count + 1):
            numbers.put(number)

        def send_some() -> list[Part]:
            sent: list[Part] = []
            while True:
                try:
                    number = numbers.get_nowait()
                except Empty:
                    return sent
                sent.append(self._send_part(upload_id, video, size, number))

        parts = self._in_parallel(upload_id, [send_some] * min(PARALLEL_PARTS, count))
        return sorted(parts, key=lambda part: part["PartNumber"])

    def _send_part(self, upload_id: str, video: Path, size: int, number: int) -> Part:
        start = (number - 1) * PART_BYTES
        with FileBody(video, start, min(PART_BYTES, size - start), self._stop) as body:
            reply = self._client.upload_part(
                Bucket=self._place.bucket, Key=self._place.key, UploadId=upload_id, PartNumber=number, Body=body
            )
        tag = reply.get("ETag")
        if not tag:
            raise not_like_s3(self._stage)
        return {"ETag": tag, "PartNumber": number}

    def _complete(self, upload_id: str, parts: list[Part]) -> list[Part]:
        try:
            self._client.complete_multipart_upload(
                Bucket=self._place.bucket, Key=self._place.key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        except ClientError as error:
            # The answer to the first request was lost, and the second finds the upload finished.
            if not (error_code(error) == "NoSuchUpload" and retries_of(error)):
                raise
        return parts

    def delete(self) -> None:
        """Take back the whole object. Where that fails, the log says so."""
        with self._tidying() as client:
            client.delete_object(Bucket=self._place.bucket, Key=self._place.key)

    def _take_back(self, upload_id: str) -> None:
        """Abort the upload or, if it had just become an object, delete that."""
        with self._tidying() as client:
            if not abort(client, self._place, upload_id) and self._completing:
                client.delete_object(Bucket=self._place.bucket, Key=self._place.key)

    @contextmanager
    def _tidying(self) -> Iterator[S3Client]:
        try:
            with storage_errors(self._place.bucket, Stage.UPLOAD), closing(self._tidy_client()) as client:
                yield client
        except WorkerError as error:
            logger.warning("what an upload that broke off had sent may still be in the bucket: %s", error.message)


def begin(client: S3Client, place: Place, stage: Stage) -> str:
    """Begin an upload; returns its id. Raises what botocore raises, and STORAGE_MISCONFIGURED for an answer without."""
    upload_id = client.create_multipart_upload(Bucket=place.bucket, Key=place.key, ContentType=CONTENT_TYPE).get(
        "UploadId"
    )
    if not upload_id:
        raise not_like_s3(stage)
    return upload_id


def abort(client: S3Client, place: Place, upload_id: str) -> bool:
    """End an upload without an object; whether it was (still) there. Raises what botocore raises."""
    try:
        client.abort_multipart_upload(Bucket=place.bucket, Key=place.key, UploadId=upload_id)
    except ClientError as error:
        if is_forbidden(error):
            logger.warning("the storage key may not abort uploads: an unfinished one is left in the bucket")
        elif error_code(error) == "NoSuchUpload":  # also how a repeated request learns that the first arrived
            return False
        else:
            raise
    return True


def not_like_s3(stage: Stage) -> WorkerError:
    """The error for an endpoint that speaks HTTP, but something else than S3."""
    return WorkerError(ErrorCode.STORAGE_MISCONFIGURED, "The storage endpoint does not answer like S3.", stage=stage)
