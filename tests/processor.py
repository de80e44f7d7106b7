"""A limit of what a piece of code may compute: unlike the clock, it stands still while others have the processor."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def processor_seconds(most: float) -> Iterator[None]:
    """Fail the test in the midst of the block once this process has computed for so many seconds, in any thread.

    Regular expressions are interrupted too: they look for signals as they go. For the main thread alone.
    """

    def over(*_: object) -> None:
        raise AssertionError(f"more than {most:g} s of processor")

    former = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, most)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, former)
