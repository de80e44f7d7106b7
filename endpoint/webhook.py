"""Tells a caller's own address that a job has ended."""

import asyncio
import logging
from typing import Any

import httpx

log = logging.getLogger(__name__)

TRIES = 3
PAUSE_SECONDS = 10.0
ANSWER_SECONDS = 10.0


class Webhooks:
    """Sends each in a task of its own: up to three times, until the answer is 200.

    Args:
        pause: seconds between two tries.
    """

    def __init__(self, pause: float = PAUSE_SECONDS) -> None:
        self._pause = pause
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, url: str, body: dict[str, Any]) -> None:
        """Returns at once."""
        task = asyncio.create_task(self._send(url, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Until all are told, or given up."""
        await asyncio.gather(*self._tasks)

    def close(self) -> None:
        """Give up what is not told yet."""
        for task in self._tasks:
            task.cancel()

    async def _send(self, url: str, body: dict[str, Any]) -> None:
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
            for attempt in range(TRIES):
                if attempt:
                    await asyncio.sleep(self._pause)
                try:
                    status = (await client.post(url, json=body)).status_code
                except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                    log.warning("the webhook of job %s was not reached: %s", body["id"], type(error).__name__)
                    continue
                if status == httpx.codes.OK:
                    return
                log.warning("the webhook of job %s answered %s", body["id"], status)
