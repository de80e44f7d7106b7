"""Whether this worker does harm: what fails on it and would not on another one."""

import logging

from contract.errors import WorkerError
from contract.volume import Volumes

log = logging.getLogger(__name__)

MOST_IN_A_ROW = 2


class Health:
    """Counts the jobs in a row that failed for a cause in this worker (`WorkerError.elsewhere`).

    One may be an accident; a worker that stays after two takes jobs as fast as it fails them. Failures that are the
    job's own count neither way.

    Args:
        volumes: what this worker's folders are on; None: nothing that could hang.
    """

    def __init__(self, volumes: Volumes | None = None) -> None:
        self._failed = 0
        self._volumes = volumes

    @property
    def hangs(self) -> bool:
        """Whether a thread of this worker waits for a volume that does not answer: it cannot be ended."""
        return self._volumes is not None and self._volumes.hang

    def succeeded(self) -> None:
        """A job has been completed."""
        self._failed = 0

    def failed(self, error: WorkerError) -> bool:
        """A job has failed; whether the worker should be replaced."""
        if error.elsewhere:
            self._failed += 1
            log.warning("%d job(s) in a row failed for a cause in this worker", self._failed)
        return self._failed >= MOST_IN_A_ROW
