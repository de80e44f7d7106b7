"""ComfyUI's HTTP interface, with the shape of every answer checked where it is read (docs/facts/comfyui.md)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import requests

HTTP_SECONDS = 30
POLL_TIMEOUT_SECONDS = 5.0  # of a question that is asked again, or not worth more: cancel and stall wait for it


class UnreadableAnswerError(requests.RequestException):
    """It answered, but not as ComfyUI does."""


@dataclass(frozen=True)
class Queue:
    """The ids of the prompts that run and of those that wait."""

    running: tuple[str, ...]
    waiting: tuple[str, ...]

    def __contains__(self, prompt_id: object) -> bool:
        return prompt_id in self.running or prompt_id in self.waiting

    def __bool__(self) -> bool:
        return bool(self.running or self.waiting)


class ComfyApi:
    """One server. Its methods raise requests.RequestException where it does not answer, answers with an error, or
    (`UnreadableAnswerError`) with something else than ComfyUI does."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False  # the server is on this machine; no proxy stands between

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._url

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()

    def look(self, seconds: float) -> None:
        """Ask for as little as possible."""
        self._http.get(f"{self._url}/prompt", timeout=seconds).raise_for_status()

    def queue(self, seconds: float) -> Queue:
        """What it works on and what waits."""
        queue = self._get("/queue", seconds)
        return Queue(_ids(queue.get("queue_running")), _ids(queue.get("queue_pending")))

    def history(self, prompt_id: str, seconds: float = POLL_TIMEOUT_SECONDS) -> dict[str, Any] | None:
        """The entry of a prompt that has ended; None before. Of an entry that is no object nothing is left but `{}`."""
        found = self._get(f"/history/{prompt_id}", seconds)
        if prompt_id not in found:
            return None
        entry = found[prompt_id]
        return entry if isinstance(entry, dict) else {}

    def object_info(self) -> dict[str, Any]:
        """Its node facts."""
        return self._get("/object_info", HTTP_SECONDS)

    def submit(self, body: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """Post a prompt; None where it was taken, else the answer that says why not.

        Raises:
            UnreadableAnswerError: an answer that says neither.
        """
        answer = self._http.post(f"{self._url}/prompt", json=body, timeout=seconds)
        reply = _object(answer.json())
        refused = reply.get("node_errors")
        if answer.ok and not refused:
            return None
        if (isinstance(refused, dict) and refused) or (reply.get("error") and not answer.ok):
            return reply
        raise UnreadableAnswerError("/prompt")

    def take_back(self, prompt_id: str, seconds: float) -> None:
        """Take a prompt from the queue, and interrupt it where it runs."""
        self._post("/queue", {"delete": [prompt_id]}, seconds)
        self._post("/interrupt", {"prompt_id": prompt_id}, seconds)

    def free(self) -> None:
        """Ask the idle server to drop its models and caches."""
        self._post("/free", {"unload_models": True, "free_memory": True}, HTTP_SECONDS)

    def forget(self, prompt_id: str) -> None:
        """Remove a prompt's history entry."""
        self._post("/history", {"delete": [prompt_id]}, POLL_TIMEOUT_SECONDS)

    def _get(self, path: str, seconds: float) -> dict[str, Any]:
        answer = self._http.get(f"{self._url}{path}", timeout=seconds)
        answer.raise_for_status()
        return _object(answer.json())

    def _post(self, path: str, body: dict[str, Any], seconds: float) -> None:
        self._http.post(f"{self._url}{path}", json=body, timeout=seconds).raise_for_status()


def _object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise UnreadableAnswerError(f"{type(answer).__name__} instead of an object")
    return answer


def _ids(items: object) -> tuple[str, ...]:
    """Of a list of /queue, whose items are number, prompt id and more."""
    if not isinstance(items, list):
        raise UnreadableAnswerError("/queue")
    return tuple(_id_of(item) for item in items)


def _id_of(item: object) -> str:
    parts: Iterable[object] = item if isinstance(item, list) else ()
    match list(parts)[:2]:
        case [_, str(prompt_id)]:
            return prompt_id
    raise UnreadableAnswerError("/queue")
