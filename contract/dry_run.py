"""The reply to a dry run: what a job would take, and how its portrait, regions and voices would lie."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from contract.forecast import Forecast, GpuForecast, Work
from contract.model import OF_WORKER, Model, Seconds, Timings
from contract.response import GenerationParams, SceneInfo
from contract.version import VERSION

Fraction = Annotated[float, Field(ge=0, le=1)]
Box = tuple[Fraction, Fraction, Fraction, Fraction]


class Picture(Model):
    """How the portrait lies in the frame. A box is [left, top, right, bottom]."""

    width: int = Field(description="pixels of the portrait, upright; very large ones are read smaller")
    height: int
    crop: Box = Field(description="what of the portrait is in the frame, in fractions of the portrait")
    placed: Box = Field(description="where that is, in fractions of the frame; the rest is black")
    lost: Fraction = Field(description="share of the portrait that is cut away")


class PlacedSpeaker(Model):
    """One speaker, in the picture and in time."""

    speaker: int = Field(description="counted from 1, as in every message")
    region_in_frame: Box | None = Field(
        description="[left, top, right, bottom] in fractions of the frame; null: the one speaker, whom nobody is told "
        "apart from"
    )
    region_in_picture: Box | None = Field(description="the same in fractions of the portrait, as `region` is sent")
    starts_at: Seconds = Field(description="of the video, when the voice begins")
    ends_at: Seconds = Field(description="of the video, when the voice ends; starts_at where it is not heard")
    audio_seconds: Seconds = Field(description="length of the sound that was sent")
    silent: bool = Field(description="nobody would hear it")
    levels: tuple[Fraction, ...] = Field(
        description="the loudest sample in each of equal parts of the whole video; 1: full scale"
    )


class DryRun(Model):
    """What a job with `dry_run` answers: everything that is known before the GPU is asked. Nothing was made."""

    status: Literal["dry_run"] = "dry_run"
    work: Work
    duration_seconds: Seconds = Field(description="of the video")
    output_frames: int = Field(description="of the video, at its fps")
    fps: int
    forecast: Forecast
    execution_timeout: int = Field(
        description="policy.executionTimeout to ask for on this GPU, in milliseconds; where it is not known, on the "
        "slowest of `gpus`"
    )
    gpus: tuple[GpuForecast, ...] = Field(description="other GPUs, by memory")
    prices_of: str = Field(description="month of the prices")
    generation_params: GenerationParams
    picture: Picture
    speakers: tuple[PlacedSpeaker, ...]
    preview: str = Field(
        description="data: URI of a JPEG, under 60 kB: the frame with each speaker's region, and the voices in time"
    )
    processing_time_seconds: Seconds
    timings: Timings = Field(description="of this dry run")
    warnings: tuple[str, ...] = Field(description="those of the job itself, as far as they are known before it runs")
    engine: Literal["comfyui", "simulator"]
    job_id: str
    scenes: tuple[SceneInfo, ...] | None = Field(None, description="in the order in which they were sent")
    metadata: dict[str, JsonValue] | None = None
    worker_version: str = Field(default_factory=lambda: VERSION, description=OF_WORKER)
