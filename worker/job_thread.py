"""The thread of one job. It can be left behind where it obeys neither its time limit nor a cancel."""

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from contract.cancel import Cancellation

log = logging.getLogger(__name__)

NAME = "job"
LOOK_SECONDS = 1.0
Reply = dict[str, Any]


class JobThread:
    """Starts at once.

    Args:
        work: the job; raises nothing.
        cancel: by which the job is asked to stop.
        seconds: how long it may go on after that.
    """

    def __init__(self, work: Callable[[], Reply], cancel: Cancellation, seconds: float) -> None:
        self._cancel, self._seconds = cancel, seconds
        result: Future[Reply] = Future()
        context = contextvars.copy_context()
        # A daemon: the process must be able to end without it.
        thread = threading.Thread(target=lambda: result.set_result(context.run(work)), name=NAME, daemon=True)
        thread.start()
        self._result = asyncio.wrap_future(result)

    async def reply(self) -> Reply | None:
        """What the job returned; None where it is left behind."""
        while not self._result.done():
            await asyncio.wait({self._result}, timeout=LOOK_SECONDS)
            if not self._result.done() and self._cancel.asked_seconds > self._seconds:
                log.error("the job's thread has not ended for %.0f s: it is left behind", self._cancel.asked_seconds)
                return None
        return self._result.result()

    async def last_reply(self) -> Reply | None:
        """As `reply`, even when the stop is asked for again: two jobs must never share the GPU."""
        while True:
            try:
                return await self.reply()
            except asyncio.CancelledError:
                continue


def is_any_left() -> bool:
    """Whether a job's thread still runs."""
    return any(thread.name == NAME for thread in threading.enumerate())
