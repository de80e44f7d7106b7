"""How long a job may take, and when that ends it before it began."""

import math
from dataclasses import dataclass

from contract.errors import ErrorCode, WorkerError
from contract.job import Job
from job.cards import work_of
from job.pace import Pace
from workflows.plan import Plan

# Of RunPod's own limit, kept back for what follows the sampling: RunPod ends a worker at it without a word.
MARGIN_SHARE, SHORTEST_MARGIN = 0.05, 20.0
DELIVERY_SECONDS = 120.0
SPARE = 1.5  # times what is expected
LONGEST_TIMEOUT = 7 * 24 * 3_600_000  # ms: docs/calling.md


@dataclass(frozen=True)
class TimeLimit:
    """Seconds that a job may take until its last frame is there; None: no limit.

    What follows has a limit of its own: by then the GPU's work is paid for.
    """

    seconds: float | None

    def left(self, spent: float) -> float | None:
        """What remains of it, 0 or more."""
        return None if self.seconds is None else max(self.seconds - spent, 0.0)

    def finishing(self, spent: float) -> float:
        """Seconds for what follows the last frame, encoding and delivery: what is left, never less than is decent."""
        return max(self.left(spent) or 0.0, DELIVERY_SECONDS if self.seconds is None else SHORTEST_MARGIN)

    def delivery(self, spent: float, encoding: float = 0.0) -> float:
        """What remains of `finishing` after so many seconds of encoding, and half of the shortest margin at least."""
        return max(self.finishing(spent - encoding) - encoding, SHORTEST_MARGIN / 2)

    @property
    def message(self) -> str:
        """For the caller whose job it ends."""
        return f"The job did not end within its {self.seconds:g} s"


def limit_of(job: Job, of_worker: float | None) -> TimeLimit:
    """The limit of a job: RunPod's `policy.executionTimeout` (ms) less a margin where the job has one, else the
    worker's own setting (seconds)."""
    policy = job.get("policy")
    asked = policy.get("executionTimeout") if isinstance(policy, dict) else None
    if isinstance(asked, int | float) and not isinstance(asked, bool) and math.isfinite(asked) and asked > 0:
        seconds = asked / 1000
        return TimeLimit(round(max(seconds - max(SHORTEST_MARGIN, MARGIN_SHARE * seconds), seconds / 2), 3))
    return TimeLimit(of_worker)


def refuse_hopeless(plan: Plan, pace: Pace, limit: TimeLimit, spent: float) -> None:
    """Raises WorkerError JOB_TOO_LARGE where `hopeless` says so."""
    if message := hopeless(plan, pace, limit, spent):
        raise WorkerError(ErrorCode.JOB_TOO_LARGE, message)


def hopeless(plan: Plan, pace: Pace, limit: TimeLimit, spent: float) -> str | None:
    """What is wrong, with the numbers, where even a fast run would not end within the limit."""
    left, needs = limit.left(spent), pace.at_least(work_of(plan))
    if left is None or needs is None or needs <= left:
        return None
    return (
        f"This job needs at least {needs:.0f} s on this GPU ({plan.windows} windows of {plan.window} frames at "
        f"{plan.width}x{plan.height}, {plan.steps} steps: {plan.flop / 1e15:.0f} PFLOP), and {left:.0f} s are left "
        f"of its {limit.seconds:g} s; shorten the audio, choose a smaller size, or raise the execution timeout"
    )


def timeout_for(seconds: float) -> int:
    """The `policy.executionTimeout` (ms) to ask for, in whole minutes, for a job that is expected to take so long: half
    as much again, and the margin of `limit_of`."""
    needs = SPARE * seconds
    asked = max(needs + SHORTEST_MARGIN, needs / (1 - MARGIN_SHARE))
    return min(math.ceil(asked / 60) * 60_000, LONGEST_TIMEOUT)
