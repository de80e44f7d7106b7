"""The RunPod worker: takes jobs, runs one at a time, and answers each with a reply or an error.

    python handler.py                                        RunPod serverless
    python handler.py --test_input FILE.json                 one job (or its JSON itself); exit code 0 or 1
    python handler.py --rp_serve_api                         a local HTTP API

All three answer a job in the same way. This is the only file that imports the RunPod SDK, and the one edge
where errors become replies.
"""

import contextlib
import signal
import sys

from worker import logs
from worker.early_start import EarlyComfyUI, begin
from worker.settings import SettingsError, read_settings

HELP = {"-h", "--help"}


def begin_comfyui(arguments: list[str]) -> EarlyComfyUI | None:
    """Begin what takes the longest before everything else is imported, which takes half a second. None where no
    ComfyUI of this machine is asked for, or the settings are bad: `main` tells it."""
    # As the first process of a container it would not be ended by a signal that nobody handles. The SDK sets its own
    # handler once it takes jobs.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda sent, _: sys.exit(128 + sent))
    if HELP & set(arguments):
        return None
    try:
        settings = read_settings()
    except SettingsError:
        return None
    logs.set_up(settings.log_level_number, settings.log_format, settings.secrets)
    return begin(settings)


EARLY = begin_comfyui(sys.argv[1:]) if __name__ == "__main__" else None

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from contract.job import Job
from contract.response import failure
from contract.version import VERSION
from job.pipeline import run_job
from job.reporter import PAUSE_SECONDS, Reporter, Update
from job.resources import Resources
from worker.children import end_with_this_process
from worker.job_thread import JobThread, is_any_left
from worker.late_jobs import with_late_jobs
from worker.local_run import LOCAL_ID, USAGE, USUAL_FILE, LocalRun, show_preview
from worker.progress_sender import ProgressSender
from worker.sdk_import import sparing_import
from worker.settings import Settings
from worker.slips import misspelt
from worker.startup import Startup

log = logging.getLogger(__name__)
EXIT_INTERRUPTED = 130
JOBS_COME = {"RUNPOD_WEBHOOK_GET_JOB", "RUNPOD_REALTIME_PORT"}  # set by RunPod
# After these the engine may not be what it was; the next job gets a fresh one.
ENGINE_FAULTS = (ErrorCode.ENGINE_UNAVAILABLE, ErrorCode.ENGINE_CRASHED, ErrorCode.GPU_FAULT)
REPLACE_AT_ONCE = (ErrorCode.GPU_FAULT, ErrorCode.WORKER_UNFIT)  # no job would do better on this worker
# These can happen at any stage, and are told with the one that the job was in.
AT_ANY_STAGE = (
    ErrorCode.CANCELLED,
    ErrorCode.WORKER_UNFIT,
    ErrorCode.DEADLINE_EXCEEDED,
    ErrorCode.ENGINE_UNAVAILABLE,
    ErrorCode.INTERNAL,
)
# Switches off what the SDK would do by itself. Its default level logs whole replies, with their presigned URLs. Its GPU
# checks would open a CUDA context here beside ComfyUI's, and its system checks end workers without a way to the outside
# or with a well-filled disk: `startup` checks what this worker needs. docs/facts/runpod.md#logging, #fitness-checks
SDK_SWITCHES = {"RUNPOD_SKIP_GPU_CHECK": "true", "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true", "RUNPOD_LOG_LEVEL": "INFO"}
LEAVE = "leave"  # in a reply on its way to `handle`, which takes it out again
Send = Callable[[Job, Update], None]


