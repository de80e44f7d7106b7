"""One job as its caller sees it: what was asked, its state, and what it gave."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from endpoint.limits import TTL_SECONDS


class State(StrEnum):
    """RunPod's names (docs/calling.md has what a caller reads in each)."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


ENDED = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.TIMED_OUT})


@dataclass(frozen=True)
class Submission:
    """What a caller sent, with every default.

    `body` goes to the worker as it is. `execution_seconds`: how long it may run (None: as the endpoint says);
    `ttl_seconds`: how long it is known from now on; `last`: after all others.
    """

    body: dict[str, Any]
    execution_seconds: float | None = None
    ttl_seconds: float = TTL_SECONDS
    last: bool = False

    @property
    def webhook(self) -> str | None:
        """Who is told of the job's end."""
        return self.body.get("webhook")

    @property
    def rank(self) -> int:
        """Lower ones are handed out first: a dry run, which takes a moment, before jobs that take minutes."""
        return 2 if self.last else 0 if self.body["input"].get("dry_run") is True else 1


@dataclass
class JobRecord:
    """A job from its submission on. Moments are those of one clock that only grows, in seconds."""

    id: str
    submission: Submission
    sync: bool
    submitted: float
    state: State = State.IN_QUEUE
    started: float | None = None
    ended: float | None = None
    worker: str | None = None
    told: dict[str, Any] = field(default_factory=dict)  # `output` (the progress, or the reply) and `error`
    lost: int = 0  # how often its worker ended before it
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def for_worker(self) -> dict[str, Any]:
        """As the SDK gets it."""
        return {"id": self.id, **self.submission.body}

    @property
    def envelope(self) -> dict[str, Any]:
        """As /status tells it: times in milliseconds."""
        found: dict[str, Any] = {"id": self.id, "status": self.state.value, **self.told}
        if self.started is not None:
            found["delayTime"] = round((self.started - self.submitted) * 1000)
            found["workerId"] = self.worker
            if self.ended is not None:
                found["executionTime"] = round((self.ended - self.started) * 1000)
        return found

    def queue_again(self, now: float) -> None:
        """As it was when it was submitted, but for its id."""
        self.state, self.submitted, self.started, self.ended, self.worker = State.IN_QUEUE, now, None, None, None
        self.told = {}
        self.over.clear()
