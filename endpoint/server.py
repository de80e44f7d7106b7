"""An HTTP server in an event loop that is not its own, on sockets that are open already."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn

SHUTDOWN_SECONDS = 5  # for answers that are on their way
LOOK_SECONDS = 0.01
App = Callable[..., Any]


class Server(uvicorn.Server):
    """Leaves signals to the program that it is part of."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


def bound(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 is any free one. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    listener = socket.socket(found[0][0], socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(found[0][4])
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


@asynccontextmanager
async def serving(app: App, listener: socket.socket, **config: Any) -> AsyncIterator[Server]:
    """Serves until its block ends, then for a while what was begun.

    Args:
        config: more for uvicorn's `Config`.
    """
    settings = {"log_level": "warning", "access_log": False, "timeout_graceful_shutdown": SHUTDOWN_SECONDS, **config}
    server = Server(uvicorn.Config(app, lifespan="off", server_header=False, **settings))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():
            await asyncio.sleep(LOOK_SECONDS)
        yield server
    finally:
        server.should_exit = True
        await task
