"""The WebSockets of the server and the one queue all messages to them go through, in order.

Kept from the real server on purpose: a prompt's events go only to the socket that has the prompt's client id; and when
a client connects again under its id while the old socket is still half open, the end of the old socket unregisters the
new one (docs/facts/comfyui.md#sockets).
"""

import asyncio
import contextlib
import json
import uuid
from typing import Any

import aiohttp
from aiohttp import web

FEATURES = {"supports_preview_metadata": True, "max_upload_size": 104857600}

Message = dict[str, Any]


class Hub:
    """Owns the sockets, sends from any thread. client_id and last_node: those of the prompt that runs or ran last."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.client_id: str | None = None
        self.last_node: str | None = None
        self.mute = False
        self._loop = loop
        self._messages: asyncio.Queue[tuple[Message | str | None, str | None]] = asyncio.Queue()
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._transports: dict[str, asyncio.Transport] = {}
        self._cut: set[str] = set()

    def send(self, kind: str, data: Message, sid: str | None = None) -> None:
        """Queue a message for the socket `sid`, or for all when it is None; nothing once the server goes down."""
        self._queue({"type": kind, "data": data}, sid)

    def send_own(self, kind: str, data: Message) -> None:
        """Queue a message for the client of the running prompt; nothing if it has none."""
        if self.client_id is not None:
            self.send(kind, data, self.client_id)

    def send_queue(self, remaining: int) -> None:
        """Tell everybody how many prompts wait or run."""
        self.send("status", {"status": exec_info(remaining)})

    def connected(self) -> bool:
        """Whether the client of the running prompt has a socket."""
        return self.client_id in self._sockets and self.client_id not in self._cut

    def drop(self) -> None:
        """Cut the connection of the running prompt's client, after the messages queued so far."""
        self._cut.add(self.client_id or "")
        self._queue(None, self.client_id)

    def say(self, text: str) -> None:
        """Queue any text for the client of the running prompt."""
        self._queue(text, self.client_id)

    def silence(self) -> None:
        """From now on nothing is sent or answered."""
        self.mute = True
        self._loop.call_soon_threadsafe(self._stop_reading)

    async def publish(self) -> None:
        """Deliver queued messages for ever."""
        while True:
            message, sid = await self._messages.get()
            if self.mute:
                continue
            if message is None:
                self._abort(sid)
            else:
                await self._deliver(message, sid)

    async def serve(self, request: web.Request, remaining: int) -> web.WebSocketResponse:
        """One client's connection, until it ends."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sid = request.rel_url.query.get("clientId", "") or uuid.uuid4().hex
        self._sockets[sid] = socket
        self._cut.discard(sid)
        if isinstance(request.transport, asyncio.Transport):
            self._transports[sid] = request.transport
        try:
            await self._deliver({"type": "status", "data": {"status": exec_info(remaining), "sid": sid}}, sid)
            if self.client_id == sid and self.last_node is not None:
                await self._deliver({"type": "executing", "data": {"node": self.last_node}}, sid)
            await self._listen(socket, sid)
        finally:
            self._sockets.pop(sid, None)
            self._transports.pop(sid, None)
        return socket

    async def close(self) -> None:
        """End all connections."""
        for transport in list(self._transports.values()):
            transport.abort()

    async def _listen(self, socket: web.WebSocketResponse, sid: str) -> None:
        first = True
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            with contextlib.suppress(ValueError):
                data = message.json()
                if first and isinstance(data, dict) and data.get("type") == "feature_flags":
                    await self._deliver({"type": "feature_flags", "data": FEATURES}, sid)
                first = False

    async def _deliver(self, message: Message | str, sid: str | None) -> None:
        receivers = (
            list(self._sockets.values()) if sid is None else [self._sockets[s] for s in [sid] if s in self._sockets]
        )
        for socket in receivers:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                await socket.send_str(message if isinstance(message, str) else json.dumps(message))

    def _queue(self, message: Message | str | None, sid: str | None) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._messages.put_nowait, (message, sid))

    def _abort(self, sid: str | None) -> None:
        transport = self._transports.get(sid or "")
        if transport is not None:
            transport.abort()

    def _stop_reading(self) -> None:
        for transport in self._transports.values():
            transport.pause_reading()


def exec_info(remaining: int) -> Message:
    """The body of GET /prompt and of `status`."""
    return {"exec_info": {"queue_remaining": remaining}}
