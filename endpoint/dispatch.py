"""The queue: jobs from callers to workers and back, their states, and everything that time does to them."""

import asyncio
import itertools
import logging
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contract.job import Job
from endpoint.desk import HOLD_SECONDS, Desk
from endpoint.jobs import ENDED, JobRecord, State, Submission
from endpoint.limits import Retention

log = logging.getLogger(__name__)

EXECUTION_SECONDS = 3600.0
MOST_LOST = 1  # workers that a job may lose before it is given up
REASON_CHARACTERS = 256  # RunPod's SDK sends so much of why a worker is not fit
Ended = Callable[[JobRecord], None]


class WrongStateError(Exception):
    """The job is in a state in which this cannot be done; the text says which."""


class Dispatch(Desk):
    """Every job of the endpoint.

    Args:
        execution_seconds: how long a job may run that does not say so itself.
        retention: how long an ended job is known.
        on_end: called with each job that has ended, once each time.
        hold_seconds: as `Desk` has it.
    """

    def __init__(
        self,
        *,
        execution_seconds: float = EXECUTION_SECONDS,
        retention: Retention | None = None,
        on_end: Ended = lambda _: None,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        super().__init__(hold_seconds)
        self._execution_seconds, self._retention, self._on_end = execution_seconds, retention or Retention(), on_end
        self._jobs: dict[str, JobRecord] = {}
        self._stops: dict[str, list[str]] = defaultdict(list)
        self._clocks: dict[tuple[str, str], asyncio.TimerHandle] = {}  # by the job, and by what it does
        self._order: dict[str, int] = {}
        self._numbers = itertools.count()
        self._count: Counter[str] = Counter()
        self.ready: set[str] = set()  # workers that have asked for a job
        self.unfit: str | None = None  # why the newest worker to be looked at took none

    # The caller's side.

    def submit(self, submission: Submission, *, sync: bool) -> JobRecord:
        """Put a job into the queue."""
        job_id = f"{'sync-' if sync else ''}{uuid.uuid4()}-local"
        record = JobRecord(job_id, submission, sync, self._now())
        self._jobs[job_id] = record
        self._queue(record)
        return record

    def find(self, job_id: str) -> JobRecord | None:
        """The job, as long as it is known."""
        return self._jobs.get(job_id)

    def cancel(self, record: JobRecord) -> None:
        """End a job that waits or runs; one that has ended stays as it is."""
        if record.state not in ENDED:
            self._stop(record)
            self._end(record, State.CANCELLED)

    def retry(self, record: JobRecord) -> None:
        """Queue a job again, with the same id and input. Raises WrongStateError unless it failed or timed out."""
        if record.state not in (State.FAILED, State.TIMED_OUT):
            raise WrongStateError(f"the job is {record.state}; only FAILED and TIMED_OUT ones can be retried")
        record.queue_again(self._now())
        self._count["retried"] += 1
        self._queue(record)

    def purge(self) -> int:
        """Cancel every job that waits; returns how many."""
        waiting = [record for record in self._jobs.values() if record.state is State.IN_QUEUE]
        for record in waiting:
            self._end(record, State.CANCELLED)
        return len(waiting)

    def stop_all(self) -> None:
        """Cancel every job that has not ended."""
        for record in list(self._jobs.values()):
            self.cancel(record)

    def health(self) -> dict[str, int]:
        """How many jobs there are, and were since the start, by RunPod's names."""
        states = Counter(record.state for record in self._jobs.values())
        return {
            "completed": self._count[State.COMPLETED],
            "failed": self._count[State.FAILED] + self._count[State.TIMED_OUT],
            "inProgress": states[State.IN_PROGRESS],
            "inQueue": states[State.IN_QUEUE],
            "retried": self._count["retried"],
        }

    @property
    def busy(self) -> frozenset[str]:
        """The workers that have a job."""
        running = (record for record in self._jobs.values() if record.state is State.IN_PROGRESS)
        return frozenset(record.worker for record in running if record.worker)

    # The worker's side.

    def next_jobs(self, worker: str, most: int) -> Sequence[Job]:
        """The first in the queue."""
        waiting = [record for record in self._jobs.values() if record.state is State.IN_QUEUE]
        waiting.sort(key=lambda record: (record.submission.rank, self._order[record.id]))
        for record in waiting[:most]:
            record.state, record.worker, record.started = State.IN_PROGRESS, worker, self._now()
            seconds = record.submission.execution_seconds or self._execution_seconds
            self._wind(record, "execution", seconds, self._time_out)
            log.info("job %s goes to %s", record.id, worker)
        return [record.for_worker for record in waiting[:most]]

    def next_stops(self, worker: str) -> Sequence[str]:
        """What was cancelled or has timed out there."""
        return self._stops.pop(worker, [])

    def on_asking(self, worker: str) -> None:
        """Say so when it is for the first time."""
        if worker not in self.ready:
            self.ready.add(worker)
            self.unfit = None
            log.info("%s is ready for jobs", worker)

    async def told(self, worker: str, job_id: str, body: dict[str, Any], _headers: Mapping[str, str]) -> int:
        """Nobody waits for news of a job that was ended from here: they are taken and forgotten."""
        record = self._jobs.get(job_id)
        if record is None or record.state is not State.IN_PROGRESS or record.worker != worker:
            return 200
        if body.get("status") == State.IN_PROGRESS:
            record.told = {"output": body["output"]} if "output" in body else {}
            return 200
        record.told = {name: body[name] for name in ("output", "error") if name in body}
        failed = isinstance(body.get("error"), str) and body["error"]
        self._end(record, State.FAILED if failed else State.COMPLETED)
        return 200

    def beat(self, worker: str, _job_ids: Sequence[str], query: Mapping[str, str]) -> None:
        """Only what a failed fitness check says is news."""
        if query.get("status") == "unhealthy":
            reason = query.get("reason", query.get("check", "?"))
            cut = len(reason) >= REASON_CHARACTERS
            self.unfit = re.sub(r"^\w+Error: ", "", reason.rstrip(" ,") + (" … (its log has the rest)" if cut else ""))
            log.error("%s is not fit for jobs: %s", worker, self.unfit)

    def worker_ended(self, worker: str) -> None:
        """Its process is gone: a job that it had is queued again, or given up."""
        self._stops.pop(worker, None)
        self.ready.discard(worker)
        for record in [r for r in self._jobs.values() if r.worker == worker and r.state is State.IN_PROGRESS]:
            record.lost += 1
            if record.lost > MOST_LOST:
                record.told = {"error": f"the worker of this job ended {record.lost} times before the job did"}
                self._end(record, State.FAILED)
            else:
                log.warning("job %s lost its worker and is queued again", record.id)
                self._unwind(record, "execution")
                record.queue_again(record.submitted)
                self._count["retried"] += 1
                self.changed()

    # Time.

    def _queue(self, record: JobRecord) -> None:
        self._order[record.id] = next(self._numbers)
        self._wind(record, "ttl", record.submission.ttl_seconds, self._forget)
        self._unwind(record, "retention")
        self.changed()

    def _end(self, record: JobRecord, state: State) -> None:
        record.state, record.ended = state, self._now()
        if state in (State.CANCELLED, State.TIMED_OUT):
            record.told = {name: text for name, text in record.told.items() if name == "error"}
        self._count[state] += 1
        self._unwind(record, "execution", "ttl")
        self._wind(record, "retention", self._retention.of(sync=record.sync), self._forget)
        record.over.set()
        log.info("job %s is %s", record.id, state)
        self._on_end(record)

    def _time_out(self, record: JobRecord) -> None:
        self._stop(record)
        record.told = {"error": "executionTimeout exceeded"}
        self._end(record, State.TIMED_OUT)

    def _stop(self, record: JobRecord) -> None:
        if record.state is State.IN_PROGRESS and record.worker:
            self._stops[record.worker].append(record.id)
            self.changed()

    def _forget(self, record: JobRecord) -> None:
        if record.state not in ENDED:
            log.info("job %s is older than its ttl, and deleted", record.id)
        self._stop(record)
        self._unwind(record, "execution", "ttl", "retention")
        self._jobs.pop(record.id, None)
        self._order.pop(record.id, None)
        record.over.set()

    def _wind(self, record: JobRecord, what: str, seconds: float, then: Ended) -> None:
        self._unwind(record, what)
        self._clocks[record.id, what] = asyncio.get_running_loop().call_later(seconds, then, record)

    def _unwind(self, record: JobRecord, *what: str) -> None:
        for one in what:
            if clock := self._clocks.pop((record.id, one), None):
                clock.cancel()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
