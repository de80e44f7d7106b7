"""What a caller gets back: the reply of a finished job, or the error of a failed one."""

import json
from typing import Any, Literal

from pydantic import Field, JsonValue

from contract.errors import WorkerError
from contract.forecast import Forecast, Work
from contract.model import OF_WORKER, Model, Seconds, Timings
from contract.version import VERSION

OPTIONAL = ("metadata", "scenes", "kept_video", "video_base64")  # left out of a reply where there is none


class SourceVideo(Model):
    """The video that was dubbed, as a person sees it."""

    width: int
    height: int
    fps: float | None = Field(description="on the average; null: it does not say")
    duration_seconds: Seconds | None = Field(description="as it says itself; null: it does not")
    codec: str
    high_dynamic_range: bool
    follow: str
    start_step: int = Field(description="steps left out of each window, which begins with the source; 0: none")
    keyframes: int = Field(description="pictures of it that the windows go by")


class VideoInfo(Model):
    """The MP4 as it is stored."""

    width: int
    height: int
    fps: int
    file_size_mb: float = Field(description="megabytes of 1,000,000 bytes")
    mode: str
    audio_files_used: int
    duration_seconds: Seconds
    frames: int
    windows: int
    sha256: str
    source: SourceVideo | None = Field(None, description="of a job with video_url")
    regions: tuple[tuple[float, float, float, float] | None, ...] = Field(
        description="whose mouth moves where, in the order of the voices: left, top, right, bottom as fractions of the "
        "original image, as a request's region; null: one voice without a region, which any mouth may follow"
    )
    marks: tuple[str, ...] = Field(
        (),
        description="how the file itself says that AI made it: metadata (a comment and XMP), c2pa (a signed manifest)",
    )


class GenerationParams(Model):
    """The values that were used, after every rule and default."""

    positive_prompt: str
    negative_prompt: str
    steps: int
    cfg_scale: float
    seed: int
    scheduler: str
    mode: str
    block_swap: bool
    speed_lora: bool
    workflow_version: str
    blocks_to_swap: int | None
    speed_lora_strength: float | None
    shift: float
    audio_scale: float
    audio_cfg_scale: float
    color_match: str
    window_frames: int
    overlap_frames: int
    quality: str | None = Field(description="the preset that was asked for; the values above are what was used")
    negative_guidance: Literal["cfg", "nag"] | None = Field(
        description="what negative_prompt worked by: cfg_scale, or normalized attention guidance; null: no effect"
    )
    voices: tuple[Literal["as_is", "separate"], ...] = Field(
        (), description="for each speaker, whether the model heard the voice parted from music"
    )


class SceneInfo(Model):
    """What became of one of the scenes that were sent."""

    at: Seconds = Field(description="as it was sent")
    begins_at: Seconds | None = Field(description="where its window begins to be seen; null: behind the cut")
    window: int | None = Field(description="from 1")
    shows: tuple[Literal["prompt", "image"], ...] = Field(
        description="what is seen of it; a later scene in the same window hides what both bring"
    )


class Reply(Model):
    """A finished job."""

    output_video_url: str
    processing_time_seconds: Seconds
    generation_time_seconds: Seconds
    video_info: VideoInfo
    generation_params: GenerationParams
    status: Literal["completed"] = "completed"
    timings: Timings
    work: Work
    forecast: Forecast = Field(description="what was expected before the job sampled, to hold `timings` against")
    warnings: tuple[str, ...]
    engine: Literal["comfyui", "simulator"]
    job_id: str
    scenes: tuple[SceneInfo, ...] | None = Field(None, description="in the order in which they were sent")
    expires_at: str | None = Field(None, description="when output_video_url stops working, UTC; null: it does not")
    metadata: dict[str, JsonValue] | None = None
    worker_version: str = Field(default_factory=lambda: VERSION, description=OF_WORKER)


class Failure(Model):
    """A failed job."""

    error: str = Field(min_length=1, description="one line")
    error_code: str
    error_stage: str
    retryable: bool
    status: Literal["failed"] = "failed"
    job_id: str
    kept_video: str | None = Field(
        None, description="where the finished video is, when it could not be stored: a path on the volume or the worker"
    )
    video_base64: str | None = Field(None, description="the finished MP4 itself, when it could not be stored elsewhere")
    worker_version: str = Field(default_factory=lambda: VERSION, description=OF_WORKER)


def failure(error: WorkerError, job_id: str) -> dict[str, Any]:
    """The reply of a job that ended with `error`."""
    reply = Failure(
        error=error.message,
        error_code=error.code.value,
        error_stage=error.stage.value,
        retryable=error.retryable,
        job_id=job_id,
        kept_video=error.kept.path if error.kept else None,
        video_base64=error.kept.base64 if error.kept else None,
    )
    return as_json(reply)


def as_json(reply: Model) -> dict[str, Any]:
    """Plain JSON values; `metadata`, `scenes`, `kept_video` and `video_base64` are left out where there is none.

    Raises:
        ValueError: something in it is not JSON. Such a reply would never reach the caller.
    """
    data = reply.model_dump(mode="json")
    for optional in OPTIONAL:
        if data.get(optional, ...) is None:
            del data[optional]
    if data.get("video_info", {}).get("source", ...) is None:
        del data["video_info"]["source"]
    json.dumps(data, allow_nan=False, ensure_ascii=False).encode()  # as the SDK sends it: no lone surrogate
    return data
