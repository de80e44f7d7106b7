"""Talks to ComfyUI: posts a graph, follows it, and says how it ended.

The end of a prompt is read from /history; the WebSocket only feeds progress, and losing it is no
error. The protocol: docs/facts/comfyui.md.
"""

import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
import websocket

from comfy_client.clocks import HistoryPoll, SilenceClock, StallClock, StallTimeouts
from comfy_client.outcome import FAILED, outputs_of, rejection, unavailable
from comfy_client.progress import ProgressReader
from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError

log = logging.getLogger(__name__)

HTTP_SECONDS = 30
POLL_TIMEOUT_SECONDS = 5.0  # of a question that is asked again, or not worth more: cancel and stall wait for it
LISTEN_SECONDS = 0.5
SUBMIT_SECONDS = 10.0  # the server was idle a moment ago
CANCEL_SECONDS = 60.0
HOPELESS_CANCEL_SECONDS = 8.0
CANCEL_POLL_SECONDS = 0.2
ENDED_BY_ITSELF = (
    ErrorCode.GENERATION_FAILED,
    ErrorCode.GPU_FAULT,
    ErrorCode.OUT_OF_MEMORY,
    ErrorCode.INTERRUPTED,
)
HOPELESS = (ErrorCode.DEADLINE_EXCEEDED, ErrorCode.ENGINE_UNAVAILABLE)


@dataclass(frozen=True)
class Callbacks:
    """What `run` calls while it waits.

    Attributes:
        on_poll: again and again, about twice a second; it may raise to end the job.
        on_position: after each message of the prompt.
        progress: gives a number that changes while work goes on, whatever the messages say.
    """

    on_poll: Callable[[], None]
    on_position: Callable[[ProgressReader], None]
    progress: Callable[[], int]


