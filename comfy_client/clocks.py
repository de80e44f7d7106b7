"""What time means for a prompt that is followed: when to ask, and when to give up.

Pure: every method takes the time (`now`, seconds of time.monotonic) from its caller, who alone looks at a clock.
"""

import math
from dataclasses import dataclass

HISTORY_SECONDS = 2.0
REFUSED_SECONDS = 5.0  # nobody listens: the server is gone
SILENT_SECONDS = 120.0  # it listens and does not answer: loading weights can hold it for a while
# Once it samples, what has lasted longest between two signs of life tells how long it may be held: a step, or what
# comes between two windows.
SIGNS, SHORTEST_SILENCE = 5, 30.0
BEGIN_SECONDS = 20.0  # dropping the models of a job before takes some


@dataclass(frozen=True)
class StallTimeouts:
    """Seconds that a prompt may show no progress.

    Attributes:
        step: once it samples.
        load: before its first step, where weights load without a word, or where only few signs can be seen. Where it
            is the shorter one, `step` counts there too.
        silence: that the server may answer no question at all; less once it samples and its pace is known.
    """

    step: float
    load: float
    silence: float = SILENT_SECONDS


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
    """Runs while the server answers no question.

    Args:
        longest: seconds before it is given up.
    """

    def __init__(self, now: float, longest: float) -> None:
        self._answered, self._longest = now, longest
        self._sign: float | None = None
        self._pause = 0.0

    def answered(self, now: float) -> None:
        """Start anew."""
        self._answered = now

    def sampled(self, now: float) -> None:
        """A sign of life while it samples, which is an answer too."""
        if self._sign is not None:
            self._pause = max(self._pause, now - self._sign)
        self._sign = self._answered = now

    @property
    def seconds(self) -> float:
        """How long it may last: `longest`, or five times the longest pause between two signs of life, 30 s at least."""
        return min(self._longest, max(SIGNS * self._pause, SHORTEST_SILENCE)) if self._pause else self._longest

    def expired(self, now: float, *, refused: bool) -> bool:
        """Whether to give the server up: 5 s after its last answer where the connection was `refused`, else after
        `seconds`."""
        return now - self._answered > (REFUSED_SECONDS if refused else self.seconds)


class BeginClock:
    """Runs while a prompt waits at a server that works on nothing: the thread that should take it is dead."""

    def __init__(self) -> None:
        self._since: float | None = None

    def waits(self, now: float, *, alone: bool) -> bool:
        """Whether it has waited for more than 20 s by now.

        Args:
            alone: whether it still waits, and nothing runs.
        """
        if not alone:
            self._since = None
        elif self._since is None:
            self._since = now
        return self._since is not None and now - self._since > BEGIN_SECONDS