def make_handler(
    resources: Callable[[], Resources],
    send: Send | None = None,
    retire: Callable[[bool], None] = lambda _: None,
    pause: float = PAUSE_SECONDS,
) -> Callable[[Job], Awaitable[dict[str, Any]]]:
    """The coroutine function that the SDK calls with each job.

    Args:
        resources: what jobs need; called for each job.
        send: passes a progress update of a job on; None: nobody is told.
        retire: called when this worker should be replaced after the job; with True where the SDK, which is not told
            how a cancelled job ended, must be stopped.
        pause: seconds between two updates at least.
    """
    turn = asyncio.Lock()

    async def handle(job: Job) -> dict[str, Any]:
        logs.job_id.set(str(job["id"]))
        async with turn:
            cancel = Cancellation()
            update = None if send is None else lambda told: send(job, told)
            now = resources()
            work = JobThread(lambda: answer(job, now, cancel, update, pause), cancel, now.obey_seconds)
            try:
                reply = await work.reply() or _left_behind(str(job["id"]))
            except asyncio.CancelledError:
                cancel.cancel()
                last = await work.last_reply() or _left_behind(str(job["id"]))
                if last.get(LEAVE, False):
                    retire(True)
                raise
            if reply.pop(LEAVE, False):
                retire(False)
            return reply

    return handle


def _left_behind(job_id: str) -> dict[str, Any]:
    error = WorkerError(ErrorCode.WORKER_UNFIT, "This worker hangs: the job could not be ended")
    return {**_failed(error, job_id, None), LEAVE: True}


def answer(
    job: Job,
    resources: Resources,
    cancel: Cancellation,
    send: Callable[[Update], None] | None = None,
    pause: float = PAUSE_SECONDS,
) -> dict[str, Any]:
    """Run one job and turn whatever happens into plain JSON: the edge.

    `LEAVE` in it asks for another worker in place of this one: after a fault of the GPU or the disk, where ComfyUI
    failed again and again, where a volume hangs, and after two jobs in a row that failed for a cause in this worker.
    """
    reporter = Reporter(send, pause)
    try:
        with reporter:
            reply = run_job(job, resources, cancel, reporter)
        json.dumps(reply, allow_nan=False, ensure_ascii=False).encode()  # as the SDK sends it: no lone surrogate
        if reply["status"] == "completed":  # a dry run proves little of this worker
            resources.health.succeeded()
        log.info("%s in %.1f s", reply["status"].replace("_", " "), reply["processing_time_seconds"])
        return _asking(reply, resources)
    except WorkerError as error:
        if error.code in ENGINE_FAULTS:
            resources.engine.distrust()
        reply = _failed(error, str(job["id"]), reporter.stage)
        return _asking(reply, resources, resources.health.failed(error) or error.code in REPLACE_AT_ONCE)
    except Exception as error:
        unexpected = WorkerError(ErrorCode.INTERNAL, "The worker failed unexpectedly; its log has the details")
        log.exception("unexpected: %s", type(error).__name__)
        return _asking(_failed(unexpected, str(job["id"]), reporter.stage), resources)
    finally:
        resources.engine.rest()


def _asking(reply: dict[str, Any], resources: Resources, replace: bool = False) -> dict[str, Any]:
    """The reply, asking for another worker where `replace` says so or this one is not what it was."""
    replace = replace or resources.engine.gave_up or resources.health.hangs
    return {**reply, LEAVE: True} if replace else reply


def _failed(error: WorkerError, job_id: str, stage: Stage | None) -> dict[str, Any]:
    """Log the failure and make its reply; what can happen anywhere is told with the stage that the job was in."""
    if error.code in AT_ANY_STAGE and stage is not None:
        error.stage = stage
    level = logging.INFO if error.code is ErrorCode.CANCELLED else logging.ERROR
    log.log(level, "failed at %s with %s: %s", error.stage, error.code, error.message)
    if error.detail:
        log.error("detail: %s", error.detail)
    return failure(error, job_id)


def main() -> None:
    """Read the settings, register or run the checks (the last waits for ComfyUI), hand over to the SDK."""
    arguments = sys.argv[1:]
    if HELP & set(arguments):
        sys.stdout.write(USAGE)
        return
    local = _local_run(arguments)
    try:
        settings = read_settings()
    except SettingsError as error:
        if local:
            local.say(failure(WorkerError(ErrorCode.SETTINGS_INVALID, str(error)), LOCAL_ID))
        sys.exit(str(error))
    for name, value in {**SDK_SWITCHES, **({"RUNPOD_LOG_LEVEL": "WARN"} if local else {})}.items():
        os.environ.setdefault(name, value)
    with contextlib.redirect_stdout(sys.stderr) if local else contextlib.nullcontext():
        try:
            _serve(settings, local)
        except WorkerError as error:
            reply = _failed(error, LOCAL_ID, None)
            if local:
                local.say(reply)
            sys.exit(1)
        except SystemExit as ended:
            # The SDK exits with 0 when it is interrupted; a local run that was not answered has not succeeded.
            code = EXIT_INTERRUPTED if local and not local.answered and not ended.code else ended.code
            if local:
                local.ended(code)
            sys.exit(code)


