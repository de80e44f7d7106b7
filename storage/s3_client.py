"""How a bucket is entered: botocore's client for its settings."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypedDict
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, HTTPClientError
from botocore.handlers import add_expect_header
from botocore.loaders import Loader, create_loader
from botocore.session import get_session

from contract.background import StoppedError
from contract.errors import Stage, WorkerError
from storage.base import misconfigured
from storage.body import FileBody
from storage.guarded import Guard, guarded_pools, judged
from storage.s3_config import S3Config
from storage.s3_errors import storage_errors

MAX_PRESIGN_SECONDS = 7 * 24 * 3600  # the longest that SigV4 allows

ENDPOINT = "s3Config's endpointUrl"  # guards are for the buckets of jobs
TIDYING = (".AbortMultipartUpload", ".DeleteObject")  # what is still sent after a stop


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long a request is tried.

    Args:
        attempts: in all, at least 1; between them botocore pauses, at random and twice as long each time.
        connect_seconds: for a connection, and for a piece of the body to be taken.
        answer_seconds: for each piece of the answer once all has been sent; from a guarded place, for all of it.
    """

    attempts: int
    connect_seconds: float
    answer_seconds: float


class HeadReply(TypedDict, total=False):
    """The part of a HeadObject answer that is read here."""

    ContentLength: int
    ETag: str


class Metadata(TypedDict, total=False):
    """What an answer came with."""

    HTTPHeaders: dict[str, str]


class BucketReply(TypedDict, total=False):
    """The part of a HeadBucket answer that is read here."""

    ResponseMetadata: Metadata


class MultipartReply(TypedDict, total=False):
    """The part of a CreateMultipartUpload answer that is read here."""

    UploadId: str


class PartReply(TypedDict, total=False):
    """The part of an UploadPart answer that is read here."""

    ETag: str


class Part(TypedDict):
    """A part that has arrived, as CompleteMultipartUpload wants it."""

    ETag: str
    PartNumber: int


class Parts(TypedDict):
    """All parts, in order."""

    Parts: Sequence[Part]


class AWSResponse(Protocol):
    """The part of an HTTP answer that is read here."""

    status_code: int


class Events(Protocol):
    """The hooks of a client."""

    def register_first(self, event: str, handler: Callable[..., None]) -> None: ...

    def unregister(self, event: str, handler: Callable[..., None]) -> None: ...


class Meta(Protocol):
    """What a client tells about itself."""

    @property
    def events(self) -> Events: ...

    @property
    def region_name(self) -> str: ...


class S3Client(Protocol):
    """The calls of botocore's untyped client that are made here. Its parameters have S3's spelling."""

    @property
    def meta(self) -> Meta: ...

    def upload_part(self, *, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: FileBody) -> PartReply: ...  # noqa: N803

    def complete_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str, MultipartUpload: Parts) -> object: ...  # noqa: N803

    def head_object(self, *, Bucket: str, Key: str) -> HeadReply: ...  # noqa: N803

    def head_bucket(self, *, Bucket: str) -> BucketReply: ...  # noqa: N803

    def delete_object(self, *, Bucket: str, Key: str) -> object: ...  # noqa: N803

    def create_multipart_upload(self, *, Bucket: str, Key: str, ContentType: str) -> MultipartReply: ...  # noqa: N803

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> object: ...  # noqa: N803

    def generate_presigned_url(self, method: str, *, Params: dict[str, str], ExpiresIn: int) -> str: ...  # noqa: N803

    def close(self) -> None: ...


def open_client(
    config: S3Config,
    policy: RetryPolicy,
    stage: Stage,
    stop: threading.Event | None = None,
    guard: Guard | None = None,
) -> S3Client:
    """A client of botocore for this bucket; no request is made.

    Args:
        stop: once set, the client raises StoppedError instead of sending anything but aborts and deletions.
        guard: makes the connections. What it refuses ends a call with STORAGE_MISCONFIGURED at `stage`.

    Raises:
        WorkerError: STORAGE_MISCONFIGURED at `stage` if the settings cannot be used or the guard refuses,
            STORAGE_FAILED if the guard's proxy cannot be used.
    """
    _validate(config, stage)
    proxies = _proxies(config, guard, stage)
    with storage_errors(config.bucket, stage):
        try:
            session = get_session()
            session.register_component("data_loader", _models())
            client: S3Client = session.create_client(
                "s3",
                endpoint_url=config.endpoint_url,
                region_name=config.region,
                aws_access_key_id=config.access_key_id or None,
                aws_secret_access_key=config.secret_access_key or None,
                config=_client_config(policy, proxies, _style(config)),
            )
        except ValueError:  # botocore's for an endpoint or a region that cannot be one
            raise misconfigured("The storage endpoint or region is malformed.", stage) from None
    # To wait for "100 Continue" costs each part a round trip, or a second where the store does not know it.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    if guard is not None:
        _connect_by(client, guard, stage, policy.answer_seconds)
    if stop is not None:
        _obey(client, stop)
    return client


