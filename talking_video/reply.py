"""What an endpoint tells of a job, as Python's own types; the raw JSON stays at hand."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from talking_video.errors import JobCancelledError, JobError, JobTimedOutError

WAITING = ("IN_QUEUE", "IN_PROGRESS", "RUNNING")


@dataclass(frozen=True)
class Progress:
    """Where a job is. All but `status` are None until the worker has told them; `percent` only rises. `waits_for` says,
    after a while in the queue, why no worker takes the job, where the endpoint tells."""

    status: str
    stage: str | None = None
    percent: float | None = None
    window: int | None = None
    windows: int | None = None
    step: int | None = None
    steps: int | None = None
    eta_seconds: int | None = None
    waits_for: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def text(self) -> str:
        """For a person, in one line."""
        if self.stage is None:
            told = {"IN_QUEUE": "waiting for a worker", "IN_PROGRESS": "starting"}.get(self.status, self.status)
            return f"{told}: {self.waits_for}" if self.waits_for else told
        window = f", window {self.window} of {self.windows}" if self.window else ""
        left = f", about {duration(self.eta_seconds)} left" if self.eta_seconds else ""
        return f"{self.percent or 0:.0f} % {self.stage}{window}{left}"


@dataclass(frozen=True)
class Result:
    """A finished video. `seconds` is what the worker was busy with it, as RunPod bills it; None: not told."""

    job_id: str
    url: str
    output: Mapping[str, Any]
    seconds: float | None = None
    waited: float | None = None

    @property
    def sha256(self) -> str | None:
        """Of the MP4."""
        found: str | None = self.output.get("video_info", {}).get("sha256")
        return found

    @property
    def warnings(self) -> list[str]:
        """What was adjusted."""
        return list(self.output.get("warnings", []))

    @property
    def seed(self) -> int | None:
        """That was used."""
        found: int | None = self.output.get("generation_params", {}).get("seed")
        return found


@dataclass(frozen=True)
class Quote:
    """What a job would take; `output` has all of the worker's answer (docs/request.md)."""

    job_id: str
    output: Mapping[str, Any]

    @property
    def warnings(self) -> list[str]:
        """Those that the job would get."""
        return list(self.output.get("warnings", []))


def progress_of(envelope: Mapping[str, Any]) -> Progress:
    """Of a job that has not ended."""
    status, told = str(envelope.get("status")), envelope.get("output")
    if not isinstance(told, dict) or "stage" not in told:
        return Progress(status, raw=envelope)
    names = ("stage", "percent", "window", "windows", "step", "steps", "eta_seconds")
    return Progress(status, **{name: told.get(name) for name in names}, raw=envelope)


def outcome_of(envelope: Mapping[str, Any], job_id: str) -> Result | Quote:
    """Of a job that has ended.

    Raises:
        JobError: it has no video.
    """
    status, output = str(envelope.get("status")), envelope.get("output")
    details = output if isinstance(output, dict) else {}
    if status == "COMPLETED" and details.get("status") == "dry_run":
        return Quote(job_id, details)
    if status == "COMPLETED" and isinstance(details.get("output_video_url"), str):
        return Result(
            job_id,
            details["output_video_url"],
            details,
            _seconds(envelope.get("executionTime")),
            _seconds(envelope.get("delayTime")),
        )
    raise _failure(status, details, envelope.get("error"), job_id)


def _failure(status: str, details: Mapping[str, Any], error: object, job_id: str) -> JobError:
    about: dict[str, Any] = {
        "job_id": job_id,
        "status": status,
        "code": str(details.get("error_code", "")),
        "stage": str(details.get("error_stage", "")),
        "retryable": details.get("retryable") is True,
    }
    if status == "CANCELLED":
        return JobCancelledError("the job was cancelled", **about)
    if status == "TIMED_OUT":
        text = "the job did not end within its execution timeout: raise policy.executionTimeout, or send less"
        return JobTimedOutError(text, **about)
    if status == "COMPLETED":
        text = (
            "the endpoint calls the job completed, but its reply was lost on the way. The video may be stored all the"
            f" same, as its output_key or {job_id}.mp4; `retry` asks for it again"
        )
        return JobError(text, **about)
    text = _sentence(error) or _sentence(details.get("error")) or f"the job is {status}, and nobody said why"
    if details.get("kept_video"):
        text += f" (kept: {details['kept_video']})"
    return JobError(text, **about)


def _sentence(error: object) -> str:
    """The worker's own, or what a traceback of the SDK ends with."""
    try:
        found = json.loads(error) if isinstance(error, str) and error.startswith("{") else None
    except ValueError:
        found = None
    return str(found["error_message"]) if isinstance(found, dict) and found.get("error_message") else str(error or "")


def _seconds(milliseconds: object) -> float | None:
    is_number = isinstance(milliseconds, int | float) and math.isfinite(milliseconds)
    return milliseconds / 1000 if is_number else None  # type: ignore[operator]


def duration(seconds: float | None) -> str:
    """For a person: 52 s, 3:07 min, 1:02:05 h."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s" if whole >= 10 or seconds == whole else f"{seconds:.1f} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"
