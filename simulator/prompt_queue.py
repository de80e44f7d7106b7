"""The prompts that wait, the one that runs, and those that ended (docs/facts/comfyui.md#history-and-queue)."""

import copy
import heapq
import threading
from collections.abc import Callable
from typing import Any

Item = tuple[float, str, dict[str, Any], dict[str, Any], list[str]]
"""number, prompt id, graph, extra data, outputs to run: as /queue and /history show it."""

MOST_HISTORY = 10_000


class PromptQueue:
    """Safe to use from any thread. `changed` is told the number of prompts after each change of it."""

    def __init__(self, changed: Callable[[int], None]) -> None:
        self._changed = changed
        self._lock = threading.RLock()
        self._filled = threading.Condition(self._lock)
        self._waiting: list[Item] = []
        self._running: dict[int, Item] = {}
        self._history: dict[str, dict[str, Any]] = {}
        self._flags: set[str] = set()
        self._taken = 0

    def put(self, item: Item) -> None:
        """Add a prompt; the lowest number runs first."""
        with self._lock:
            heapq.heappush(self._waiting, item)
            self._tell()
            self._filled.notify()

    def get(self) -> tuple[Item, int] | None:
        """Wait for the next prompt; returns it and the key for `done`, or None when a flag was set instead."""
        with self._filled:
            while not self._waiting:
                self._filled.wait()
                if self._flags and not self._waiting:
                    return None
            item = heapq.heappop(self._waiting)
            key = self._taken
            self._taken += 1
            self._running[key] = copy.deepcopy(item)
            self._tell()
            return item, key

    def done(self, key: int, result: dict[str, Any], status: dict[str, Any]) -> None:
        """The prompt ended: move it to the history."""
        with self._lock:
            item = self._running.pop(key)
            if len(self._history) > MOST_HISTORY:
                self._history.pop(next(iter(self._history)))
            self._history[item[1]] = {"prompt": item, "status": copy.deepcopy(status), **result}
            self._tell()

    def remaining(self) -> int:
        """How many prompts wait or run."""
        with self._lock:
            return len(self._waiting) + len(self._running)

    def snapshot(self) -> tuple[list[Item], list[Item]]:
        """The running and the waiting prompts."""
        with self._lock:
            return list(self._running.values()), list(self._waiting)

    def clear(self) -> None:
        """Forget the waiting prompts."""
        with self._lock:
            self._waiting = []
            self._tell()

    def delete(self, prompt_id: str) -> None:
        """Forget one waiting prompt; a running one is not touched."""
        with self._lock:
            for position, item in enumerate(self._waiting):
                if item[1] == prompt_id:
                    self._waiting.pop(position)
                    heapq.heapify(self._waiting)
                    self._tell()
                    return

    def history(self, prompt_id: str | None = None, most: int | None = None, offset: int = -1) -> dict[str, Any]:
        """One ended prompt by id (`{}` if unknown), or all, or `most` of them from `offset` (-1: the newest)."""
        with self._lock:
            if prompt_id is not None:
                return {key: copy.deepcopy(self._history[key]) for key in [prompt_id] if key in self._history}
            first = len(self._history) - most if offset < 0 and most is not None else max(offset, 0)
            chosen = [key for position, key in enumerate(self._history) if position >= first][:most]
            return {key: self._history[key] for key in chosen}

    def forget(self, prompt_id: str | None = None) -> None:
        """Delete one ended prompt, or all."""
        with self._lock:
            if prompt_id is None:
                self._history = {}
            else:
                self._history.pop(prompt_id, None)

    def set_flag(self, name: str) -> None:
        """Ask the worker for something after the running prompt, or now if it idles."""
        with self._lock:
            self._flags.add(name)
            self._filled.notify()

    def take_flags(self) -> set[str]:
        """The flags set since the last call."""
        with self._lock:
            flags, self._flags = self._flags, set()
            return flags

    def _tell(self) -> None:
        self._changed(self.remaining())
