"""What has to be true before a worker takes jobs, and the resources that it then works with.

On RunPod the checks are the SDK's fitness checks: the first one that fails is reported as the reason why this
worker is unhealthy, and ends it (docs/facts/runpod.md#fitness-checks). Elsewhere they are simply called.
"""

import logging
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from pathlib import Path

from pydantic import SecretStr

from comfy_client.clocks import StallTimeouts
from contract.errors import ErrorCode, WorkerError
from contract.job import Job
from contract.request import Request
from contract.volume import Pulse, Volumes
from job.health import Health
from job.keeper import Keeper
from job.pace import Pace, speed_of
from job.pipeline import Resources
from job.workspace import remove_leftovers
from sources.fetch import FetchLimits
from sources.guard import Guard
from sources.places import WebPolicy
from storage.base import Storage
from storage.job_bucket import located, s3_config_of_environment, s3_config_of_job
from storage.local import LocalStorage
from storage.s3_config import S3Config
from storage.upload_url import PresignedPut
from worker.engine_setup import ReadyEngine, running_engine, variants
from worker.settings import Settings

log = logging.getLogger(__name__)

MEGABYTE = 1_000_000
GIGABYTE = 1_000_000_000
ENCODERS = ("libx264", "aac")
OBEY_VOLUME_SECONDS = 6  # to stop, a job may wait for a volume, for ComfyUI (a minute) and for its end
VIDEOS = "videos"
KEPT = "talking-video"
ON_VOLUME = (
    "output_video_url is a file on the endpoint's network volume, which no URL opens: fetch it from there, by a pod or"
    " RunPod's S3 API, or name a bucket (S3_BUCKET, s3Config, upload_url)"
)


class Startup:
    """Goes through the checks in order; after the last one `resources` are there.

    Args:
        remembers: whether job ids are unique, so that a job that comes again gets its stored result.
        stack: what the checks start ends with it.
    """

    def __init__(self, settings: Settings, stack: ExitStack, *, remembers: bool) -> None:
        self._settings, self._stack, self._remembers = settings, stack, remembers
        self._resources: Resources | None = None
        self._own_storage: Storage | None = None
        self._volumes = volumes_of(settings)

    @property
    def checks(self) -> list[Callable[[], None]]:
        """In order; each raises WorkerError. The SDK reports their names."""

        def ffmpeg() -> None:
            check_ffmpeg()

        def disk() -> None:
            check_disk(self._settings.work_dir, self._settings.min_disk_gb, self._volumes)
            remove_leftovers(self._settings.work_dir)

        def storage() -> None:
            self._own_storage = default_storage(self._settings, self._volumes)
            self._own_storage.check()

        def comfyui() -> None:
            ready = self._stack.enter_context(running_engine(self._settings, self._volumes))
            own = self._own_storage
            self._resources = make_resources(
                self._settings, ready, own, remembers=self._remembers, volumes=self._volumes
            )

        return [_telling(check) for check in (ffmpeg, disk, storage, comfyui)]

    @property
    def hangs(self) -> bool:
        """Whether a thread waits for a volume that does not answer."""
        return self._volumes.hang

    @property
    def resources(self) -> Resources:
        """For the jobs. Raises RuntimeError before the checks have passed."""
        if self._resources is None:
            raise RuntimeError("the checks have not passed")
        return self._resources


def _telling(check: Callable[[], None]) -> Callable[[], None]:
    """The check; what its failure tells only the operator is logged here: the SDK tells the message alone."""

    @wraps(check)
    def look() -> None:
        try:
            check()
        except WorkerError as error:
            if error.detail:
                log.error("%s: %s", check.__name__, error.detail)
                error.detail = ""
            raise

    return look


