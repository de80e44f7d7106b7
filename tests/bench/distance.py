"""A server that is far away: a proxy on this machine behind which each round trip takes its time."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PIECE_BYTES = 1 << 16


@contextmanager
def far_away(port: int, round_trip: float) -> Iterator[int]:
    """The port of 127.0.0.1 at which `port` can be reached as from `round_trip` seconds away. Bandwidth has no limit.

    A connection is open after a round trip: what its client sends before waits until then.
    """
    loop, ended = asyncio.new_event_loop(), asyncio.Event()
    proxy = _Proxy(port, round_trip)
    server = loop.run_until_complete(asyncio.start_server(proxy.connected, "127.0.0.1", 0))
    thread = threading.Thread(target=lambda: loop.run_until_complete(ended.wait()))
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


class _Proxy:
    def __init__(self, port: int, round_trip: float) -> None:
        self._port, self._round_trip = port, round_trip

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what either side says, half a round trip later."""
        open_at = asyncio.get_running_loop().time() + self._round_trip
        others_reader, others_writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(self._pass(reader, others_writer, open_at), self._pass(others_reader, writer, 0))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, open_at: float) -> None:
        loop, piece = asyncio.get_running_loop(), b"?"
        while piece:
            try:
                piece = await reader.read(PIECE_BYTES)
            except ConnectionError:
                piece = b""
            due = max(loop.time(), open_at) + self._round_trip / 2
            loop.call_at(due, writer.write if piece else lambda _: writer.close(), piece)
