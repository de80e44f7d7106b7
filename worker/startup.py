"""What has to be true before a worker takes jobs, and the resources that it then works with.

On RunPod the checks are the SDK's fitness checks: the first one that fails is reported as the reason why this
worker is unhealthy, and ends it (docs/facts/runpod.md#fitness-checks). Elsewhere they are simply called.
"""

import logging
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import wraps
from pathlib import Path

from comfy_client.clocks import StallTimeouts
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from contract.unwritable import unwritable
from contract.volume import Pulse, Volumes
from job.cards import card_of
from job.disk import check_disk, unfit
from job.health import Health
from job.loaded import Loaded
from job.pace import Pace
from job.resources import Resources
from job.warm_up import warm_up as make_warm
from job.workspace import remove_leftovers
from media.faces import check_detector
from media.ffmpeg import installed
from sources.fetch import FetchLimits
from storage.base import Storage
from worker import logs
from worker.early_start import EarlyComfyUI, volumes_of
from worker.engine_setup import ReadyEngine, running_engine
from worker.marking import marks_of
from worker.model_search import variants
from worker.read_ahead import free_bytes
from worker.settings import Settings
from worker.stores import GIGABYTE, MEGABYTE, default_storage, make_keeper, policy_of, storage_of

log = logging.getLogger(__name__)

ENCODERS = ("libx264", "aac")
OBEY_VOLUME_SECONDS = 6  # to stop, a job may wait for a volume, for ComfyUI (a minute) and for its end


class Startup:
    """Goes through the checks in order; after the last one `resources` are there.

    Args:
        stack: what the checks start, and `early`, ends with it.
        early: ComfyUI, which loads while they run; None: it is begun where it is waited for, or there is none.
        remembers: whether job ids are unique, so that a job that comes again gets its stored result.
    """

    def __init__(self, settings: Settings, stack: ExitStack, early: EarlyComfyUI | None, *, remembers: bool) -> None:
        self._settings, self._stack, self._remembers = settings, stack, remembers
        self._resources: Resources | None = None
        self._own_storage: Storage | None = None
        self._volumes = early.volumes if early else volumes_of(settings)
        self._early = stack.enter_context(closing(early)) if early else None

    @property
    def checks(self) -> list[Callable[[], None]]:
        """In order; each raises WorkerError. The SDK reports their names."""

        def ffmpeg() -> None:
            check_ffmpeg()

        def faces() -> None:
            check_detector(run=self._settings.engine != "simulator")

        def disk() -> None:
            check_work_dir(self._settings, self._volumes)
            remove_leftovers(self._settings.work_dir)

        def storage() -> None:
            self._own_storage = default_storage(self._settings, self._volumes)
            self._own_storage.check()

        def signing() -> None:
            marks_of(self._settings).rehearse(Cancellation(), Stage.START)

        def comfyui() -> None:
            ready = self._stack.enter_context(running_engine(self._settings, self._volumes, self._early))
            own = self._own_storage
            self._resources = make_resources(
                self._settings, ready, own, remembers=self._remembers, volumes=self._volumes
            )
            if not self._settings.warm_up:
                self._take_jobs()

        def warm_up() -> None:
            with logs.naming("warm-up"):
                make_warm(self.resources, Cancellation())
            self._take_jobs()

        signs = [signing] if self._settings.c2pa_cert or self._settings.c2pa_key else []
        warms = [warm_up] if self._settings.warm_up else []
        return [self._guarded(check) for check in (ffmpeg, faces, disk, *signs, storage, comfyui, *warms)]

    def _take_jobs(self) -> None:
        self.resources.engine.rest()
        log.info("ready for jobs %.1f s after the start of this process", _own_seconds())

    def _guarded(self, check: Callable[[], None]) -> Callable[[], None]:
        """The check; where it fails, what was begun is ended, as the SDK leaves no time for it afterwards."""

        @wraps(check)
        def look() -> None:
            with ExitStack() as on_failure:
                on_failure.callback(self._stack.close)
                _telling(check)
                on_failure.pop_all()

        return look

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


def _telling(check: Callable[[], None]) -> None:
    """Run it; what its failure tells only the operator is logged here: the SDK tells the message alone."""
    try:
        check()
    except WorkerError as error:
        if error.detail:
            log.error("%s: %s", check.__name__, error.detail)
            error.detail = ""
        raise


def _own_seconds() -> float:
    """Since the kernel started this process."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def check_ffmpeg() -> None:
    """Raises WorkerError INTERNAL where ffmpeg or one of its encoders is missing."""
    command = [installed("ffmpeg"), "-hide_banner", "-encoders"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise WorkerError(ErrorCode.INTERNAL, "ffmpeg does not run", detail=repr(error)) from error
    missing = [name for name in ENCODERS if f" {name} " not in found.stdout]
    if missing:
        raise WorkerError(ErrorCode.INTERNAL, f"ffmpeg lacks {' and '.join(missing)}")


def check_work_dir(settings: Settings, volumes: Volumes) -> None:
    """Raises WorkerError WORKER_UNFIT where WORK_DIR cannot be written, or has less free than MIN_DISK_GB."""

    def look(_pulse: Pulse) -> None:
        settings.work_dir.mkdir(parents=True, exist_ok=True)
        check_disk(settings.work_dir, int(settings.min_disk_gb * GIGABYTE))

    try:
        volumes.of(settings.work_dir).do(look)
    except (OSError, WorkerError) as error:
        hint = f"{_why_unfit(settings.work_dir, error)}, or set WORK_DIR to another folder"
        raise WorkerError(ErrorCode.WORKER_UNFIT, hint, stage=Stage.START) from error


def _why_unfit(folder: Path, error: OSError | WorkerError) -> str:
    cause = error.__cause__ if isinstance(error, WorkerError) else error
    if isinstance(cause, OSError) and not isinstance(cause, TimeoutError):
        return unfit(unwritable(folder, cause)).message
    why = error.message if isinstance(error, WorkerError) else unfit(str(error.strerror)).message
    return f"{why}. Mount something that can be written at {folder}"


def _fetch_limits(settings: Settings, volumes: Volumes) -> FetchLimits:
    return FetchLimits(
        roots=settings.input_roots,
        image_bytes=int(settings.image_max_mb * MEGABYTE),
        audio_bytes=int(settings.audio_max_mb * MEGABYTE),
        video_bytes=int(settings.video_max_mb * MEGABYTE),
        policy=policy_of(settings),
        volume_of=volumes.of,
    )


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
        limits=_fetch_limits(settings, volumes),
        precision=ready.precision,
        variants=variants(settings),
        pace=Pace(card_of(ready.gpu)),
        job_seconds=settings.job_timeout_seconds,
        stall_timeouts=StallTimeouts(settings.stall_seconds, settings.load_seconds, settings.silence_seconds),
        work_dir=settings.work_dir,
        least_disk_bytes=int(settings.min_disk_gb * GIGABYTE),
        audio_max_seconds=settings.audio_max_seconds,
        video_max_seconds=settings.video_max_seconds,
        marks=marks_of(settings),
        own_nodes=ready.own_nodes,
        health=Health(volumes),
        loaded=Loaded(free_bytes, mapped=settings.base_model != "fp8", holds_two=ready.holds_two),
        obey_seconds=OBEY_VOLUME_SECONDS * settings.volume_seconds,
        gpu=ready.gpu,
    )