def check_ffmpeg() -> None:
    """Raises WorkerError INTERNAL where ffmpeg, ffprobe or an encoder is missing."""
    try:
        found = subprocess.run(
            ["ffmpeg", "-hide_banner", "-encoders"], capture_output=True, text=True, timeout=60, check=True
        )
        subprocess.run(["ffprobe", "-version"], capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise WorkerError(ErrorCode.INTERNAL, "ffmpeg or ffprobe does not run", detail=repr(error)) from error
    missing = [name for name in ENCODERS if f" {name} " not in found.stdout]
    if missing:
        raise WorkerError(ErrorCode.INTERNAL, f"ffmpeg lacks {' and '.join(missing)}")


def volumes_of(settings: Settings) -> Volumes:
    """What the folders of this worker are on."""
    return Volumes(settings.volume_dir, settings.volume_seconds)


def check_disk(folder: Path, gigabytes: float, volumes: Volumes) -> None:
    """Raises WorkerError INTERNAL where `folder` cannot be written or has less than `gigabytes` (10^9 bytes) free."""

    def free_gigabytes(_pulse: Pulse) -> float:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_bytes(b"\0")
        probe.unlink()
        return shutil.disk_usage(folder).free / GIGABYTE

    try:
        free = volumes.of(folder).do(free_gigabytes)
    except OSError as error:
        raise WorkerError(ErrorCode.INTERNAL, f"WORK_DIR cannot be written: {error.strerror}") from error
    if free < gigabytes:
        raise WorkerError(ErrorCode.INTERNAL, f"WORK_DIR has {free:.1f} GB free and needs {gigabytes:g} GB")


def default_storage(settings: Settings, volumes: Volumes) -> Storage:
    """The place for the videos of jobs that name none. One for all of them: it learns where its bucket is.

    Raises:
        WorkerError: STORAGE_MISCONFIGURED where the settings name no bucket that could be used.
    """
    match settings.storage_kind:
        case "local":
            return LocalStorage(settings.output_dir, volume=volumes.of(settings.output_dir))
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
    if remembers and not keeper.can_write():
        log.error("%s cannot be written: results are remembered on this worker alone", folder)
        keeper = own_disk
    keeper.tidy()
    return keeper


def _is_mounted(settings: Settings, volumes: Volumes) -> bool:
    try:
        return volumes.of(settings.volume_dir).do(lambda _: os.path.ismount(settings.volume_dir))
    except TimeoutError as error:
        log.error("the volume at %s is left alone: %s", settings.volume_dir, error.strerror)
        return False


def make_resources(
    settings: Settings,
    ready: ReadyEngine,
    own_storage: Storage | None = None,
    *,
    remembers: bool = False,
    volumes: Volumes | None = None,
) -> Resources:
    """What every job of this worker shares."""
    volumes = volumes or volumes_of(settings)
    own = own_storage or default_storage(settings, volumes)
    return Resources(
        engine_name=settings.engine,
        engine=ready.engine,
        modes=ready.modes,
        storage_of=lambda job, request: storage_of(job, request, settings, own),
        keeper=make_keeper(settings, volumes, remembers=remembers),
        limits=FetchLimits(
            roots=settings.input_roots,
            image_bytes=int(settings.image_max_mb * MEGABYTE),
            audio_bytes=int(settings.audio_max_mb * MEGABYTE),
            policy=policy_of(settings),
            volume=volumes.of(settings.input_roots[0] if settings.input_roots else settings.volume_dir),
        ),
        precision=ready.precision,
        variants=variants(settings),
        pace=Pace(speed_of(ready.gpu)),
        job_seconds=settings.job_timeout_seconds,
        stall_timeouts=StallTimeouts(settings.stall_seconds, settings.load_seconds, settings.silence_seconds),
        work_dir=settings.work_dir,
        least_disk_bytes=int(settings.min_disk_gb * GIGABYTE),
        audio_max_seconds=settings.audio_max_seconds,
        health=Health(volumes),
        obey_seconds=OBEY_VOLUME_SECONDS * settings.volume_seconds,
    )
