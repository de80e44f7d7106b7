"""One job from its raw input to its reply, top to bottom.

    request -> recall -> fetch -> prepare -> graph -> sample (the encoder follows) -> deliver -> reply

Blocking: it runs in a thread of its own and looks at a `Cancellation`. What a job needs from the
worker is handed over once, in `Parts`.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from comfy_client.client import Watch, new_id
from comfy_client.progress import Position, ProgressReader
from comfy_client.supervisor import Engine
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from contract.request import Request, parse_request
from job.health import Health
from job.keeper import Keeper, Parcel, fingerprint
from job.limits import TimeLimit, limit_of, refuse_hopeless, work_of
from job.pace import Pace, Steps
from job.preparation import Scene, prepare
from job.recovery import Effort, Recovery
from job.reply import Made, Stopwatch, make_reply, sha256_of, with_times
from job.reporter import Reporter
from media.video import FrameEncoder
from sources.fetch import FetchLimits, fetch_inputs
from storage.base import Storage, storage_key
from workflows.graph import Graph, GraphValues, Precision, build_graph, output_node, sampler_node
from workflows.models import Variants

log = logging.getLogger(__name__)

Job = Mapping[str, Any]


@dataclass(frozen=True)
class Parts:
    """What every job of this worker shares. `engine_name` is "comfyui" or "simulator"; `job_seconds` is the longest
    that a job may take where it has no limit of its own (None: no limit)."""

    engine_name: Literal["comfyui", "simulator"]
    engine: Engine
    modes: tuple[str, ...]
    storage_of: Callable[[Job, Request], Storage]
    keeper: Keeper
    limits: FetchLimits
    precision: Precision
    variants: Variants
    pace: Pace
    job_seconds: float | None
    stall_seconds: float
    load_seconds: float
    work_dir: Path
    audio_max_seconds: float
    health: Health = field(default_factory=Health)


@dataclass(frozen=True)
class _Course:
    """What goes along with a job from stage to stage."""

    parts: Parts
    request: Request
    folder: Path
    limit: TimeLimit
    cancel: Cancellation
    report: Reporter
    watch: Stopwatch
    warnings: list[str]
    steps: Steps


def run_job(job: Job, parts: Parts, cancel: Cancellation, report: Reporter) -> dict[str, Any]:
    """Make the video of one job and store it; the reply is plain JSON.

    Raises:
        WorkerError: for every expected failure. The job's folder is gone in any case.
    """
    watch, limit, job_id = Stopwatch(), limit_of(job, parts.job_seconds), str(job["id"])
    report(Stage.VALIDATE)
    report.expect(parts.pace.forecast())
    request = parse_request(job.get("input"))
    if request.mode not in parts.modes:
        raise WorkerError(
            ErrorCode.MODELS_MISSING,
            f"Required models are missing: this worker has those of {' and '.join(parts.modes)}, not of {request.mode}",
            stage=Stage.VALIDATE,
        )
    storage = parts.storage_of(job, request)
    mark = fingerprint(job.get("input"), job.get("s3Config"))
    with cancel.deadline(limit.left(0), limit.message):
        done_before = _recall(job_id, mark, storage, parts.keeper, cancel)
        if done_before is not None:
            return done_before
        parts.engine.ensure_ready(cancel)
        watch.lap(Stage.LOAD)
    with _job_folder(parts.work_dir) as folder:
        course = _Course(parts, request, folder, limit, cancel, report, watch, list(request.warnings), Steps())
        with cancel.deadline(limit.left(watch.total), limit.message):
            made, video = _make_video(job_id, course)
        report(Stage.UPLOAD)
        key = storage_key(request.output_key, job_id)
        draft = make_reply(made, watch)
        parcel = Parcel(job_id, mark, key, video, draft, lasting_url=request.upload_url is not None)
        with cancel.deadline(limit.delivery(watch.total), "the storage did not take it in time"):
            reply = parts.keeper.deliver(parcel, storage, cancel)
        watch.lap(Stage.UPLOAD)
    if made.attempts == 1:
        _learn(made, course)
    return with_times(reply, watch)


def _learn(made: Made, course: _Course) -> None:
    """Let the next forecasts know how long this undisturbed job took."""
    plan, step = made.scene.plan, course.steps.seconds
    waited = course.request.blocks_to_swap is not None
    rate = plan.flop / (plan.windows * plan.steps) / step if step and not waited else None
    course.parts.pace.learn(work_of(plan), course.watch.seconds, rate)


def _recall(job_id: str, mark: str, storage: Storage, keeper: Keeper, cancel: Cancellation) -> dict[str, Any] | None:
    """The reply of this very job where it was done before. Else the storage has been found to be usable."""
    settled = keeper.recall_settled(job_id, mark)  # whose place may have expired since
    if settled is not None:
        return settled
    try:
        storage.check(Stage.VALIDATE)
    except WorkerError as error:
        raise keeper.remind(job_id, mark, error) from error
    return keeper.recall(job_id, mark, storage, cancel)


def _make_video(job_id: str, course: _Course) -> tuple[Made, Path]:
    """Everything up to the finished MP4 in the job's folder."""
    request, parts, watch, report = course.request, course.parts, course.watch, course.report
    report(Stage.FETCH)
    sources = tuple(speaker.audio for speaker in request.speakers)
    inputs = fetch_inputs(request.image, sources, course.folder, parts.limits, course.cancel)
    watch.lap(Stage.FETCH)

    report(Stage.PREPARE)
    longest = parts.audio_max_seconds
    scene = prepare(request, inputs, course.folder, course.warnings, course.cancel, audio_max_seconds=longest)
    size = (scene.video.width, scene.video.height)
    refuse_hopeless(scene.plan, size, parts.pace, course.limit, watch.total)
    report.expect(parts.pace.forecast(work_of(scene.plan)))
    watch.lap(Stage.PREPARE)

    recovery = Recovery(Effort(request.blocks_to_swap), parts.engine, course.warnings, course.cancel)
    video = None
    while video is None:
        report(Stage.LOAD)
        try:
            video = _generate(scene, recovery.effort, course)
        except WorkerError as error:
            recovery.after(error)
    made = Made(
        job_id=job_id,
        request=replace(request, blocks_to_swap=recovery.effort.blocks_to_swap),
        scene=scene,
        size_bytes=video.stat().st_size,
        sha256=sha256_of(video),
        engine=parts.engine_name,
        warnings=course.warnings,
        attempts=recovery.attempts,
    )
    return made, video


