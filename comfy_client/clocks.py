"""What time means for a prompt that is followed: when to ask, and when to give up.

Pure: every method takes the time (`now`, seconds of time.monotonic) from its caller, who alone looks at a clock.
"""

import math
from dataclasses import dataclass

HISTORY_SECONDS = 2.0
REFUSED_SECONDS = 5.0  # nobody listens: the server is gone
SILENT_SECONDS = 120.0  # it listens and does not answer: loading weights can hold it for a while


@dataclass(frozen=True)
class StallTimeouts:
    """Seconds that a prompt may show no progress.

    Attributes:
        step: once it samples.
        load: before its first step, where weights load without a word, or where only few signs can be seen. Where it
            is the shorter one, `step` counts there too.
    """

    step: float
    load: float


class HistoryPoll:
    """When to ask /history: at once in the beginning and after each message that says the end, else every 2 s."""

    def __init__(self) -> None:
        self._asked = -math.inf

    def due(self, now: float, *, told: bool) -> bool:
        """Whether to ask now, which then counts as asked.

        Args:
            told: whether a message has just said that the prompt is over.
        """
        if not told and now - self._asked <= HISTORY_SECONDS:
            return False
        self._asked = now
        return True


class StallClock:
    """Runs while a prompt shows no progress.

    Args:
        progress: the first value of a number that changes while work goes on (the frames that were written).
    """

    def __init__(self, now: float, timeouts: StallTimeouts, progress: int) -> None:
        self._since, self._timeouts, self._progress = now, timeouts, progress

    def update(self, now: float, progress: int, *, message: bool) -> None:
        """Start anew where that number has changed, or where a `message` of this prompt has come."""
        if message or progress != self._progress:
            self._since, self._progress = now, progress

    def expired(self, now: float, *, quiet: bool) -> float | None:
        """The timeout that has passed, in seconds, or None.

        Args:
            quiet: whether the longer timeout is due: before the first step, and without the socket, when the frames
                alone tell of progress, once a window.
        """
        timeout = max(self._timeouts.load, self._timeouts.step) if quiet else self._timeouts.step
        return timeout if now - self._since > timeout else None


class SilenceClock:
    """Runs while the server answers no question."""

    def __init__(self, now: float) -> None:
        self._answered = now

    def answered(self, now: float) -> None:
        """Start anew."""
        self._answered = now

    def expired(self, now: float, *, refused: bool) -> bool:
        """Whether to give the server up: 5 s after its last answer where the connection was `refused`, else 120 s."""
        return now - self._answered > (REFUSED_SECONDS if refused else SILENT_SECONDS)
