"""Jobs that RunPod hands out to a worker that is about to end: the SDK (1.12.0) drops them, and here they are done.

docs/upstream.md#jobs-that-are-taken-after-sigterm
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


def with_late_jobs(scaler: type[Any], session: Callable[[], Any]) -> type[Any]:
    """The SDK's `JobScaler`, which after its end does what its open poll still brought.

    Args:
        scaler: `runpod.serverless.modules.rp_scale.JobScaler`.
        session: makes the SDK's own HTTP session.
    """

    class LateJobScaler(scaler):  # type: ignore[misc]
        late = False

        async def run(self) -> None:
            await super().run()
            if self.jobs_queue.empty():
                return
            log.info("a job was handed out after the signal to end: it is done before the worker ends")
            self.late = True
            self._shutdown_event.clear()  # else the loops below end at once; none of them takes jobs
            async with session() as opened:
                await asyncio.gather(self.run_jobs(opened), self.monitor_stop_signals(opened))

        async def run_jobs(self, opened: Any) -> None:
            await super().run_jobs(opened)
            if not self.late:
                log.info("the worker was told to end; it waits for the answer to its last question for jobs")

        async def handle_job(self, opened: Any, job: dict[str, Any]) -> None:
            try:
                await super().handle_job(opened, job)
            finally:
                if self.late:
                    self.kill_worker()

    return LateJobScaler