def _generate(scene: Scene, effort: Effort, course: _Course) -> Path:
    """Run the graph once while the encoder follows the frames; returns the MP4."""
    frames = Path(tempfile.mkdtemp(prefix="frames-", dir=course.folder))
    graph = _graph(course.request, scene, frames, effort, course.parts)
    plan, prompt_id = scene.plan, new_id()
    reader = ProgressReader(prompt_id, sampler_node(graph), plan.windows, plan.steps, plan.announced_steps)
    try:
        with FrameEncoder(scene.video, frames, course.folder / "video.mp4", course.cancel) as encoder:
            _sample(graph, reader, encoder, course)
            course.report(Stage.ENCODE)
            video = encoder.result()
            course.watch.lap(Stage.ENCODE)
            return video
    finally:
        shutil.rmtree(frames, ignore_errors=True)


def _sample(graph: Graph, reader: ProgressReader, encoder: FrameEncoder, course: _Course) -> None:
    parts, watch, client = course.parts, course.watch, course.parts.engine.client
    stage = Stage.LOAD

    def moved(position: Position) -> None:
        nonlocal stage
        if position.window:
            course.steps.done(position.window, position.step)
        if stage is Stage.LOAD and position.window:
            stage = Stage.SAMPLE
            watch.lap(Stage.LOAD)
        course.report(stage, position if position.window else None)

    def beat() -> None:
        parts.engine.check()
        encoder.check()

    eyes = Watch(beat, lambda read: moved(read.position), lambda: encoder.fed, parts.stall_seconds, parts.load_seconds)
    try:
        outputs = client.run(graph, reader.prompt_id, reader, eyes, course.cancel)
        log.info("the frames were written to %s", Path(outputs[output_node(graph)]["text"][0]).name)
    finally:
        client.forget(reader.prompt_id)
        watch.lap(stage)


@contextmanager
def _job_folder(parent: Path) -> Iterator[Path]:
    """A folder that only this job uses and that is gone after it, whatever happened."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"job-{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(parent: Path) -> None:
    """Remove the job folders of workers that were killed: those whose process is gone, or has our own number."""
    for folder in parent.glob("job-*-*"):
        process = folder.name.split("-")[1]
        if process.isdecimal() and (int(process) == os.getpid() or not Path("/proc", process).exists()):
            shutil.rmtree(folder, ignore_errors=True)


def _graph(request: Request, scene: Scene, frames: Path, effort: Effort, parts: Parts) -> Graph:
    return build_graph(
        GraphValues(
            mode=request.mode,
            plan=scene.plan,
            width=scene.video.width,
            height=scene.video.height,
            portrait=scene.portrait,
            voices=scene.voices,
            masks=scene.masks,
            frames_parent=frames,
            positive_prompt=request.positive_prompt,
            negative_prompt=request.negative_prompt,
            steps=request.steps,
            cfg=request.cfg_scale,
            shift=scene.shift,
            seed=request.seed,
            scheduler=request.scheduler,
            audio_scale=request.audio_scale,
            audio_cfg_scale=request.audio_cfg_scale,
            color_match=scene.color_match,
            speed_lora=request.speed_lora_strength,
            blocks_to_swap=effort.blocks_to_swap,
            tiled_vae=effort.tiled_vae,
            models=parts.variants.choose(request.mode, len(scene.voices)),
            precision=parts.precision,
        )
    )
