"""The reply of a finished job: what was made, with which values, and how long each stage took."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from contract.dubbing import Dub
from contract.errors import Stage
from contract.model import Timings
from contract.request import Request
from contract.response import GenerationParams, Reply, SourceVideo, VideoInfo, as_json
from job.outlook import forecast_told, work_told
from job.pace import Forecast
from job.preparation import Layout, PreparedJob
from media.crop import Box
from workflows.graph import workflow_version


class Stopwatch:
    """Seconds of wall clock per stage."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lap_began = self._began
        self._seconds: dict[Stage, float] = {}

    def lap(self, stage: Stage) -> None:
        """What passed since the last lap belongs to `stage`."""
        now = time.monotonic()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._lap_began
        self._lap_began = now

    def of(self, stage: Stage) -> float:
        """Seconds of a stage, to a millisecond."""
        return round(self._seconds.get(stage, 0.0), 3)

    @property
    def seconds(self) -> dict[Stage, float]:
        """Of each stage so far."""
        return dict(self._seconds)

    @property
    def total(self) -> float:
        """Seconds since the job began, to a millisecond."""
        return round(time.monotonic() - self._began, 3)


@dataclass(frozen=True)
class FinishedVideo:
    """A job's video, complete and not stored yet, with what its reply tells of it; `forecast` is what was expected of
    this `gpu` before it sampled."""

    job_id: str
    request: Request
    prepared: PreparedJob
    size_bytes: int
    sha256: str
    engine: Literal["comfyui", "simulator"]
    warnings: Sequence[str]
    attempts: int
    forecast: Forecast
    gpu: str
    marks: tuple[str, ...] = ()


def sha256_of(file: Path) -> str:
    """Hex digest, read piece by piece."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def make_reply(finished: FinishedVideo, stopwatch: Stopwatch) -> dict[str, Any]:
    """Everything that a caller may want to know of it, but for the place (`output_video_url`, `expires_at`)."""
    reply = Reply(
        output_video_url="",
        processing_time_seconds=stopwatch.total,
        generation_time_seconds=round(stopwatch.of(Stage.LOAD) + stopwatch.of(Stage.SAMPLE), 3),
        video_info=_video_info(finished),
        generation_params=generation_params(finished.request, finished.prepared),
        timings=timings_of(stopwatch),
        work=work_told(finished.prepared.plan),
        forecast=forecast_told(finished.forecast, finished.gpu),
        warnings=tuple(finished.warnings),
        engine=finished.engine,
        scenes=finished.prepared.scenes or None,
        job_id=finished.job_id,
        expires_at=None,
        metadata=finished.request.metadata,
    )
    return as_json(reply)


def with_times(reply: dict[str, Any], stopwatch: Stopwatch) -> dict[str, Any]:
    """The reply with the seconds as they are now, the delivery's among them."""
    return {
        **reply,
        "processing_time_seconds": stopwatch.total,
        "timings": timings_of(stopwatch).model_dump(mode="json"),
    }


def _video_info(finished: FinishedVideo) -> VideoInfo:
    request, prepared = finished.request, finished.prepared
    return VideoInfo(
        width=prepared.video.width,
        height=prepared.video.height,
        fps=prepared.video.fps,
        file_size_mb=round(finished.size_bytes / 1e6, 3),
        mode=request.mode,
        audio_files_used=len(request.speakers),
        duration_seconds=round(prepared.video.seconds, 3),
        frames=prepared.video.output_frames,
        windows=prepared.plan.windows,
        sha256=finished.sha256,
        regions=tuple(region and _rounded(region) for region in prepared.regions),
        marks=finished.marks,
        source=_source(request.dub, prepared),
    )


def _source(dub: Dub | None, prepared: PreparedJob) -> SourceVideo | None:
    footage = prepared.footage
    if footage is None or dub is None:
        return None
    return SourceVideo(
        width=footage.width,
        height=footage.height,
        fps=round(footage.fps, 3) or None,
        duration_seconds=None if footage.seconds is None else round(footage.seconds, 3),
        codec=footage.codec,
        high_dynamic_range=footage.high_range is not None,
        follow=dub.follow,
        start_step=dub.start_step,
        keyframes=prepared.references.count,
    )


def _rounded(region: Box) -> Box:
    left, top, right, bottom = (round(side, 4) for side in region)
    return left, top, right, bottom


def generation_params(request: Request, prepared: PreparedJob | Layout) -> GenerationParams:
    """The values that a job is made with, after every rule and default."""
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
        shift=prepared.shift,
        audio_scale=request.audio_scale,
        audio_cfg_scale=request.audio_cfg_scale,
        color_match=prepared.color_match,
        window_frames=prepared.plan.window,
        overlap_frames=prepared.plan.overlap,
        voices=tuple("separate" if n in prepared.separated else "as_is" for n in range(1, len(request.speakers) + 1)),
        quality=request.quality,
        negative_guidance=request.negative_guidance,
    )


def timings_of(stopwatch: Stopwatch) -> Timings:
    """Seconds of each stage so far."""
    return Timings(
        fetch=stopwatch.of(Stage.FETCH),
        prepare=stopwatch.of(Stage.PREPARE),
        load=stopwatch.of(Stage.LOAD),
        sample=stopwatch.of(Stage.SAMPLE),
        encode=stopwatch.of(Stage.ENCODE),
        upload=stopwatch.of(Stage.UPLOAD),
    )
