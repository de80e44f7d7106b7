"""One job from its raw input to its reply, top to bottom.

    request -> recall -> engine ready -> fetch -> prepare -> [graph -> sample, encoder beside it] -> reply -> deliver

Beside fetch and prepare the worker's own storage is looked at. What stands in brackets is done again where `Recovery`
says so. A dry run ends where files would be written for the graph; it needs no engine and no storage.

Blocking: it runs in a thread of its own and looks at a `Cancellation`. What a job needs from the
worker is handed over once, in `Resources`.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from comfy_client.client import Callbacks, new_id
from comfy_client.progress import Position, ProgressReader
from contract.cancel import Cancellation, Deadline
from contract.errors import ErrorCode, Stage, WorkerError
from contract.job import Job
from contract.request import Request, parse_request
from job.attempts import AttemptFrames
from job.disk import disk_faults
from job.keeper import Delivery, fingerprint_of, looking_at, recalled
from job.limits import TimeLimit, hopeless, limit_of, refuse_hopeless
from job.loaded import refuse_without_models
from job.outlook import expected, models_of, work_for
from job.pace import StepTimer
from job.preparation import Layout, PreparedJob, lay_out_job, write_files
from job.quote import Quoted, make_quote
from job.recovery import Recovery
from job.reply import FinishedVideo, Stopwatch, make_reply, sha256_of, with_times
from job.reporter import Reporter
from job.resources import Resources
from job.scenes import pictures_of
from job.views import refuse_without_source_node
from job.voices import refuse_without_separator
from job.workspace import job_folder
from media.video import FrameEncoder
from sources.fetch import fetch_inputs
from storage.base import Storage, storage_key
from workflows.graph import MemoryOptions, build_graph, sampler_node
from workflows.template import Graph

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _JobContext:
    """What one job takes along from stage to stage."""

    resources: Resources
    request: Request
    folder: Path
    limit: TimeLimit
    cancel: Cancellation
    deadline: Deadline
    report: Reporter
    stopwatch: Stopwatch
    warnings: list[str]
    step_timer: StepTimer = field(default_factory=StepTimer)


def run_job(job: Job, resources: Resources, cancel: Cancellation, report: Reporter) -> dict[str, Any]:
    """Make the video of one job and store it, or say what it would take; the reply is plain JSON.

    Raises:
        WorkerError: for every expected failure. The job's folder is gone in any case.
    """
    stopwatch, limit, job_id = Stopwatch(), limit_of(job, resources.job_seconds), str(job["id"])
    report(Stage.VALIDATE)
    report.expect(resources.pace.forecast())
    request = parse_request(job.get("input"))
    refuse_without_models(request.mode, resources.modes)
    refuse_without_separator(request, resources.own_nodes)
    refuse_without_source_node(request, resources.own_nodes)
    storage = resources.storage_of(job, request)
    fingerprint = fingerprint_of(job.get("input"), job.get("s3Config"))
    named = request.upload_url is not None or job.get("s3Config") is not None  # looked at before anything is fetched
    if not request.dry_run:
        with cancel.deadline(limit.left(0), limit.message):
            if done_before := recalled(job_id, fingerprint, storage, resources.keeper, cancel, look=named):
                return done_before
            resources.engine.ensure_ready(cancel)
            stopwatch.lap(Stage.LOAD)
    with job_folder(resources.work_dir, resources.least_disk_bytes) as folder:
        warnings = list(request.warnings)
        with cancel.deadline(limit.left(stopwatch.total), limit.message) as deadline:
            context = _JobContext(resources, request, folder, limit, cancel, deadline, report, stopwatch, warnings)
            if request.dry_run:
                return _quote(job_id, storage.note, context)
            finished, video = _make_video(job_id, None if named else storage, context)
        reply = _deliver(finished, video, fingerprint, storage, context)
    if finished.attempts == 1:
        _learn(finished, context)
    else:
        resources.pace.unload()
        resources.loaded.forget()
    return with_times(reply, stopwatch)


def make_and_discard(
    raw: Mapping[str, Any], resources: Resources, cancel: Cancellation, report: Reporter
) -> Mapping[Stage, float]:
    """Make the video of a raw `input`, throw it away, and learn no more of it than what is loaded now; the seconds of
    each stage. Raises WorkerError as `run_job`."""
    stopwatch, limit, request = Stopwatch(), TimeLimit(resources.job_seconds), parse_request(raw)
    resources.engine.ensure_ready(cancel)
    with (
        job_folder(resources.work_dir, resources.least_disk_bytes) as folder,
        cancel.deadline(limit.left(0), limit.message) as deadline,
    ):
        context = _JobContext(resources, request, folder, limit, cancel, deadline, report, stopwatch, [])
        plan = _make_video("warm-up", None, context)[0].prepared.plan
    loading = {Stage.LOAD: stopwatch.of(Stage.LOAD)}
    resources.pace.learn(work_for(request, plan, 1), loading, models=models_of(request, 1, resources.variants))
    return stopwatch.seconds


def _quote(job_id: str, note: str | None, context: _JobContext) -> dict[str, Any]:
    """The reply to a dry run. `note`: what there is to know of where the video would be."""
    request, resources, warnings, stopwatch = context.request, context.resources, context.warnings, context.stopwatch
    context.report.expect(resources.pace.forecast().until(Stage.PREPARE))
    layout = _laid_out(context)
    if refused := hopeless(layout.plan, resources.pace, context.limit, 0):
        warnings.append(f"with this time limit the job is refused: {refused}")
    warnings += [note] if note else []
    stopwatch.lap(Stage.PREPARE)
    work = work_for(request, layout.plan, layout.tracks)
    forecast = expected(request, layout.plan, layout.tracks, resources.variants, resources.pace)
    quoted = Quoted(job_id, request, layout, work, forecast, resources.gpu, resources.engine_name, warnings)
    return make_quote(quoted, stopwatch)


def _deliver(
    finished: FinishedVideo, video: Path, fingerprint: str, storage: Storage, context: _JobContext
) -> dict[str, Any]:
    """Store the video, or keep it; the reply with its place."""
    request, stopwatch, job_id = context.request, context.stopwatch, finished.job_id
    context.report(Stage.UPLOAD)
    key, reply = storage_key(request.output_key, job_id), make_reply(finished, stopwatch)
    delivery = Delivery(job_id, fingerprint, key, video, reply, lasting_url=request.upload_url is not None)
    seconds = context.limit.delivery(stopwatch.total, stopwatch.of(Stage.ENCODE))
    with context.cancel.deadline(seconds, "the storage did not take it in time"):
        delivered = context.resources.keeper.deliver(delivery, storage, context.cancel)
    stopwatch.lap(Stage.UPLOAD)
    return delivered


def _learn(finished: FinishedVideo, context: _JobContext) -> None:
    """Let the next forecasts know how long this undisturbed job took."""
    timer, voices = context.step_timer, len(finished.prepared.voices)
    context.resources.pace.learn(
        work_for(context.request, finished.prepared.plan, voices),
        context.stopwatch.seconds,
        timer.seconds,
        beside=timer.beside,
        models=models_of(context.request, voices, context.resources.variants),
        others=context.resources.loaded.models,
    )


def _make_video(job_id: str, storage: Storage | None, context: _JobContext) -> tuple[FinishedVideo, Path]:
    """Everything up to the finished MP4 in the job's folder. `storage`: which is still to be looked at."""
    request, resources, stopwatch, report = context.request, context.resources, context.stopwatch, context.report
    resources.marks.rehearse(context.cancel)
    with looking_at(storage, context.cancel):
        prepared = write_files(_laid_out(context), context.folder, context.cancel)
    refuse_hopeless(prepared.plan, resources.pace, context.limit, stopwatch.total)
    forecast = expected(request, prepared.plan, len(prepared.voices), resources.variants, resources.pace)
    report.expect(forecast)
    report.tell(context.warnings)
    stopwatch.lap(Stage.PREPARE)
    recovery = Recovery(MemoryOptions(request.blocks_to_swap), resources.engine, context.warnings, context.cancel)
    video, spec = None, replace(prepared.video, comment=resources.marks.comment)
    shown = frozenset(prepared.plan.window_ends if request.preview else ())
    with AttemptFrames(spec, context.folder, context.cancel, shown=shown, show=report.show) as attempts:
        while video is None:
            report(Stage.LOAD)
            try:
                video = _generate(prepared, recovery.memory, attempts, context)
            except WorkerError as error:
                recovery.after(error, attempts.windows(prepared.plan))
    marks = resources.marks.put(video, request.mode, context.warnings, context.cancel)
    stopwatch.lap(Stage.ENCODE)
    finished = FinishedVideo(
        job_id=job_id,
        request=replace(request, blocks_to_swap=recovery.memory.blocks_to_swap),
        prepared=prepared,
        size_bytes=video.stat().st_size,
        sha256=sha256_of(video),
        engine=resources.engine_name,
        warnings=context.warnings,
        attempts=recovery.attempts,
        marks=marks,
        forecast=forecast,
        gpu=resources.gpu,
    )
    return finished, video


