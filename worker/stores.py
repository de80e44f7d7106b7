"""Where the videos of this worker go, by its settings and by what a job names, and where they are kept."""

import logging
import os

from pydantic import SecretStr

from contract.errors import ErrorCode, WorkerError
from contract.job import Job
from contract.request import Request
from contract.volume import Volumes
from job.keeper import Keeper
from sources.guard import Guard
from sources.places import WebPolicy
from storage.base import Storage
from storage.job_bucket import located, s3_config_of_environment, s3_config_of_job
from storage.local import LocalStorage
from storage.s3_config import S3Config
from storage.upload_url import PresignedPut
from worker.settings import Settings

log = logging.getLogger(__name__)

MEGABYTE = 1_000_000
GIGABYTE = 1_000_000_000
VIDEOS = "videos"
KEPT = "talking-video"
ON_VOLUME = (
    "output_video_url is a file on the endpoint's network volume, which no URL opens: fetch it from there, by a pod or"
    " RunPod's S3 API, or name a bucket (S3_BUCKET, s3Config, upload_url)"
)


def default_storage(settings: Settings, volumes: Volumes) -> Storage:
    """The place for the videos of jobs that name none. One for all of them: it learns where its bucket is.

    Raises:
        WorkerError: STORAGE_MISCONFIGURED where the settings name no bucket that could be used.
    """
    match settings.storage_kind:
        case "local":
            folder = settings.output_dir
            return LocalStorage(folder, base_url=settings.output_base_url, volume=volumes.of(folder))
        case "volume":
            mount = settings.volume_dir
            return LocalStorage(mount / VIDEOS, must_be_mount=mount, note=ON_VOLUME, volume=volumes.of(mount))
        case "s3":
            return _in_bucket(bucket_of(settings), settings, check_urls=settings.s3_check_urls)


def _in_bucket(config: S3Config, settings: Settings, *, check_urls: bool = True, guard: Guard | None = None) -> Storage:
    from storage.s3 import S3Storage  # noqa: PLC0415 - with botocore, which costs a start 0.2 s of processor

    return S3Storage(config, attempts=settings.s3_attempts, check_urls=check_urls, guard=guard)


def bucket_of(settings: Settings) -> S3Config:
    """The worker's own bucket. Raises WorkerError STORAGE_MISCONFIGURED where the settings name none."""
    if settings.s3_bucket is None:
        return s3_config_of_environment(
            settings.bucket_endpoint_url or "",
            settings.bucket_access_key_id or "",
            _open(settings.bucket_secret_access_key) or "",
            region=settings.s3_region,
            public_base_url=settings.s3_public_base_url,
            key_prefix=settings.s3_key_prefix,
            presign_seconds=settings.s3_presign_seconds,
            addressing_style=settings.s3_addressing_style,
        )
    named = S3Config(
        bucket=settings.s3_bucket,
        endpoint_url=settings.s3_endpoint_url,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=_open(settings.s3_secret_access_key),
        region=settings.s3_region,
        public_base_url=settings.s3_public_base_url,
        key_prefix=settings.s3_key_prefix,
        presign_seconds=settings.s3_presign_seconds,
        addressing_style=settings.s3_addressing_style,
    )
    return located(named, "S3_ENDPOINT_URL", "S3_BUCKET")


def _open(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def policy_of(settings: Settings) -> WebPolicy:
    """Where a job may send the worker: for its sources, and with its result."""
    return WebPolicy(
        allow_private_hosts=frozenset(settings.allow_private_hosts),
        allowed_ports=frozenset(settings.allowed_ports),
        allow_proxy=settings.allow_proxy,
        total_seconds=settings.fetch_seconds,
    )


def storage_of(job: Job, request: Request, settings: Settings, own: Storage) -> Storage:
    """Where this job's video goes: its `upload_url`, its `s3Config`, or the worker's own storage.

    What a job names obeys the rules for sources; the worker's own storage is the operator's choice.

    Raises:
        WorkerError: INVALID_INPUT where the job names two places, or a bucket that cannot be one.
    """
    bucket = job.get("s3Config")
    if request.upload_url is not None and bucket is not None:
        raise WorkerError(ErrorCode.INVALID_INPUT, "Invalid input: send upload_url or s3Config, not both")
    if request.upload_url is not None:
        return PresignedPut(request.upload_url, guard=Guard(policy_of(settings)))
    if bucket is not None:
        config = s3_config_of_job(bucket, presign_seconds=settings.s3_presign_seconds)
        return _in_bucket(config, settings, guard=Guard(policy_of(settings)))
    return own


def make_keeper(settings: Settings, volumes: Volumes, *, remembers: bool) -> Keeper:
    """Keeps on the volume where one is mounted, and on the worker's own disk where that is full."""
    mounted = _is_mounted(settings, volumes)  # a plain folder there would end with the worker
    default = settings.volume_dir / KEPT if mounted else settings.work_dir / KEPT
    folder = settings.keep_dir or default
    on_volume = mounted and folder.is_relative_to(settings.volume_dir)
    inline_bytes = int(settings.inline_max_mb * MEGABYTE)
    kept_bytes = int(settings.keep_max_gb * GIGABYTE)
    own = settings.work_dir / KEPT
    own_disk = Keeper(own, False, inline_bytes, remembers, kept_bytes=kept_bytes, volume=volumes.of(own))
    spare = own_disk if folder != own_disk.folder else None
    keeper = Keeper(folder, on_volume, inline_bytes, remembers, spare, kept_bytes, volumes.of(folder))
    if remembers and (fault := keeper.fault()):
        log.error("results are remembered on this worker alone: %s", fault)
        keeper = own_disk
    keeper.tidy()
    return keeper


def _is_mounted(settings: Settings, volumes: Volumes) -> bool:
    try:
        return volumes.of(settings.volume_dir).do(lambda _: os.path.ismount(settings.volume_dir))
    except TimeoutError as error:
        log.error("the volume at %s is left alone: %s", settings.volume_dir, error.strerror)
        return False
