"""Many jobs at once, a bounded number of them in flight, each remembered at every step."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from talking_video.aio import AsyncJob, AsyncTalkingVideo
from talking_video.api import Api
from talking_video.cli.batch_file import Row
from talking_video.cli.batch_state import CANCELLED, DONE, FAILED, SUBMITTED, State
from talking_video.cli.say import Show, say, showing
from talking_video.errors import JobCancelledError, RefusedError, RequestError, TalkingVideoError, UnknownJobError
from talking_video.reply import Result, duration


@dataclass(frozen=True)
class Ended:
    """How one row went. `seconds` is what the worker was busy with it; `error` is empty where there is a video."""

    row: Row
    file: Path
    seconds: float | None = None
    video_seconds: float | None = None
    seed: int | None = None
    error: str = ""
    before: bool = False  # it was done in an earlier run


class JobPool:
    """Runs rows.

    Args:
        api: the endpoint.
        folder: for the videos.
        parallel: how many are in flight.
        retries: of each, after a failure that may pass.
        again: whether rows that failed in an earlier run are tried again.
    """

    def __init__(self, api: Api, folder: Path, state: State, *, parallel: int, retries: int, again: bool) -> None:
        self._api, self._folder, self._state = api, folder, state
        self._parallel, self._retries, self._again = parallel, retries, again
        self._running: dict[str, AsyncJob] = {}
        self._stop: BaseException | None = None

    def run(self, rows: Sequence[Row]) -> list[Ended]:
        """All of them, in their order. After Ctrl-C what runs is cancelled, after a second one it is left alone; the
        rest is not begun.

        Raises:
            TalkingVideoError: the endpoint does not accept the key, or is not there.
        """
        with showing() as show:
            found = asyncio.run(self._run(rows, show))
        if self._stop is not None:
            raise self._stop
        return found

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C has ended it."""
        return isinstance(self._stop, KeyboardInterrupt)

    async def _run(self, rows: Sequence[Row], show: Show) -> list[Ended]:
        gate, loop = asyncio.Semaphore(self._parallel), asyncio.get_running_loop()
        async with AsyncTalkingVideo(api=self._api) as endpoint:
            tasks = [asyncio.create_task(self._gated(row, endpoint, gate, show)) for row in rows]
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._interrupt, tasks)
            found = await asyncio.gather(*tasks, return_exceptions=True)
            await self._cancel_running()
        return [one for one in found if isinstance(one, Ended)]

    def _interrupt(self, tasks: Sequence["asyncio.Task[Ended]"]) -> None:
        if self._stop is not None:
            self._running.clear()  # the second time: they are left alone
            say("left: what runs goes on; the same command follows it")
        else:
            say("cancelling what runs; once more leaves it alone")
        self._stop = KeyboardInterrupt()
        for task in tasks:
            task.cancel()

    async def _cancel_running(self) -> None:
        for key, job in list(self._running.items()):
            try:
                await job.cancel()
                self._state.note(key, CANCELLED, job.id)
            except TalkingVideoError as error:
                say(f"{job.id} may go on: {error}")

    async def _gated(self, row: Row, endpoint: AsyncTalkingVideo, gate: asyncio.Semaphore, show: Show) -> Ended:
        known, file = self._state.known.get(row.key), self._folder / row.output
        if known is not None and known.event == DONE and file.exists():
            return Ended(row, file, before=True, **known.more)
        if known is not None and known.event == FAILED and not self._again:
            return Ended(row, file, error=str(known.more.get("error")), before=True)
        async with gate:
            if self._stop is not None:
                raise asyncio.CancelledError
            return await self._one(row, endpoint, show)

    async def _one(self, row: Row, endpoint: AsyncTalkingVideo, show: Show) -> Ended:
        file = self._folder / row.output
        try:
            found = await self._made(row, endpoint, lambda event: show.event(row.output, event))
            about = {
                "seconds": found.seconds,
                "video_seconds": found.output.get("video_info", {}).get("duration_seconds"),
                "seed": found.seed,
            }
            self._state.note(row.key, DONE, found.job_id, **about)
            show.ended(row.output, f"made in {duration(found.seconds)}")
            return Ended(row, file, **about)
        except RefusedError as error:  # the same for all
            self._stop = error
            raise
        except TalkingVideoError as error:
            self._state.note(row.key, FAILED, error=str(error))
            show.ended(row.output, str(error))
            return Ended(row, file, error=str(error))
        finally:
            if self._stop is None:
                self._running.pop(row.key, None)

    async def _made(self, row: Row, endpoint: AsyncTalkingVideo, tell: Callable[..., None]) -> Result:
        """The video of a row, in its file: of the job that an earlier run has submitted, where that is still known."""
        known = self._state.known.get(row.key)
        if known is not None and known.event == SUBMITTED:
            try:
                return await self._followed(row, endpoint.job(known.job, retries=self._retries), tell)
            except (UnknownJobError, JobCancelledError):
                say(f"{row.output}: its job of an earlier run is no longer there; a new one is sent")
        job = await endpoint.submit(row.request, retries=self._retries)
        self._state.note(row.key, SUBMITTED, job.id)
        return await self._followed(row, job, tell)

    async def _followed(self, row: Row, job: AsyncJob, tell: Callable[..., None]) -> Result:
        self._running[row.key] = job
        async for event in job.events():
            tell(event)
        found = await job.result()
        if not isinstance(found, Result):
            raise RequestError("a dry run makes no video: use talking-video quote")
        file = self._folder / row.output
        file.parent.mkdir(parents=True, exist_ok=True)
        await job.download(file)
        return found