def _proxies(config: S3Config, guard: Guard | None, stage: Stage) -> dict[str, str] | None:
    if guard is None or config.endpoint_url is None:
        return None
    with judged(ENDPOINT, stage):
        return guard.proxies(config.endpoint_url)


@cache
def _models() -> Loader:
    """botocore's description of S3: megabytes of JSON that take six times as long to read as all else of a client."""
    return create_loader()


def _obey(client: S3Client, stop: threading.Event) -> None:
    def before(event_name: str, **_event: object) -> None:
        if stop.is_set() and not event_name.endswith(TIDYING):
            raise StoppedError

    def after(event_name: str, response: tuple[AWSResponse, object] | None, **_event: object) -> None:
        # A body that raises StoppedError is taken for a broken connection: without this it would be sent again.
        # A request that succeeded must be let through: nobody but its caller knows what it has begun.
        succeeded = response is not None and response[0].status_code < 300
        if stop.is_set() and not succeeded and not event_name.endswith(TIDYING):
            raise StoppedError

    client.meta.events.register_first("before-send.s3", before)
    client.meta.events.register_first("needs-retry.s3", after)


def _connect_by(client: Any, guard: Guard, stage: Stage, answer_seconds: float) -> None:
    # botocore has no public place for this. Should these names ever change, this fails, or a test of ours does.
    manager = client._endpoint.http_session._manager
    manager.pool_classes_by_scheme = guarded_pools(manager.pool_classes_by_scheme, guard, answer_seconds)

    def after(caught_exception: BotoCoreError | None, **_event: object) -> None:
        # botocore wraps what it does not know, takes it for a broken connection, and would try again.
        refusal = caught_exception.kwargs.get("error") if isinstance(caught_exception, HTTPClientError) else None
        if isinstance(refusal, WorkerError):
            with judged(ENDPOINT, stage):
                raise refusal

    client.meta.events.register_first("needs-retry.s3", after)


def _style(config: S3Config) -> str:
    """As botocore wants it."""
    if config.addressing_style != "auto":
        return config.addressing_style
    # "virtual", not "auto": with "auto" the presigned URLs name the global host, which answers 307 for a
    # young bucket outside us-east-1. Bucket names with dots get path style from botocore either way.
    return "virtual" if config.endpoint_url is None else "path"


def _client_config(policy: RetryPolicy, proxies: dict[str, str] | None, style: str) -> Config:
    return Config(
        signature_version="s3v4",
        s3={"addressing_style": style},
        # R2, GCS and older MinIO refuse the checksums that botocore adds by itself since 1.36.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": policy.attempts},
        connect_timeout=policy.connect_seconds,
        read_timeout=policy.answer_seconds,
        tcp_keepalive=True,
        proxies=proxies,  # None: those of the environment
    )


def _validate(config: S3Config, stage: Stage) -> None:
    """Raises STORAGE_MISCONFIGURED for what botocore accepts and a store refuses later, or what it would print."""
    if bool(config.access_key_id) != bool(config.secret_access_key):
        raise misconfigured("The storage needs both an access key and its secret, or neither.", stage)
    if not 1 <= config.presign_seconds <= MAX_PRESIGN_SECONDS:
        raise misconfigured(f"A presigned URL lasts 1 to {MAX_PRESIGN_SECONDS} seconds.", stage)
    if config.endpoint_url is None:
        return
    try:
        parts = urlsplit(config.endpoint_url)
    except ValueError:
        raise misconfigured("The storage endpoint is not a URL.", stage) from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise misconfigured("The storage endpoint must not carry credentials, a query or a fragment.", stage)
