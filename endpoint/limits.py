"""RunPod's numbers: docs/facts/runpod.md#limits-of-a-request. Seconds, and bytes of 1,000,000 a megabyte."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

MEGABYTE = 1_000_000
BODY_BYTES = {"run": 10 * MEGABYTE, "runsync": 20 * MEGABYTE}
WAIT_SECONDS = 90.0
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 300.0
SHORTEST_EXECUTION, LONGEST_EXECUTION = 5.0, 7 * 24 * 3600.0
SHORTEST_TTL, LONGEST_TTL, TTL_SECONDS = 10.0, 7 * 24 * 3600.0, 24 * 3600.0
RATE_SECONDS = 10.0
RATES = {"run": 1000, "runsync": 2000, "status": 2000, "cancel": 100, "purge-queue": 2}  # in RATE_SECONDS


@dataclass(frozen=True)
class Retention:
    """How long a job is known after its end, by the way it was submitted, in seconds."""

    run: float = 30 * 60.0
    runsync: float = 60.0

    def of(self, *, sync: bool) -> float:
        """Of one job."""
        return self.runsync if sync else self.run


@dataclass
class Rates:
    """Counts requests of each kind over the last ten seconds.

    Args:
        clock: seconds that only grow.
    """

    clock: Callable[[], float]
    _moments: dict[str, deque[float]] = field(default_factory=dict)

    def wait_for(self, kind: str) -> float | None:
        """Count one request; or, where that is too many, the seconds until there is room (None: it was counted)."""
        now, most = self.clock(), RATES.get(kind)
        if most is None:
            return None
        moments = self._moments.setdefault(kind, deque())
        while moments and moments[0] <= now - RATE_SECONDS:
            moments.popleft()
        if len(moments) >= most:
            return moments[0] + RATE_SECONDS - now
        moments.append(now)
        return None
