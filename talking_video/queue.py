"""What a job in the queue waits for, from what an endpoint's /health tells of its workers."""

from collections.abc import Mapping
from typing import Any

UNFIT = 300  # characters of a worker's own words
REASONS = {  # the first state that any worker is in
    "running": "{} busy with other jobs",
    "initializing": "it is starting",
    "unhealthy": "the endpoint's workers are unhealthy, and their log says why",
    "throttled": "no GPU of the endpoint's kinds is free (throttled)",
}


def waits_for(health: Mapping[str, Any]) -> str | None:
    """For a person, in a few words; None where nothing is known, or a worker is about to take the job.

    Args:
        health: with `workers`, counted by state as RunPod counts them, and, of an endpoint of one's own, `unfit`:
            why its newest worker took no job (docs/endpoint.md).
    """
    workers, unfit = health.get("workers"), health.get("unfit")
    counts = workers if isinstance(workers, dict) else {}
    numbers = {state: number for state, number in counts.items() if isinstance(number, int) and number > 0}
    if "idle" in numbers or "ready" in numbers:
        return None
    if isinstance(unfit, str) and unfit and "running" not in numbers:
        cut = unfit if len(unfit) <= UNFIT else f"{unfit[:UNFIT].rstrip(' ,')} …"
        return f"the newest is not fit for jobs: {cut}"
    return next((text.format(numbers[state]) for state, text in REASONS.items() if state in numbers), None)