def _local_run(arguments: list[str]) -> LocalRun | None:
    """The one job to run here, or None where jobs come from elsewhere. Ends the process where there are none at all."""
    no_queue = "--rp_serve_api" not in arguments and not JOBS_COME & os.environ.keys()
    local = LocalRun.asked_for(arguments, Path.cwd() if no_queue else None)
    if no_queue and not local:
        sys.exit(f"no job: there is no {USUAL_FILE} here\n\n{USAGE}")
    return local


def _serve(settings: Settings, local: LocalRun | None) -> None:
    logs.set_up(settings.log_level_number, settings.log_format, settings.secrets)
    log.info("talking-video worker %s", VERSION)
    if local and local.fault:
        local.say(_failed(local.fault, LOCAL_ID, None))
        sys.exit(1)
    if local:
        sys.argv[1:] = local.arguments
    on_runpod = settings.runpod_webhook_get_job is not None and not local and "--rp_serve_api" not in sys.argv
    with contextlib.ExitStack() as stack:
        startup = Startup(settings, stack, EARLY, remembers=on_runpod)
        with sparing_import():
            import runpod  # noqa: PLC0415 - it reads the environment when it is imported

        _begin_log(settings)
        for check in startup.checks:
            if on_runpod:
                runpod.serverless.register_fitness_check(check)
            else:
                check()
        send: Send | None = partial(show_preview, folder=settings.output_dir) if local else None
        if on_runpod:
            send = ProgressSender(runpod.serverless.progress_update)
        config = _configuration(startup, send, local)
        _mend_sdk()
        end_with_this_process()
        runpod.serverless.start(config)
    if startup.hangs or is_any_left():
        logging.shutdown()
        os._exit(0)  # a thread that waits for a volume is waited for by nobody


def _begin_log(settings: Settings) -> None:
    """Once more, as the SDK begins a log of its own when it is imported; with names that are nearly settings."""
    logs.set_up(settings.log_level_number, settings.log_format, settings.secrets)
    for name, meant in misspelt(os.environ):
        log.warning("the environment variable %s is no setting; did you mean %s?", name, meant)


def _configuration(startup: Startup, send: Send | None, local: LocalRun | None) -> dict[str, Any]:
    """What the SDK's `start` takes."""
    config: dict[str, Any] = {}

    def retire(stop: bool) -> None:
        # In the configuration, unlike in a reply, it also ends the SDK's own loop, which might take another job:
        # docs/facts/runpod.md#replacing-a-worker.
        config["refresh_worker"] = True
        if stop:
            signal.raise_signal(signal.SIGTERM)

    handle = make_handler(lambda: startup.resources, send, retire, pause=0.0 if local else PAUSE_SECONDS)
    config["handler"] = local.wrap(handle) if local else handle
    return config


def _mend_sdk() -> None:
    """Do what the SDK (1.12.0) leaves undone, and has no setting for: docs/upstream.md."""
    from aiohttp import ClientConnectionError  # noqa: PLC0415 - after `runpod`, which reads the environment
    from runpod.serverless.modules import rp_http, rp_scale  # noqa: PLC0415

    rp_scale.JobScaler = with_late_jobs(rp_scale.JobScaler, rp_scale.AsyncClientSession)
    rp_http.FibonacciRetry = partial(rp_http.FibonacciRetry, exceptions={ClientConnectionError})


if __name__ == "__main__":
    with contextlib.closing(EARLY) if EARLY else contextlib.nullcontext():
        main()
