"""What a job takes, as a reply tells it: in work, and in seconds and money."""

from typing import Literal

from pydantic import Field

from contract.model import Model, Seconds, Timings

Basis = Literal["learned", "measured", "published", "estimate", "guess"]
BASIS = (
    "how the seconds are known. learned: from the jobs that this worker made before; measured, published: of this kind "
    "of GPU, by this project or by others; estimate: from other kinds of GPU; guess: nothing is known of this GPU"
)


class Work(Model):
    """What the model has to do."""

    frames: int = Field(description="of the video, before another fps is made of 25")
    width: int = Field(description="pixels of a frame, as chosen and rounded")
    height: int
    windows: int
    window_frames: int
    overlap_frames: int
    steps: int = Field(description="of each window")
    passes_per_step: int = Field(description="1, and one more for each guidance")
    passes: int = Field(description="runs of the model in all")
    pflop: float = Field(description="floating point operations of the model in all, in 10^15")


class Forecast(Model):
    """What the job is expected to take on the worker that answers."""

    gpu: str | None = Field(description="as its driver calls it; null: none, or not known")
    basis: Basis = Field(description=BASIS)
    stages: Timings = Field(description="of each stage; load is shorter where the models of the job before are used")
    seconds: Seconds = Field(description="of all stages")
    cost_usd: float | None = Field(description="of these seconds at RunPod's price of a flex worker; null: not known")


class GpuForecast(Model):
    """The same on a kind of GPU that RunPod rents out."""

    gpu: str
    memory_gb: int
    basis: Basis = Field(description=BASIS)
    seconds: Seconds = Field(description="expected where the models are loaded")
    first_job_seconds: Seconds = Field(description="expected of a worker's first job, which loads the models")
    usd_per_second: float | None = Field(description="RunPod's price of a flex worker; null: not known")
    cost_usd: float | None = Field(description="of `seconds`")
    execution_timeout: int = Field(description="policy.executionTimeout to ask for, in milliseconds")
