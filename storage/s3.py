"""Videos in a bucket of Amazon S3, or of anything that speaks its protocol (R2, GCS, MinIO, B2)."""

import logging
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypedDict
from urllib.parse import parse_qs, quote, urlsplit

from boto3.s3.transfer import TransferConfig
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError

from contract.errors import ErrorCode, Stage, WorkerError
from storage.base import StoredVideo
from storage.s3_errors import error_code, is_forbidden, storage_errors

logger = logging.getLogger(__name__)

CONTENT_TYPE = "video/mp4"
PART_BYTES = 8 * 1024 * 1024
PARALLEL_PARTS = 4
CHECK_ATTEMPTS = 3
CHECK_KEY = "storage-check.mp4"
MAX_PRESIGN_SECONDS = 7 * 24 * 3600  # the longest that SigV4 allows


@dataclass(frozen=True)
class S3Config:
    """Where the bucket is and how to enter it. Its repr shows neither key nor endpoint.

    Args:
        bucket: its name.
        endpoint_url: `http(s)://host[:port][/path]` of an S3-compatible store; None for Amazon.
        access_key_id, secret_access_key: both, or neither (None or empty) for boto3's chain (role, profile, …).
        region: None for boto3's own choice.
        public_base_url: where the bucket's keys can be read without a signature; None for presigned URLs.
        key_prefix: put before every key, with one slash between.
        presign_seconds: how long a presigned URL works, 1 to 604800. With temporary credentials it ends with them.
    """

    bucket: str
    endpoint_url: str | None = field(repr=False)
    access_key_id: str | None = field(repr=False)
    secret_access_key: str | None = field(repr=False)
    region: str | None
    public_base_url: str | None
    key_prefix: str = ""
    presign_seconds: int = 24 * 3600


class HeadReply(TypedDict, total=False):
    """The part of a HeadObject answer that is read here."""

    ContentLength: int


class MultipartReply(TypedDict, total=False):
    """The part of a CreateMultipartUpload answer that is read here."""

    UploadId: str


class S3Client(Protocol):
    """The calls of boto3's untyped client that are made here."""

    def upload_file(
        self,
        Filename: str,  # noqa: N803 - boto3's spelling, here and below
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        *,
        ExtraArgs: dict[str, str],  # noqa: N803
        Config: TransferConfig,  # noqa: N803
    ) -> None: ...

    def head_object(self, *, Bucket: str, Key: str) -> HeadReply: ...  # noqa: N803

    def create_multipart_upload(self, *, Bucket: str, Key: str, ContentType: str) -> MultipartReply: ...  # noqa: N803

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> object: ...  # noqa: N803

    def generate_presigned_url(self, method: str, *, Params: dict[str, str], ExpiresIn: int) -> str: ...  # noqa: N803

    def close(self) -> None: ...


class S3Storage:
    """Implements `Storage` with a bucket.

    A client is opened for each call: a worker may be frozen between two jobs (FlashBoot), and must wake up with
    neither dead connections nor old temporary credentials.

    Args:
        config: the bucket.
        attempts: how often each request of `put` is made in all before it fails; the pauses double from 50 ms on, so
            that the default bridges about ten seconds. `check` makes at most three.
    """

    def __init__(self, config: S3Config, *, attempts: int = 10) -> None:
        self._config = config
        self._attempts = attempts

    def check(self) -> None:
        """Begin a multipart upload under the prefix and abort it. Errors as `Storage.check`.

        HeadBucket cannot serve: its answer has no body, so that an unknown key, a bad signature and a key that may
        only write are all one 403. Beginning an upload needs exactly the right that `put` needs, is answered with
        the reason, and never makes an object visible: no version, no event, nothing for readers to find. A key that
        may begin but not abort passes; the empty upload then stays, unbilled, until the bucket's lifecycle ends it.
        """
        bucket, key = self._config.bucket, self._full_key(CHECK_KEY)
        attempts = min(self._attempts, CHECK_ATTEMPTS)
        with storage_errors(bucket, Stage.START), closing(open_client(self._config, attempts, Stage.START)) as client:
            upload_id = client.create_multipart_upload(Bucket=bucket, Key=key, ContentType=CONTENT_TYPE).get("UploadId")
            if not upload_id:
                raise WorkerError(
                    ErrorCode.STORAGE_MISCONFIGURED, "The storage endpoint does not answer like S3.", stage=Stage.START
                )
            self._abort(client, key, upload_id)

    def put(self, video: Path, key: str) -> StoredVideo:
        """Upload as video/mp4, from 8 MiB on in parallel parts, and compare the sizes. Errors as `Storage.put`."""
        bucket, full_key = self._config.bucket, self._full_key(key)
        client_of_put = open_client(self._config, self._attempts, Stage.UPLOAD)
        with storage_errors(bucket, Stage.UPLOAD), closing(client_of_put) as client:
            size = video.stat().st_size
            client.upload_file(
                str(video), bucket, full_key, ExtraArgs={"ContentType": CONTENT_TYPE}, Config=_transfer_config()
            )
            self._compare_size(client, full_key, size)
            if self._config.public_base_url:
                url = f"{self._config.public_base_url.rstrip('/')}/{quote(full_key, safe='/')}"
                return StoredVideo(url=url, size_bytes=size, expires_at=None)
            url = client.generate_presigned_url(
                "get_object", Params={"Bucket": bucket, "Key": full_key}, ExpiresIn=self._config.presign_seconds
            )
            return StoredVideo(url=url, size_bytes=size, expires_at=_expiry(url))

    def _abort(self, client: S3Client, key: str, upload_id: str) -> None:
        try:
            client.abort_multipart_upload(Bucket=self._config.bucket, Key=key, UploadId=upload_id)
        except ClientError as error:
            if is_forbidden(error):
                logger.warning("the storage key may not abort uploads: an empty one is left in the bucket")
            elif error_code(error) != "NoSuchUpload":  # which is how a repeated request learns that the first arrived
                raise

    def _full_key(self, key: str) -> str:
        prefix = self._config.key_prefix.strip("/")
        return f"{prefix}/{key.lstrip('/')}" if prefix else key.lstrip("/")

    def _compare_size(self, client: S3Client, key: str, size: int) -> None:
        """Raises STORAGE_FAILED if the stored object is not `size` bytes long."""
        try:
            stored = client.head_object(Bucket=self._config.bucket, Key=key).get("ContentLength")
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


