"""How updates of a job reach the SDK, one after the other."""

import threading
from collections.abc import Callable

from contract.job import Job
from job.reporter import Update

UPDATE_SECONDS = 8.0
# In the name of the thread in which the SDK (1.12.0) sends an update: Python names a thread after its function, here
# runpod.serverless.modules.rp_progress._thread_target. The SDK hands out no other sign of an update's end.
SDK_THREAD = "_thread_target"


class ProgressSender:
    """Hands updates to the SDK, which sends each in a thread of its own, so that none overtakes another.

    docs/facts/runpod.md#progress-updates
    """

    def __init__(self, progress_update: Callable[[Job, Update], None]) -> None:
        self._progress_update = progress_update
        self._on_its_way: list[threading.Thread] = []

    def __call__(self, job: Job, update: Update) -> None:
        """Send one and wait for its end, for a while; where the one before has not ended yet, send none."""
        if any(thread.is_alive() for thread in self._on_its_way):
            return
        before = set(threading.enumerate())
        self._progress_update(job, update)
        new = set(threading.enumerate()) - before
        self._on_its_way = [thread for thread in new if SDK_THREAD in thread.name]
        for thread in self._on_its_way:
            thread.join(UPDATE_SECONDS)
