"""What a worker tells RunPod, as the control plane keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DROPPED = 0


@dataclass(frozen=True)
class Post:
    """A POST to job-done. `answered` is the status it got, `DROPPED` where the connection was cut instead."""

    job_id: str
    body: dict[str, Any]
    headers: Mapping[str, str]
    moment: float
    answered: int

    @property
    def is_progress(self) -> bool:
        """Whether it tells how far a job is; any other one is its result."""
        return self.body.get("status") == "IN_PROGRESS"


@dataclass(frozen=True)
class Ping:
    """A heartbeat: the jobs in progress, and what a failed fitness check adds."""

    job_ids: tuple[str, ...]
    query: Mapping[str, str]
