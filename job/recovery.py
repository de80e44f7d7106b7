"""Decides, after a failed attempt, whether and how the graph is run once more: once for each cause."""

import logging
from dataclasses import dataclass

import requests

from comfy_client.supervisor import Engine
from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from workflows.graph import MemoryOptions

log = logging.getLogger(__name__)

FEWEST_SWAPPED, MORE_SWAPPED, MOST_SWAPPED = 20, 10, 40
ENDED = "ComfyUI ended during the job"
FREE_SECONDS = 1.0  # the server drops its models in another thread, and does not tell when


@dataclass(frozen=True)
class Windows:
    """How far an attempt came: windows that the next one need not make, that were made in all, that the job has."""

    kept: int
    made: int
    all: int


class Recovery:
    """Of one job.

    Args:
        memory: what the first attempt does to save it.
        warnings: where the caller is told of what was done.
    """

    def __init__(self, memory: MemoryOptions, engine: Engine, warnings: list[str], cancel: Cancellation) -> None:
        self.memory = memory
        self._engine, self._warnings, self._cancel = engine, warnings, cancel
        self.attempts = 1
        self._tried: set[ErrorCode] = set()
        self._happened: list[str] = []  # to ComfyUI
        self._kept = 0

    def after(self, error: WorkerError, windows: Windows) -> None:
        """Make ready for one more attempt, which takes `memory` as it is then. Once for each cause, and again where an
        attempt that went on from the one before finished further windows.

        Raises:
            WorkerError: `error`, or what it amounts to, where another attempt would not help.
        """
        if self._kept < windows.kept and self._tried:
            self._tried.clear()
            self._happened.clear()
        self._kept = windows.kept
        again = error.code in self._tried
        self._tried.add(error.code)
        if error.code is ErrorCode.OUT_OF_MEMORY and not again:
            self._save_memory(error, windows)
        elif error.code is ErrorCode.ENGINE_UNAVAILABLE:
            self._restart(error, again, windows)
        else:
            raise error
        self.attempts += 1

    def _save_memory(self, error: WorkerError, windows: Windows) -> None:
        now = self.memory.blocks_to_swap
        more = FEWEST_SWAPPED if now is None else min(max(now + MORE_SWAPPED, FEWEST_SWAPPED), MOST_SWAPPED)
        memory = MemoryOptions(more, tiled_vae=True)
        if memory == self.memory:
            raise error
        log.warning("out of memory: trying again with %d blocks swapped and a tiled VAE%s", more, _from_where(windows))
        try:
            self._engine.client.free()
        except requests.RequestException as refused:
            log.warning("the memory could not be freed: %s", type(refused).__name__)
        self._cancel.wait(FREE_SECONDS)
        self.memory = memory
        self._warnings.append(
            f"the GPU ran out of memory; the video was made in a second attempt with blocks_to_swap {more} and a "
            "tiled VAE: send use_block_swap and blocks_to_swap to save the first one"
        )

    def _restart(self, error: WorkerError, again: bool, windows: Windows) -> None:
        what = self._what_happened(error)
        self._engine.distrust()
        if again:
            if {what, *self._happened} == {ENDED}:
                raise WorkerError(
                    ErrorCode.ENGINE_CRASHED, "ComfyUI ended twice while it ran this job", detail=error.detail
                ) from error
            raise WorkerError(ErrorCode.ENGINE_UNAVAILABLE, f"{what}, in a second attempt too", detail=error.detail)
        self._happened.append(what)
        log.warning("%s: trying once more%s. %s", what, _from_where(windows), error.detail)
        self._engine.ensure_ready(self._cancel)
        self._warnings.append(f"{what}; the video was made in a second attempt{_from_where(windows)}")

    def _what_happened(self, error: WorkerError) -> str:
        try:
            self._engine.check()
        except WorkerError:
            return ENDED
        return error.message


def _from_where(windows: Windows) -> str:
    """The end of a sentence: what is kept, or lost, of the attempt before; nothing where no window was finished."""
    if windows.kept:
        return f", which went on behind window {windows.kept} of {windows.all}"
    return f", from the beginning: {windows.made} of {windows.all} windows were lost" if windows.made else ""