def _laid_out(context: _JobContext) -> Layout:
    """The sources fetched, and all that can be known of them."""
    request, resources = context.request, context.resources
    context.report(Stage.FETCH)
    sources = tuple(speaker.audio for speaker in request.speakers)
    inputs = fetch_inputs(
        request.image,
        sources,
        context.folder,
        resources.limits,
        context.cancel,
        video=request.dub.video if request.dub else None,
        pictures=pictures_of(request),
    )
    context.stopwatch.lap(Stage.FETCH)
    context.report(Stage.PREPARE)
    return lay_out_job(
        request,
        inputs,
        context.folder,
        context.warnings,
        context.cancel,
        audio_max_seconds=resources.audio_max_seconds,
        video_max_seconds=resources.video_max_seconds,
        own_nodes=resources.own_nodes,
    )


def _generate(prepared: PreparedJob, memory: MemoryOptions, attempts: AttemptFrames, context: _JobContext) -> Path:
    """Run the graph once while the encoder follows the frames; returns the MP4."""
    finished = attempts.finished
    frames, encoder = attempts.begin()
    graph = build_graph(
        context.request,
        prepared,
        frames_parent=frames,
        memory=memory,
        models=context.resources.variants.choose(context.request.mode, len(prepared.voices)),
        precision=context.resources.precision,
    )
    known = models_of(context.request, len(prepared.voices), context.resources.variants)
    context.resources.loaded.keep_beside(graph, context.request.mode, known)
    plan, prompt_id = prepared.plan, new_id()
    ticks = plan.latent_frames if memory.tiled_vae else None
    reader = ProgressReader(
        prompt_id, sampler_node(graph), plan.windows, plan.steps, plan.announced_steps, vae_ticks=ticks
    )
    with disk_faults(frames):
        _sample(graph, reader, encoder, context, finished)
        finishing = context.limit.finishing(context.stopwatch.total)
        context.deadline.set(finishing, "The video was not encoded in time")
        context.report(Stage.ENCODE)
        video = encoder.result()
        context.stopwatch.lap(Stage.ENCODE)
        return video


