"""What the jobs of a worker share: made once by `worker/startup.py`, handed to each job."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from comfy_client.clocks import StallTimeouts
from comfy_client.supervisor import Engine
from contract.fields import Mode
from contract.job import Job
from contract.request import Request
from job.health import Health
from job.keeper import Keeper
from job.loaded import Loaded
from job.marking import Marks
from job.pace import Pace
from sources.fetch import FetchLimits
from storage.base import Storage
from workflows.graph import Precision
from workflows.models import Variants


@dataclass(frozen=True)
class Resources:
    """What every job of this worker shares. `engine_name` is "comfyui" or "simulator"; `job_seconds` is the longest
    that a job may take where it has no limit of its own (None: no limit); `own_nodes` are those of our pack that the
    engine has; the thread of one that was asked to stop is left behind after `obey_seconds`; `gpu` is what the driver
    calls it, nothing where there is none."""

    engine_name: Literal["comfyui", "simulator"]
    engine: Engine
    modes: tuple[Mode, ...]
    storage_of: Callable[[Job, Request], Storage]
    keeper: Keeper
    limits: FetchLimits
    precision: Precision
    variants: Variants
    pace: Pace
    job_seconds: float | None
    stall_timeouts: StallTimeouts
    work_dir: Path
    least_disk_bytes: int
    audio_max_seconds: float
    video_max_seconds: float
    marks: Marks
    own_nodes: frozenset[str] = frozenset()
    health: Health = field(default_factory=Health)
    loaded: Loaded = field(default_factory=Loaded)
    obey_seconds: float = 180.0
    gpu: str = ""