def open_client(config: S3Config, attempts: int, stage: Stage) -> S3Client:
    """A client of boto3 for this bucket; no request is made.

    Raises:
        WorkerError: STORAGE_MISCONFIGURED at `stage` if the settings cannot be used.
    """
    _validate(config, stage)
    with storage_errors(config.bucket, stage):
        try:
            client: S3Client = Session().client(
                "s3",
                endpoint_url=config.endpoint_url,
                region_name=config.region,
                aws_access_key_id=config.access_key_id or None,
                aws_secret_access_key=config.secret_access_key or None,
                config=_client_config(attempts, path_style=config.endpoint_url is not None),
            )
        except ValueError:  # botocore's for an endpoint or a region that cannot be one
            raise _misconfigured("The storage endpoint or region is malformed.", stage) from None
    return client


def _client_config(attempts: int, *, path_style: bool) -> Config:
    return Config(
        signature_version="s3v4",
        # "virtual", not "auto": with "auto" the presigned URLs name the global host, which answers 307 for a
        # young bucket outside us-east-1. Bucket names with dots get path style from botocore either way.
        s3={"addressing_style": "path" if path_style else "virtual"},
        # R2, GCS and older MinIO refuse the checksums that boto3 adds by itself since 1.36.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=10,
        read_timeout=60,
        tcp_keepalive=True,
    )


def _transfer_config() -> TransferConfig:
    return TransferConfig(
        multipart_threshold=PART_BYTES,
        multipart_chunksize=PART_BYTES,
        max_concurrency=PARALLEL_PARTS,
        # "auto" would use another uploader, with other errors, on machines that have it.
        preferred_transfer_client="classic",
    )


def _validate(config: S3Config, stage: Stage) -> None:
    """Raises STORAGE_MISCONFIGURED for what boto3 accepts and a store refuses later, or what it would print."""
    if bool(config.access_key_id) != bool(config.secret_access_key):
        raise _misconfigured("The storage needs both an access key and its secret, or neither.", stage)
    if not 1 <= config.presign_seconds <= MAX_PRESIGN_SECONDS:
        raise _misconfigured(f"A presigned URL lasts 1 to {MAX_PRESIGN_SECONDS} seconds.", stage)
    if config.endpoint_url is None:
        return
    try:
        parts = urlsplit(config.endpoint_url)
    except ValueError:
        raise _misconfigured("The storage endpoint is not a URL.", stage) from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise _misconfigured("The storage endpoint must not carry credentials, a query or a fragment.", stage)


def _misconfigured(message: str, stage: Stage) -> WorkerError:
    return WorkerError(ErrorCode.STORAGE_MISCONFIGURED, message, stage=stage)


def _expiry(presigned_url: str) -> datetime:
    """Read from the URL itself, so that the two cannot disagree."""
    query = parse_qs(urlsplit(presigned_url).query)
    signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(query["X-Amz-Expires"][0]))
