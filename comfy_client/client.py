"""Talks to ComfyUI: posts a graph, follows it, and says how it ended.

The end of a prompt is read from /history; the WebSocket only feeds progress, and losing it is no
error. The protocol: docs/facts/comfyui.md.
"""

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from comfy_client.api import POLL_TIMEOUT_SECONDS, ComfyApi, UnreadableAnswerError
from comfy_client.clocks import BEGIN_SECONDS, BeginClock, HistoryPoll, SilenceClock, StallClock, StallTimeouts
from comfy_client.listener import Listener
from comfy_client.outcome import FAILED, lost, outputs_of, rejection, unavailable
from comfy_client.progress import ProgressReader
from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError

log = logging.getLogger(__name__)

LISTEN_SECONDS = 0.5
SUBMIT_SECONDS = 10.0  # the server was idle a moment ago
KNOWN_SECONDS = 30.0  # after a post that was not answered: until the server must have read it
UNKNOWN_SECONDS = 3.0  # that a server which answers may still be at work on a post that was cut
POSTS = 2
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
        self._api = ComfyApi(url)
        self.lost_track = False  # a prompt may still run there that nobody waits for
        self.stalled = False  # a prompt went on without progress for too long

    @property
    def url(self) -> str:
        """Where the server answers."""
        return self._api.url

    def answers(self, seconds: float) -> bool:
        """Whether it answers HTTP within `seconds`."""
        try:
            self._api.look(seconds)
        except requests.RequestException:
            return False
        return True

    def idle(self, seconds: float) -> bool:
        """Whether it works on nothing. Raises requests.RequestException where it does not answer within `seconds`."""
        return not self._api.queue(seconds)

    def object_info(self) -> dict[str, Any]:
        """The server's node facts. Raises requests.RequestException."""
        return self._api.object_info()

    def close(self) -> None:
        """Drop the connections."""
        self._api.close()

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
        client_id = new_id()
        with Listener(self.url, client_id) as listener:
            over, cancel_seconds = False, CANCEL_SECONDS
            follower = _Follower(self._api, listener, reader, callbacks, timeouts=timeouts, cancel=cancel)
            try:
                follower.submit(graph, client_id)
                outputs = follower.follow()
                over = True
                return outputs
            except WorkerError as error:
                over = error.code in ENDED_BY_ITSELF
                # RunPod ends the worker soon after its job's deadline, and what hangs will not hear an interrupt.
                cancel_seconds = HOPELESS_CANCEL_SECONDS if error.code in HOPELESS else CANCEL_SECONDS
                raise
            except SystemExit:  # this process is told to end, and its server with it
                cancel_seconds = HOPELESS_CANCEL_SECONDS
                raise
            finally:
                self.stalled = self.stalled or follower.stalled
                if not over and not self.withdraw(reader.prompt_id, cancel_seconds):
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
                self._api.take_back(prompt_id, timeout)
                if prompt_id not in self._api.queue(timeout) or self._api.history(prompt_id, timeout) is not None:
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
        self._api.free()

    def forget(self, prompt_id: str) -> None:
        """Remove a prompt's history entry; it holds the graph, with the caller's text."""
        try:
            self._api.forget(prompt_id)
        except requests.RequestException as error:
            log.warning("the history entry could not be removed: %s", type(error).__name__)


