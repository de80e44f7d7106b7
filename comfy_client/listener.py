"""The WebSocket of one prompt, opened again when it is lost. It feeds progress alone, and losing it is no error."""

import contextlib
import json
import logging
import time
from typing import Any

import websocket

log = logging.getLogger(__name__)

OPEN_SECONDS = 5.0


class Listener:
    """Use as a `with` block.

    Args:
        url: of the server, http://…
        client_id: as the prompt is posted with.
    """

    def __init__(self, url: str, client_id: str) -> None:
        self._address = f"{url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
        self._socket: websocket.WebSocket | None = None
        self.lost = False  # it was, at least once: a new one with the same client id may stay silent

    def __enter__(self) -> "Listener":
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """The next text message; None after `seconds`, for what is no JSON object, or where the socket is gone."""
        if self._socket is None:
            time.sleep(seconds)
            self._open()
            return None
        try:
            self._socket.settimeout(seconds)
            code, data = self._socket.recv_data()
            if code == websocket.ABNF.OPCODE_CLOSE:
                raise websocket.WebSocketConnectionClosedException("closed by the server")
        except websocket.WebSocketTimeoutException:
            return None
        except (websocket.WebSocketException, OSError, ValueError) as error:
            log.warning("the progress socket was lost (%s); /history goes on deciding", type(error).__name__)
            self._socket.close()
            self._socket, self.lost = None, True
            return None
        return _message(data) if code == websocket.ABNF.OPCODE_TEXT else None

    def _open(self) -> None:
        try:
            self._socket = websocket.create_connection(
                self._address,
                timeout=OPEN_SECONDS,
                http_no_proxy=["*"],
                skip_utf8_validation=True,  # letter by letter in Python; json.loads does it again in C
            )
        except (websocket.WebSocketException, OSError) as error:
            log.warning("no progress socket (%s)", type(error).__name__)


def _message(data: bytes) -> dict[str, Any] | None:
    message: object = None
    with contextlib.suppress(ValueError):
        message = json.loads(data)
    return message if isinstance(message, dict) else None