class ComfyClient:
    """One server."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self.lost_track = False  # a prompt may still run there that nobody waits for
        self.stalled = False  # a prompt went on without progress for too long
        self._http = requests.Session()
        self._http.trust_env = False  # the server is on this machine; no proxy stands between

    def answers(self, seconds: float) -> bool:
        """Whether it answers HTTP within `seconds`."""
        try:
            return self._http.get(f"{self._url}/prompt", timeout=seconds).ok
        except requests.RequestException:
            return False

    def idle(self, seconds: float) -> bool:
        """Whether it works on nothing. Raises requests.RequestException where it does not answer within `seconds`."""
        answer = self._http.get(f"{self._url}/queue", timeout=seconds)
        answer.raise_for_status()
        queue = answer.json()
        return not queue.get("queue_running") and not queue.get("queue_pending")

    def object_info(self) -> dict[str, Any]:
        """The server's node facts. Raises requests.RequestException."""
        return self._get("/object_info")

    def close(self) -> None:
        """Drop the connections."""
        self._http.close()

    def run(
        self,
        graph: dict[str, Any],
        reader: ProgressReader,
        callbacks: Callbacks,
        timeouts: StallTimeouts,
        cancel: Cancellation,
    ) -> dict[str, Any]:
        """Run a graph to its end, as the prompt of `reader`, and return its outputs (node id to what that node shows).

        Raises:
            WorkerError: GRAPH_REJECTED, MODELS_MISSING, GENERATION_FAILED, OUT_OF_MEMORY, INTERRUPTED,
                DEADLINE_EXCEEDED, ENGINE_UNAVAILABLE, CANCELLED, or what `callbacks.on_poll` raises. Whatever
                ends the wait early, the prompt is taken from the server first.
        """
        client_id, prompt_id = new_id(), reader.prompt_id
        with _Listener(self._url, client_id) as listener:
            over, cancel_seconds = False, CANCEL_SECONDS
            try:
                self._submit(graph, prompt_id, client_id)
                outputs = self._follow(listener, reader, callbacks, timeouts, cancel)
                over = True
                return outputs
            except WorkerError as error:
                over = error.code in ENDED_BY_ITSELF
                # RunPod ends the worker soon after its job's deadline, and what hangs will not hear an interrupt.
                cancel_seconds = HOPELESS_CANCEL_SECONDS if error.code in HOPELESS else CANCEL_SECONDS
                raise
            finally:
                if not over and not self.withdraw(prompt_id, cancel_seconds):
                    self.lost_track = True

    def withdraw(self, prompt_id: str, seconds: float) -> bool:
        """Take a prompt from the queue or interrupt it, again and again until the server shows its end.

        An interrupt can be lost, and waits for the next step (docs/facts/comfyui.md#taking-a-prompt-back). False
        where the server did not confirm within `seconds` or does not answer.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            timeout = min(POLL_TIMEOUT_SECONDS, left)
            try:
                self._post("/queue", {"delete": [prompt_id]}, timeout)
                self._post("/interrupt", {"prompt_id": prompt_id}, timeout)
                if self._history(prompt_id, timeout) is not None or not self._queued(prompt_id):
                    return True
            except requests.ConnectionError as error:  # nobody listens any more
                log.warning("the prompt could not be withdrawn: %s", type(error).__name__)
                return False
            except requests.RequestException as error:  # silent for a while, as it is while weights load
                log.info("the prompt is not withdrawn yet: %s", type(error).__name__)
            time.sleep(CANCEL_POLL_SECONDS)
        log.warning("the prompt could not be withdrawn in %g s", seconds)
        return False

    def free(self) -> None:
        """Ask the idle server to drop its models and caches. Raises requests.RequestException."""
        self._post("/free", {"unload_models": True, "free_memory": True})

    def forget(self, prompt_id: str) -> None:
        """Remove a prompt's history entry; it holds the graph, with the caller's text."""
        try:
            self._post("/history", {"delete": [prompt_id]}, POLL_TIMEOUT_SECONDS)
        except requests.RequestException as error:
            log.warning("the history entry could not be removed: %s", type(error).__name__)

    def _submit(self, graph: dict[str, Any], prompt_id: str, client_id: str) -> None:
        body = {"prompt": graph, "prompt_id": prompt_id, "client_id": client_id}
        try:
            answer = self._http.post(f"{self._url}/prompt", json=body, timeout=SUBMIT_SECONDS)
            reply = answer.json()
        except requests.RequestException as error:
            raise unavailable(error) from error
        if answer.status_code != requests.codes.ok or reply.get("node_errors"):
            raise rejection(reply)

    def _follow(
        self,
        listener: "_Listener",
        reader: ProgressReader,
        callbacks: Callbacks,
        timeouts: StallTimeouts,
        cancel: Cancellation,
    ) -> dict[str, Any]:
        now = time.monotonic()
        poll, silence, stall = HistoryPoll(), SilenceClock(now), StallClock(now, timeouts, callbacks.progress())
        while True:
            cancel.check()
            callbacks.on_poll()
            message = listener.receive(LISTEN_SECONDS)
            now = time.monotonic()
            is_progress = message is not None and reader.read(message)
            if is_progress:
                callbacks.on_position(reader)
            stall.update(now, callbacks.progress(), message=is_progress)
            if poll.due(now, told=message is not None and reader.ended(message)):
                entry = self._poll_history(reader.prompt_id, silence, now)
                if entry is not None:
                    return outputs_of(entry)
            timeout = stall.expired(time.monotonic(), quiet=not reader.position.window or listener.lost)
            if timeout is not None:
                self.stalled = True
                raise WorkerError(ErrorCode.DEADLINE_EXCEEDED, f"{FAILED}: no progress for {timeout:g} s")

    def _poll_history(self, prompt_id: str, silence: SilenceClock, now: float) -> dict[str, Any] | None:
        """The prompt's entry, or None where it has none yet. Raises ENGINE_UNAVAILABLE after too long a silence."""
        try:
            entry = self._history(prompt_id, POLL_TIMEOUT_SECONDS)
        except requests.RequestException as error:
            if silence.expired(now, refused=isinstance(error, requests.ConnectionError)):
                raise unavailable(error) from error
            return None
        silence.answered(now)
        return entry

    def _history(self, prompt_id: str, seconds: float = HTTP_SECONDS) -> dict[str, Any] | None:
        found = self._get(f"/history/{prompt_id}", seconds)
        return found.get(prompt_id)

    def _queued(self, prompt_id: str) -> bool:
        queue = self._get("/queue", POLL_TIMEOUT_SECONDS)
        items = [*queue.get("queue_running", []), *queue.get("queue_pending", [])]
        return any(item[1] == prompt_id for item in items)

    def _get(self, path: str, seconds: float = HTTP_SECONDS) -> dict[str, Any]:
        answer = self._http.get(f"{self._url}{path}", timeout=seconds)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _post(self, path: str, body: dict[str, Any], seconds: float = HTTP_SECONDS) -> None:
        self._http.post(f"{self._url}{path}", json=body, timeout=seconds).raise_for_status()


class _Listener:
    """The WebSocket of one prompt, opened again when it is lost."""

    def __init__(self, url: str, client_id: str) -> None:
        self._address = f"{url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
        self._socket: websocket.WebSocket | None = None
        self.lost = False  # it was, at least once: a new one with the same client id may stay silent

    def __enter__(self) -> "_Listener":
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """The next text message, or None after `seconds` or where the socket is gone."""
        if self._socket is None:
            time.sleep(seconds)
            self._open()
            return None
        try:
            self._socket.settimeout(seconds)
            code, data = self._socket.recv_data()
            if code != websocket.ABNF.OPCODE_TEXT:
                if code == websocket.ABNF.OPCODE_CLOSE:
                    raise websocket.WebSocketConnectionClosedException("closed by the server")
                return None
            message = json.loads(data)
        except websocket.WebSocketTimeoutException:
            return None
        except (websocket.WebSocketException, OSError, ValueError) as error:
            log.warning("the progress socket was lost (%s); /history goes on deciding", type(error).__name__)
            self._socket.close()
            self._socket, self.lost = None, True
            return None
        return message if isinstance(message, dict) else None

    def _open(self) -> None:
        try:
            self._socket = websocket.create_connection(self._address, timeout=POLL_TIMEOUT_SECONDS, http_no_proxy=["*"])
        except (websocket.WebSocketException, OSError) as error:
            log.warning("no progress socket (%s)", type(error).__name__)


def new_id() -> str:
    """A fresh client or prompt id."""
    return uuid.uuid4().hex