class _Follower:
    """Posts one prompt and waits for its end."""

    def __init__(
        self,
        api: ComfyApi,
        listener: Listener,
        reader: ProgressReader,
        callbacks: Callbacks,
        *,
        timeouts: StallTimeouts,
        cancel: Cancellation,
    ) -> None:
        now = time.monotonic()
        self.stalled = False
        self._api, self._listener, self._reader = api, listener, reader
        self._callbacks, self._cancel = callbacks, cancel
        self._poll, self._begin = HistoryPoll(), BeginClock()
        self._silence = SilenceClock(now, timeouts.silence)
        self._stall = StallClock(now, timeouts, callbacks.progress())
        self._begun = False

    def submit(self, graph: dict[str, Any], client_id: str) -> None:
        """Post the graph. Where the answer is lost, late or unreadable, the server is asked whether it has the prompt.

        Raises:
            WorkerError: GRAPH_REJECTED, MODELS_MISSING, ENGINE_UNAVAILABLE; as `Callbacks.on_poll` and the cancellation
                do.
        """
        body = {"prompt": graph, "prompt_id": self._reader.prompt_id, "client_id": client_id}
        for left in reversed(range(POSTS)):
            try:
                refused = self._api.submit(body, SUBMIT_SECONDS)
            except requests.RequestException as error:
                log.warning("the post was not answered as it should be: %r", error)
                if self._is_known(error):
                    return
                if not left:
                    raise unavailable(error) from error
            else:
                if refused is not None:
                    raise rejection(refused)
                return

    def _is_known(self, unanswered: requests.RequestException) -> bool:
        """Whether the server has the prompt although its post was not answered; raises where it does not tell."""
        began, told_no = time.monotonic(), None
        while True:
            self._look()
            now = time.monotonic()
            try:
                if self._knows():
                    return True
                told_no = now if told_no is None else told_no
            except requests.RequestException as error:
                if now - began > KNOWN_SECONDS:
                    raise unavailable(error, now - began) from error
            # One that was only late may still be read; one whose connection is gone was read or never will be.
            patience = KNOWN_SECONDS if isinstance(unanswered, requests.Timeout) else UNKNOWN_SECONDS
            if told_no is not None and now - told_no > patience:
                return False
            self._cancel.wait(LISTEN_SECONDS)

    def _knows(self) -> bool:
        prompt_id = self._reader.prompt_id
        return prompt_id in self._api.queue(POLL_TIMEOUT_SECONDS) or self._api.history(prompt_id) is not None

    def _look(self) -> None:
        self._cancel.check()
        self._callbacks.on_poll()

    def follow(self) -> dict[str, Any]:
        """Wait for the end; as `ComfyClient.run`."""
        reader, ended = self._reader, False
        self._silence.answered(time.monotonic())
        self._stall.update(time.monotonic(), self._callbacks.progress(), message=True)
        while True:
            self._look()
            message = self._listener.receive(LISTEN_SECONDS)
            now = time.monotonic()
            if message is not None:
                self._hear(message, now)
                ended = ended or reader.ended(message)
            self._stall.update(now, self._callbacks.progress(), message=False)
            if self._poll.due(now, told=message is not None and reader.ended(message)):
                entry = self._ask(now, ended=ended)
                if entry is not None:
                    return outputs_of(entry, reader.error)
            quiet = not reader.position.done or self._listener.lost
            timeout = self._stall.expired(time.monotonic(), quiet=quiet)
            if timeout is not None:
                self.stalled = True
                raise WorkerError(ErrorCode.DEADLINE_EXCEEDED, f"{FAILED}: no progress for {timeout:g} s")

    def _hear(self, message: dict[str, Any], now: float) -> None:
        if not self._reader.read(message):
            return
        self._begun = True
        self._callbacks.on_position(self._reader)
        self._stall.update(now, self._callbacks.progress(), message=True)
        if self._reader.position.done:
            self._silence.sampled(now)

    def _ask(self, now: float, *, ended: bool) -> dict[str, Any] | None:
        """The prompt's history entry, or None where it has none yet.

        Raises:
            WorkerError: ENGINE_UNAVAILABLE after too long a silence, where the prompt is not begun, or where the
                server says that it has `ended` and tells nothing more that can be read.
        """
        try:
            entry = self._api.history(self._reader.prompt_id)
            if entry is None and not self._begun:
                self._look_whether_it_begins(now)
        except requests.RequestException as error:
            if ended and isinstance(error, UnreadableAnswerError):
                raise lost(self._reader.error) from error
            if self._silence.expired(now, refused=isinstance(error, requests.ConnectionError)):
                raise unavailable(error, self._silence.seconds) from error
            return None
        self._silence.answered(now)
        return entry

    def _look_whether_it_begins(self, now: float) -> None:
        queue = self._api.queue(POLL_TIMEOUT_SECONDS)
        self._begun = self._reader.prompt_id in queue.running
        if self._begin.waits(now, alone=not queue.running):
            raise WorkerError(
                ErrorCode.ENGINE_UNAVAILABLE, f"ComfyUI was idle and did not begin the job within {BEGIN_SECONDS:g} s"
            )


def new_id() -> str:
    """A fresh client or prompt id."""
    return uuid.uuid4().hex
