"""The URLs of what is in a bucket, and whether they open for whoever gets them."""

import logging
import tempfile
import threading
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from contract.errors import ErrorCode, Stage, WorkerError
from storage.address import WrongAddressError
from storage.base import StoredVideo
from storage.bucket import Bucket
from storage.guarded import judged
from storage.multipart import MultipartUpload, Place
from storage.s3_client import ENDPOINT, RetryPolicy, S3Client
from storage.s3_errors import error_code
from storage.url_check import CLOCK_SECONDS, Opening, open_url, until_it_holds

logger = logging.getLogger(__name__)

PROBE = b"\0"
PUBLIC_FACTOR = 2.5


@dataclass(frozen=True)
class Held:
    """An object that is in the bucket.

    Args:
        first: its first byte, as its URL should give it.
        version: as for `StoredVideo`.
    """

    place: Place
    size: int
    first: bytes
    version: str | None = None


class ObjectUrls:
    """Makes and tries them.

    Args:
        policy: for the requests of a check.
        seconds: how long a URL may take until it opens; 2.5 times as long at a public address.
        checks: whether URLs are tried at all.
    """

    def __init__(self, bucket: Bucket, policy: RetryPolicy, seconds: float, *, checks: bool) -> None:
        self._bucket = bucket
        self._policy = policy
        self._is_public = bucket.config.public_base_url is not None
        self._checks = checks
        self.seconds = seconds * PUBLIC_FACTOR if self._is_public else seconds

    def of(self, client: S3Client, held: Held) -> StoredVideo:
        """The object with its URL, untried."""
        config, place = self._bucket.config, held.place
        if config.public_base_url:
            url = f"{config.public_base_url.rstrip('/')}/{quote(place.key, safe='/')}"
            return StoredVideo(url, held.size, None, held.version)
        url = client.generate_presigned_url(
            "get_object", Params={"Bucket": place.bucket, "Key": place.key}, ExpiresIn=config.presign_seconds
        )
        return StoredVideo(url, held.size, _expiry(url), held.version)

    def opened(self, client: S3Client, held: Held, stage: Stage, stop: threading.Event) -> StoredVideo:
        """The object with a URL that opens, in the region that the store names.

        Raises:
            WorkerError: STORAGE_MISCONFIGURED at `stage` if it does not open, STORAGE_FAILED if that may pass.
            StoppedError: `stop` is set.
        """
        stored = self.of(client, held)
        if not self._checks:
            return stored
        seen = self._until_it_holds(client, stored.url, held.first, stage, stop)
        if seen.is_refusal and not self._is_public and self._learn(seen, stage, stop):
            with closing(self._bucket.open(self._policy, stage, stop)) as other:
                stored = self.of(other, held)
                seen = self._until_it_holds(other, stored.url, held.first, stage, stop)
        if not seen.holds(held.first):
            raise self._not_open(seen, stage)
        return stored

    def try_before(self, client: S3Client, place: Place, stage: Stage, stop: threading.Event) -> None:
        """Find out before there is a video; what is stored for it under `place` is deleted. Raises as `opened`."""
        if not self._checks:
            return
        if stage is not Stage.START:
            # No object in a bucket that a job brings, where that can be told without: its owner may act on objects.
            seen = self._look_at(client, self.of(client, Held(place, 0, b"")).url, stage)
            if seen.code == "NoSuchKey":
                return
        with tempfile.NamedTemporaryFile() as probe:
            probe.write(PROBE)
            probe.flush()
            tidy = partial(self._bucket.open, self._policy, stage)
            MultipartUpload(client, tidy, place, stop, stage).send(Path(probe.name), len(PROBE))
        try:
            self.opened(client, Held(place, len(PROBE), PROBE), stage, stop)
        finally:
            _remove(client, place)

    def _learn(self, seen: Opening, stage: Stage, stop: threading.Event) -> bool:
        return self._bucket.learn(WrongAddressError(seen.region), self._policy, stage, stop)

    def _until_it_holds(self, client: S3Client, url: str, first: bytes, stage: Stage, stop: threading.Event) -> Opening:
        look = partial(self._look_at, client, url, stage)
        return until_it_holds(look, first, public=self._is_public, seconds=self.seconds, stop=stop)

    def _look_at(self, client: S3Client, url: str, stage: Stage) -> Opening:
        with judged(ENDPOINT, stage):
            return open_url(client, url)

    def _not_open(self, seen: Opening, stage: Stage) -> WorkerError:
        # nobody has seen an address work that is not reached at the start
        lasting = not seen.passing or (stage is Stage.START and seen.status == 0)
        code = ErrorCode.STORAGE_MISCONFIGURED if lasting else ErrorCode.STORAGE_FAILED
        what = "public address" if self._is_public else "presigned URL"
        message = f"The {what} of an object in bucket {self._bucket.config.bucket!r} does not open: it {seen.in_words}"
        if seen.status and seen.status < 300:
            message += ", but not with what was stored"
        skewed = abs(seen.clock_seconds) > CLOCK_SECONDS and not self._is_public
        if skewed:
            message += f"; this worker's clock is {abs(seen.clock_seconds):.0f} s off"
        refused = self._bucket.is_own and seen.status in {401, 403}
        return WorkerError(code, f"{message}.", stage=stage, elsewhere=stage is not Stage.START and (skewed or refused))


def _remove(client: S3Client, place: Place) -> None:
    try:
        client.delete_object(Bucket=place.bucket, Key=place.key)
    except ClientError as error:
        logger.warning("the storage key may not delete (%s): %s, of one byte, stays", error_code(error), place.key)
    except BotoCoreError as error:
        logger.warning("%s, of one byte, could not be deleted: %s", place.key, type(error).__name__)


def _expiry(presigned_url: str) -> datetime:
    """Read from the URL itself, so that the two cannot disagree."""
    query = parse_qs(urlsplit(presigned_url).query)
    signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(query["X-Amz-Expires"][0]))
