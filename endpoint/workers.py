"""The worker processes: started, started again when they leave, and ended with the endpoint, however that ends."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

REPOSITORY = Path(__file__).resolve().parent.parent
# The kernel kills it with this process (Linux): nothing is left that holds the GPU, also after a SIGKILL.
COMMAND = (sys.executable, "-m", "comfy_client.die_with_parent", sys.executable, "handler.py")
QUIET_SECONDS = 60.0  # a worker that lived so long did not fail at its start
PAUSES = (0.0, 1.0, 5.0, 15.0, 30.0)  # before the next start after so many failed ones
END_SECONDS = 20.0  # for a worker that was told to end
LINE_BYTES = 1 << 20
Environment = Callable[[int, str], Mapping[str, str]]


@dataclass
class Workers:
    """Keeps so many of them running while its task runs.

    Args:
        count: how many.
        environment: of a worker, by its number (from 0) and its name.
        on_end: called with the name of each that has ended.
        say: takes a line that a worker has written, with the worker's name.
    """

    count: int
    environment: Environment
    on_end: Callable[[str], None]
    say: Callable[[str, str], None]
    alive: set[str] = field(default_factory=set)
    failures: int = 0  # starts in a row, of any worker, that ended too early
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> None:
        """Returns at once."""
        self._tasks = [asyncio.create_task(self._keep(number)) for number in range(self.count)]

    async def end(self) -> None:
        """Tell them to end, and wait for that."""
        self._ending.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, number: int) -> None:
        failed, start = 0, 0
        while not self._ending.is_set():
            start += 1
            name = f"worker-{number + 1}" + (f".{start}" if start > 1 else "")
            began = asyncio.get_running_loop().time()
            code = await self._run(number, name)
            self.on_end(name)
            if self._ending.is_set():
                return
            lived = asyncio.get_running_loop().time() - began
            failed = failed + 1 if code and lived < QUIET_SECONDS else 0
            self.failures = failed
            pause = PAUSES[min(failed, len(PAUSES) - 1)]
            log.warning("%s ended with code %s; another one starts%s", name, code, f" in {pause:g} s" if pause else "")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _run(self, number: int, name: str) -> int:
        """One process from its start to its end; returns its exit code."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            cwd=REPOSITORY,
            env=dict(self.environment(number, name)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is the endpoint's, which tells the workers
            limit=LINE_BYTES,
        )
        self.alive.add(name)
        reading = asyncio.create_task(self._read(process, name))
        ending = asyncio.create_task(self._ending.wait())
        gone = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({gone, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not gone.done():
                _signal(process, signal.SIGTERM)
                await asyncio.wait({gone}, timeout=END_SECONDS)
        finally:
            _signal(process, signal.SIGKILL)  # with all that it has started
            ending.cancel()
            self.alive.discard(name)
        code = await gone
        await reading
        return code

    async def _read(self, process: asyncio.subprocess.Process, name: str) -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # a line beyond all bounds, of which the begin is gone
                continue
            if not line:
                return
            self.say(name, line.decode("utf-8", "replace").rstrip())


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """SIGTERM to the worker alone, which ends what it has started; SIGKILL to its whole session."""
    with contextlib.suppress(ProcessLookupError):
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
