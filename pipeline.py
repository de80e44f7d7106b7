"""One job from its raw input to its reply, top to bottom.

    request -> fetch -> prepare -> graph -> sample (the encoder follows) -> upload -> reply

Blocking: it runs in a thread of its own and looks at a `Cancellation`. What a job needs from the
worker is handed over once, in `Parts`.
"""

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from comfy_client.client import Watch, new_id
from comfy_client.progress import Position, ProgressReader
from comfy_client.supervisor import Engine
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from contract.request import Request, parse_request
from contract.response import GenerationParams, Reply, Timings, VideoInfo
from media.fetch import FetchLimits, fetch_inputs
from media.video import FrameEncoder
from scene import Scene, prepare
from storage.base import Storage, storage_key
from workflows.graph import Graph, GraphValues, Precision, build_graph, output_node, sampler_node, workflow_version
from workflows.models import choose_models

log = logging.getLogger(__name__)

# Percent of a job at which a stage begins; sampling takes nearly all of the time.
BEGINS = {
    Stage.VALIDATE: 0,
    Stage.FETCH: 0,
    Stage.PREPARE: 2,
    Stage.LOAD: 4,
    Stage.SAMPLE: 10,
    Stage.ENCODE: 96,
    Stage.UPLOAD: 98,
}


@dataclass(frozen=True)
class Parts:
    """What every job of this worker shares. `engine_name` is "comfyui" or "simulator"."""

    engine_name: Literal["comfyui", "simulator"]
    engine: Engine
    modes: tuple[str, ...]
    storage: Storage
    limits: FetchLimits
    precision: Precision
    base_model: str
    stall_seconds: float
    load_seconds: float
    work_dir: Path


@dataclass(frozen=True)
class Progress:
    """Where a job is; `position` only while sampling."""

    stage: Stage
    percent: float
    position: Position | None = None


Report = Callable[[Progress], None]


