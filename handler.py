"""The RunPod worker: takes jobs, runs one at a time, and answers each with a reply or an error.

    python handler.py                                        RunPod serverless
    python handler.py --test_input '{"input": {...}}'        one job; exit code 0 or 1
    python handler.py --rp_serve_api                         a local HTTP API

All three take the same road. This is the only file that imports the RunPod SDK, and the one edge
where errors become replies.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import logs
from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from contract.response import as_json, failure
from engine import ReadyEngine, running_engine
from media.fetch import FetchLimits
from pipeline import Parts, Progress, run_job
from settings import Settings, SettingsError, read_settings
from storage.base import Storage
from storage.local import LocalStorage
from storage.s3 import S3Config, S3Storage

log = logging.getLogger(__name__)
MEGABYTE = 1_000_000
# After these the engine may not be what it was; the next job gets a fresh one.
ENGINE_FAULTS = (ErrorCode.ENGINE_UNAVAILABLE, ErrorCode.GENERATION_STALLED, ErrorCode.GPU_FAULT)
Job = dict[str, Any]


def make_handler(parts: Parts) -> Callable[[Job], Awaitable[dict[str, Any]]]:
    """The coroutine function that the SDK calls with each job."""
    turn = asyncio.Lock()

    async def handle(job: Job) -> dict[str, Any]:
        logs.job_id.set(str(job["id"]))
        async with turn:
            cancel = Cancellation()
            work = asyncio.ensure_future(asyncio.to_thread(answer, job, parts, cancel))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                cancel.cancel()
                await _until_done(work)
                raise

    return handle


async def _until_done(work: "asyncio.Future[dict[str, Any]]") -> None:
    """Wait for the job's thread, even when the stop is asked for again: two jobs must never share the GPU."""
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            continue


def answer(job: Job, parts: Parts, cancel: Cancellation) -> dict[str, Any]:
    """Run one job and turn whatever happens into plain JSON: the edge."""
    job_id = str(job["id"])
    try:
        parts.engine.ensure_ready()
        done = run_job(job_id, job.get("input"), parts, cancel, Reporter())
        log.info("completed in %.1f s", done.processing_time_seconds)
        return as_json(done)
    except WorkerError as error:
        log.error("failed at %s with %s: %s", error.stage, error.code, error.message)
        if error.detail:
            log.error("detail: %s", error.detail)
        if error.code in ENGINE_FAULTS:
            parts.engine.distrust()
        reply = failure(error, job_id)
        return {**reply, "refresh_worker": True} if parts.engine.gave_up else reply
    except Exception:
        log.exception("failed with an unexpected error")
        return failure(
            WorkerError(ErrorCode.INTERNAL, "The worker failed unexpectedly; its log has the details"), job_id
        )


class Reporter:
    """Writes a log line for each stage and window of a job."""

    def __init__(self) -> None:
        self._last: tuple[object, ...] = ()

    def __call__(self, progress: Progress) -> None:
        """Take one report; those that say nothing new are dropped."""
        position = progress.position
        news = (progress.stage, position.window if position else 0)
        if news == self._last:
            return
        self._last = news
        where = f", window {position.window} of {position.windows}" if position else ""
        log.info("%3.0f %% %s%s", progress.percent, progress.stage, where)


def make_storage(settings: Settings) -> Storage:
    """The place for finished videos that the settings ask for."""
    if settings.storage_kind == "local":
        return LocalStorage(settings.output_dir)
    secret = settings.s3_secret_access_key
    return S3Storage(
        S3Config(
            bucket=str(settings.s3_bucket),
            endpoint_url=settings.s3_endpoint_url,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
            region=settings.s3_region,
            public_base_url=settings.s3_public_base_url,
            key_prefix=settings.s3_key_prefix,
            presign_seconds=settings.s3_presign_seconds,
        )
    )


def make_parts(settings: Settings, ready: ReadyEngine) -> Parts:
    """What every job of this worker shares."""
    return Parts(
        engine_name=settings.engine,
        engine=ready.engine,
        modes=ready.modes,
        storage=make_storage(settings),
        limits=FetchLimits(
            roots=settings.input_roots,
            image_bytes=int(settings.image_max_mb * MEGABYTE),
            audio_bytes=int(settings.audio_max_mb * MEGABYTE),
        ),
        precision=ready.precision,
        base_model=settings.base_model,
        stall_seconds=settings.stall_seconds,
        load_seconds=settings.load_seconds,
        work_dir=settings.work_dir,
    )


def _printing(handle: Callable[[Job], Awaitable[dict[str, Any]]]) -> Callable[[Job], Awaitable[dict[str, Any]]]:
    """For --test_input: the reply on standard output, as JSON that a person or a script can read."""

    async def handle_and_print(job: Job) -> dict[str, Any]:
        reply = await handle(job)
        sys.stdout.write(json.dumps(reply, indent=2, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return dict(reply)

    return handle_and_print


def main() -> None:
    """Start the engine, then hand over to the SDK, which ends the process."""
    try:
        settings = read_settings()
    except SettingsError as error:
        sys.exit(str(error))
    is_test = any(argument.startswith("--test_input") for argument in sys.argv[1:])
    # The SDK's own default logs whole replies, with their presigned URLs; a test prints its reply itself.
    os.environ.setdefault("RUNPOD_LOG_LEVEL", "WARN" if is_test else "INFO")
    import runpod  # noqa: PLC0415 - it reads the environment when it is imported

    logs.set_up(settings.log_level_number, settings.log_format)
    try:
        make_storage(settings).check()
        with running_engine(settings) as ready:
            parts = make_parts(settings, ready)
            handle = make_handler(parts)
            runpod.serverless.start({"handler": _printing(handle) if is_test else handle})
    except WorkerError as error:
        log.error("cannot start: %s", error.message)
        if error.detail:
            log.error("detail: %s", error.detail)
        sys.exit(1)


if __name__ == "__main__":
    main()
