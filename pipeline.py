"""One job from its raw input to its reply, top to bottom.

    request -> fetch -> prepare -> graph -> sample (the encoder follows) -> upload -> reply

Blocking: it runs in a thread of its own and looks at a `Cancellation`. What a job needs from the
worker is handed over once, in `Parts`.
"""

import logging
import os
import shutil
import tempfile
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
from contract.response import Reply
from media.fetch import FetchLimits, fetch_inputs
from media.video import FrameEncoder
from reply import Made, Stopwatch, make_reply, sha256_of
from scene import Scene, prepare
from storage.base import Storage, storage_key
from workflows.graph import Graph, GraphValues, Precision, build_graph, output_node, sampler_node
from workflows.models import Variants

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
    variants: Variants
    stall_seconds: float
    load_seconds: float
    work_dir: Path
    audio_max_seconds: float


@dataclass(frozen=True)
class Progress:
    """Where a job is; `position` only while sampling."""

    stage: Stage
    percent: float
    position: Position | None = None


Report = Callable[[Progress], None]


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
        scene = prepare(request, inputs, folder, warnings, cancel, audio_max_seconds=parts.audio_max_seconds)
        graph = _graph(request, scene, folder / "frames", parts)
        watch.lap(Stage.PREPARE)

        report(_at(Stage.LOAD))
        video = _generate(graph, scene, folder, _Course(parts, cancel, report, watch))

        report(_at(Stage.UPLOAD))
        digest = sha256_of(video)
        stored = parts.storage.put(video, storage_key(request.output_key, job_id))
        watch.lap(Stage.UPLOAD)
    made = Made(job_id, request, scene, stored, digest, parts.engine_name, tuple(warnings))
    return make_reply(made, watch)


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
            models=parts.variants.choose(request.mode, len(scene.voices)),
            precision=parts.precision,
        )
    )