def _sample(graph: Graph, reader: ProgressReader, encoder: FrameEncoder, context: _JobContext, finished: int) -> None:
    """Post the graph and follow it to its end. Until the last weights are there the time is LOAD's, then SAMPLE's; the
    first `finished` windows are passed over and count as loading."""
    resources, stopwatch, client = context.resources, context.stopwatch, context.resources.engine.client
    stage = Stage.LOAD

    def moved(position: Position) -> None:
        nonlocal stage
        if 0 < position.window <= finished:
            return
        if position.window:
            context.step_timer.done(position.window, position.step)
        if stage is Stage.LOAD and position.window:
            stage = Stage.SAMPLE
            stopwatch.lap(Stage.LOAD)
        context.report(stage, position if position.window else None)

    def on_poll() -> None:
        resources.engine.check()
        encoder.check()

    callbacks = Callbacks(on_poll, lambda read: moved(read.position), lambda: encoder.fed)
    try:
        client.run(graph, reader, callbacks, resources.stall_timeouts, context.cancel)
        context.step_timer.ended()
    except WorkerError as error:
        if error.code is ErrorCode.CANCELLED or not encoder.has_every_frame():
            raise
        if error.code is ErrorCode.GPU_FAULT:
            resources.engine.distrust()
        log.warning("every frame is there, so the job goes on, although: %s", error.message)
    finally:
        client.forget(reader.prompt_id)
        stopwatch.lap(stage)
