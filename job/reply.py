"""The reply of a finished job: what was made, with which values, and how long each stage took."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from contract.errors import Stage
from contract.request import Request
from contract.response import GenerationParams, Reply, Timings, VideoInfo, as_json
from job.preparation import Scene
from workflows.graph import workflow_version


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
    def seconds(self) -> dict[Stage, float]:
        """Of each stage so far."""
        return dict(self._seconds)

    @property
    def total(self) -> float:
        """Seconds since the job began, to a millisecond."""
        return round(time.monotonic() - self._begun, 3)


@dataclass(frozen=True)
class Made:
    """A finished video that is not stored yet."""

    job_id: str
    request: Request
    scene: Scene
    size_bytes: int
    sha256: str
    engine: Literal["comfyui", "simulator"]
    warnings: Sequence[str]
    attempts: int


def sha256_of(file: Path) -> str:
    """Hex digest, read piece by piece."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def make_reply(made: Made, watch: Stopwatch) -> dict[str, Any]:
    """Everything that a caller may want to know of it, but for the place (`output_video_url`, `expires_at`)."""
    reply = Reply(
        output_video_url="",
        processing_time_seconds=watch.total,
        generation_time_seconds=round(watch.of(Stage.LOAD) + watch.of(Stage.SAMPLE), 3),
        video_info=_video_info(made),
        generation_params=_generation_params(made),
        timings=_timings(watch),
        warnings=tuple(made.warnings),
        engine=made.engine,
        job_id=made.job_id,
        expires_at=None,
        metadata=made.request.metadata,
    )
    return as_json(reply)


def with_times(reply: dict[str, Any], watch: Stopwatch) -> dict[str, Any]:
    """The reply with the seconds as they are now, the delivery's among them."""
    return {**reply, "processing_time_seconds": watch.total, "timings": _timings(watch).model_dump(mode="json")}


def _video_info(made: Made) -> VideoInfo:
    request, scene = made.request, made.scene
    return VideoInfo(
        width=scene.video.width,
        height=scene.video.height,
        fps=scene.video.fps,
        file_size_mb=round(made.size_bytes / 1e6, 3),
        mode=request.mode,
        audio_files_used=len(request.speakers),
        duration_seconds=round(scene.video.seconds, 3),
        frames=scene.video.output_frames,
        windows=scene.plan.windows,
        sha256=made.sha256,
    )


def _generation_params(made: Made) -> GenerationParams:
    request, scene = made.request, made.scene
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