class Stopwatch:
    """Seconds of wall clock per stage."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._mark = self._begun
        self._seconds: dict[Stage, float] = {}

    def lap(self, stage: Stage) -> None:
        """What passed since the last lap belongs to `stage`."""
        now = time.monotonic()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._mark
        self._mark = now

    def of(self, stage: Stage) -> float:
        """Seconds of a stage, to a millisecond."""
        return round(self._seconds.get(stage, 0.0), 3)

    @property
    def total(self) -> float:
        """Seconds since the job began, to a millisecond."""
        return round(time.monotonic() - self._begun, 3)


def run_job(job_id: str, raw: object, parts: Parts, cancel: Cancellation, report: Report) -> Reply:
    """Make the video of one job and store it.

    Raises:
        WorkerError: for every expected failure. The job's folder is gone in any case.
    """
    watch = Stopwatch()
    report(_at(Stage.VALIDATE))
    request = parse_request(raw)
    if request.mode not in parts.modes:
        raise WorkerError(
            ErrorCode.MODELS_MISSING,
            f"Required models are missing: this worker has those of {' and '.join(parts.modes)}, not of {request.mode}",
            stage=Stage.VALIDATE,
        )
    warnings = list(request.warnings)
    with _job_folder(parts.work_dir) as folder:
        report(_at(Stage.FETCH))
        sources = tuple(speaker.audio for speaker in request.speakers)
        inputs = fetch_inputs(request.image, sources, folder, parts.limits, cancel)
        watch.lap(Stage.FETCH)

        report(_at(Stage.PREPARE))
        scene = prepare(request, inputs, folder, warnings, cancel)
        graph = _graph(request, scene, folder / "frames", parts)
        watch.lap(Stage.PREPARE)

        report(_at(Stage.LOAD))
        video = _generate(graph, scene, folder, _Course(parts, cancel, report, watch))

        report(_at(Stage.UPLOAD))
        digest = hashlib.sha256()
        with video.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        stored = parts.storage.put(video, storage_key(request.output_key, job_id))
        watch.lap(Stage.UPLOAD)
    return Reply(
        output_video_url=stored.url,
        processing_time_seconds=watch.total,
        generation_time_seconds=round(watch.of(Stage.LOAD) + watch.of(Stage.SAMPLE), 3),
        video_info=_video_info(request, scene, stored.size_bytes, digest.hexdigest()),
        generation_params=_generation_params(request, scene),
        timings=_timings(watch),
        warnings=tuple(warnings),
        engine=parts.engine_name,
        job_id=job_id,
        expires_at=stored.expires_at.isoformat() if stored.expires_at else None,
        metadata=request.metadata,
    )


@dataclass(frozen=True)
class _Course:
    """What goes along with a job from stage to stage."""

    parts: Parts
    cancel: Cancellation
    report: Report
    watch: Stopwatch


def _generate(graph: Graph, scene: Scene, folder: Path, course: _Course) -> Path:
    """Run the graph while the encoder follows the frames; returns the MP4."""
    parts, watch, report, cancel = course.parts, course.watch, course.report, course.cancel
    plan, prompt_id = scene.plan, new_id()
    reader = ProgressReader(prompt_id, sampler_node(graph), plan.windows, plan.steps, plan.announced_steps)
    frames = folder / "frames"
    frames.mkdir()
    with FrameEncoder(scene.video, frames, folder / "video.mp4", cancel) as encoder:
        sampling = False

        def moved(position: Position) -> None:
            nonlocal sampling
            if not sampling and position.window:
                sampling = True
                watch.lap(Stage.LOAD)
            span = BEGINS[Stage.ENCODE] - BEGINS[Stage.SAMPLE]
            percent = BEGINS[Stage.SAMPLE] + span * position.share
            report(Progress(Stage.SAMPLE, percent, position) if sampling else _at(Stage.LOAD))

        def beat() -> None:
            parts.engine.check()
            encoder.check()

        eyes = Watch(
            beat, lambda read: moved(read.position), lambda: encoder.fed, parts.stall_seconds, parts.load_seconds
        )
        client = parts.engine.client
        try:
            outputs = client.run(graph, prompt_id, reader, eyes, cancel)
        finally:
            client.forget(prompt_id)
        watch.lap(Stage.SAMPLE if sampling else Stage.LOAD)
        log.info("the frames were written to %s", Path(outputs[output_node(graph)]["text"][0]).name)
        report(_at(Stage.ENCODE))
        video = encoder.result()
        watch.lap(Stage.ENCODE)
        return video


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


def _at(stage: Stage) -> Progress:
    return Progress(stage, BEGINS[stage])


def _graph(request: Request, scene: Scene, frames: Path, parts: Parts) -> Graph:
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
            blocks_to_swap=request.blocks_to_swap,
            models=choose_models(request.mode, len(scene.voices), parts.base_model),
            precision=parts.precision,
        )
    )


def _video_info(request: Request, scene: Scene, size_bytes: int, sha256: str) -> VideoInfo:
    return VideoInfo(
        width=scene.video.width,
        height=scene.video.height,
        fps=scene.video.fps,
        file_size_mb=round(size_bytes / 1e6, 3),
        mode=request.mode,
        audio_files_used=len(request.speakers),
        duration_seconds=round(scene.video.seconds, 3),
        frames=scene.video.output_frames,
        windows=scene.plan.windows,
        sha256=sha256,
    )


def _generation_params(request: Request, scene: Scene) -> GenerationParams:
    return GenerationParams(
        positive_prompt=request.positive_prompt,
        negative_prompt=request.negative_prompt,
        steps=request.steps,
        cfg_scale=request.cfg_scale,
        seed=request.seed,
        scheduler=request.scheduler,
        mode=request.mode,
        block_swap=request.blocks_to_swap is not None,
        speed_lora=request.speed_lora_strength is not None,
        workflow_version=workflow_version(request.mode),
        blocks_to_swap=request.blocks_to_swap,
        speed_lora_strength=request.speed_lora_strength,
        shift=scene.shift,
        audio_scale=request.audio_scale,
        audio_cfg_scale=request.audio_cfg_scale,
        color_match=scene.color_match,
        window_frames=scene.plan.window,
        overlap_frames=scene.plan.overlap,
    )


def _timings(watch: Stopwatch) -> Timings:
    return Timings(
        fetch=watch.of(Stage.FETCH),
        prepare=watch.of(Stage.PREPARE),
        load=watch.of(Stage.LOAD),
        sample=watch.of(Stage.SAMPLE),
        encode=watch.of(Stage.ENCODE),
        upload=watch.of(Stage.UPLOAD),
    )
