"""The RunPod worker: takes jobs, runs one at a time, and answers each with a reply or an error.

    python handler.py                                        RunPod serverless
    python handler.py --test_input '{"input": {...}}'        one job; exit code 0 or 1
    python handler.py --rp_serve_api                         a local HTTP API

All three take the same road. This is the only file that imports the RunPod SDK, and the one edge
where errors become replies.
"""

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import logs
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from contract.response import as_json, failure
from engine import ReadyEngine, running_engine, variants
from media.fetch import FetchLimits
from pipeline import Parts, Progress, remove_leftovers, run_job
from settings import Settings, SettingsError, read_settings
from storage.base import Storage
from storage.local import LocalStorage
from storage.s3 import S3Config, S3Storage

log = logging.getLogger(__name__)
MEGABYTE = 1_000_000
INTERRUPTED = 130
# After these the engine may not be what it was; the next job gets a fresh one.
ENGINE_FAULTS = (ErrorCode.ENGINE_UNAVAILABLE, ErrorCode.GENERATION_STALLED, ErrorCode.GPU_FAULT)
ANYWHERE = (ErrorCode.CANCELLED, ErrorCode.ENGINE_UNAVAILABLE, ErrorCode.INTERNAL)
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
    reporter = Reporter()
    try:
        parts.engine.ensure_ready()
        done = run_job(job_id, job.get("input"), parts, cancel, reporter)
        log.info("completed in %.1f s", done.processing_time_seconds)
        return as_json(done)
    except WorkerError as error:
        if error.code in ENGINE_FAULTS:
            parts.engine.distrust()
        reply = _failed(error, job_id, reporter.stage)
        return {**reply, "refresh_worker": True} if parts.engine.gave_up else reply
    except Exception as error:
        unexpected = WorkerError(ErrorCode.INTERNAL, "The worker failed unexpectedly; its log has the details")
        log.exception("unexpected: %s", type(error).__name__)
        return _failed(unexpected, job_id, reporter.stage)


def _failed(error: WorkerError, job_id: str, stage: Stage | None) -> dict[str, Any]:
    """Log the failure and make its reply; what can happen anywhere is told with the stage that the job was in."""
    if error.code in ANYWHERE and stage is not None:
        error.stage = stage
    log.error("failed at %s with %s: %s", error.stage, error.code, error.message)
    if error.detail:
        log.error("detail: %s", error.detail)
    return failure(error, job_id)


class Reporter:
    """Writes a log line for each stage and window of a job."""

    def __init__(self) -> None:
        self._last: tuple[object, ...] = ()
        self.stage: Stage | None = None

    def __call__(self, progress: Progress) -> None:
        """Take one report; those that say nothing new are dropped."""
        self.stage = progress.stage
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
        variants=variants(settings),
        stall_seconds=settings.stall_seconds,
        load_seconds=settings.load_seconds,
        work_dir=settings.work_dir,
        audio_max_seconds=settings.audio_max_seconds,
    )


class LocalTest:
    """`--test_input`: the reply, and nothing else, on standard output, as JSON for a person or a script."""

    def __init__(self) -> None:
        self._out = sys.stdout
        self.answered = False

    @staticmethod
    def asked_for(arguments: list[str]) -> bool:
        """Whether the command line has a test input."""
        return any(argument.split("=", 1)[0] == "--test_input" for argument in arguments)

    def say(self, reply: dict[str, Any]) -> None:
        """Print a reply."""
        self.answered = True
        self._out.write(json.dumps(reply, indent=2, ensure_ascii=False) + "\n")
        self._out.flush()

    def refuse_broken(self, arguments: list[str]) -> None:
        """Answer what is no job at all, which the SDK would answer with a traceback or another job; exit code 1."""
        index = next(i for i, argument in enumerate(arguments) if argument.split("=", 1)[0] == "--test_input")
        text = "".join(arguments[index].split("=", 1)[1:] or arguments[index + 1 : index + 2])
        try:
            job = json.loads(text)
        except ValueError:
            job = None
        if not isinstance(job, dict) or not isinstance(job.get("input"), dict) or not job["input"]:
            message = 'Invalid input: --test_input takes a JSON object like {"input": {"image_url": …}}'
            self.say(_failed(WorkerError(ErrorCode.INVALID_INPUT, message), "local_test", None))
            sys.exit(1)

    def wrap(self, handle: Callable[[Job], Awaitable[dict[str, Any]]]) -> Callable[[Job], Awaitable[dict[str, Any]]]:
        """The handler, printing its reply."""

        async def handle_and_say(job: Job) -> dict[str, Any]:
            reply = await handle(job)
            self.say(reply)
            return dict(reply)

        return handle_and_say


def main() -> None:
    """Start the engine, then hand over to the SDK, which ends the process."""
    try:
        settings = read_settings()
    except SettingsError as error:
        sys.exit(str(error))
    test = LocalTest() if LocalTest.asked_for(sys.argv[1:]) else None
    # The SDK's own default logs whole replies, with their presigned URLs; a test prints its reply itself.
    os.environ.setdefault("RUNPOD_LOG_LEVEL", "WARN" if test else "INFO")
    with contextlib.redirect_stdout(sys.stderr) if test else contextlib.nullcontext():
        import runpod  # noqa: PLC0415 - it reads the environment when it is imported

        logs.set_up(settings.log_level_number, settings.log_format)
        if test:
            test.refuse_broken(sys.argv[1:])
        try:
            make_storage(settings).check()
            remove_leftovers(settings.work_dir)
            with running_engine(settings) as ready:
                handle = make_handler(make_parts(settings, ready))
                runpod.serverless.start({"handler": test.wrap(handle) if test else handle})
        except WorkerError as error:
            _failed(error, "none", None)
            sys.exit(1)
        except SystemExit as ended:
            # The SDK exits with 0 when it is interrupted; a test that was not answered has not succeeded.
            sys.exit(INTERRUPTED if test and not test.answered and not ended.code else ended.code)


if __name__ == "__main__":
    main()
