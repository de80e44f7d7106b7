"""Starts programs of this project in processes that have already imported what they import.

A worker imports for a second of processor before it does anything, and the suite starts hundreds. Each program is a
process of its own all the same: forked here where nothing has run yet, it gets its arguments, environment, folder and
files, runs as `__main__`, and ends as Python ends. What reads the environment as it is imported is left to the program:
the RunPod SDK. `tests/programs.py` is the other end.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

IMPORTS = (
    *("aiohttp", "aiohttp.web", "boto3", "botocore.session", "botocore.httpsession", "cpuinfo", "paramiko", "tomlkit"),
    *("PIL.Image", "PIL.ImageDraw", "PIL.ImageFont", "pydantic", "pydantic_settings", "requests", "websocket"),
    *("aiohttp_retry", "backoff", "onnxruntime", "tarfile", "tomli", "tqdm_loggable.auto"),
    *("httpx", "rich.console", "rich.progress", "rich.table", "typer"),
    *("job.pipeline", "storage.job_bucket", "storage.s3_client", "storage.s3_urls", "simulator.server"),
    *("worker.late_jobs", "worker.local_run", "worker.startup"),
)
LONGEST = 1 << 20  # bytes of one order
FILES = 4  # standard input, output, errors, and the channel on which pid and exit code are told


@dataclass(frozen=True)
class Order:
    """A program to become."""

    file: str
    arguments: list[str]
    folder: str
    environment: dict[str, str]


class Server:
    """Takes orders until nobody can give any more, and tells of each program its pid, then its exit status."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._selector = selectors.DefaultSelector()
        self._selector.register(orders, selectors.EVENT_READ)
        self._channels: dict[int, tuple[int, socket.socket]] = {}  # by the handles of the processes

    def serve(self) -> Order | None:
        """Returns an order in each process that is to follow it, None here at the end."""
        while True:
            for key, _ in self._selector.select():
                if key.fd in self._channels:
                    self._tell_end(key.fd)
                    continue
                text, files, _, _ = socket.recv_fds(self._orders, LONGEST, FILES)
                if not text:
                    return None
                if self._begin(files):
                    return Order(**json.loads(text))

    def _begin(self, files: Sequence[int]) -> bool:
        """Fork; whether this is the new process."""
        pid = os.fork()
        if pid == 0:
            self._selector.close()
            for channel in (self._orders, *(channel for _, channel in self._channels.values())):
                channel.detach()
            for number, file in enumerate(files[:3]):
                os.dup2(file, number)
            _close_all_but(3)
            return True
        channel = socket.socket(fileno=files[3])
        for file in files[:3]:
            os.close(file)
        handle = os.pidfd_open(pid)
        socket.send_fds(channel, [str(pid).encode()], [handle])
        self._channels[handle] = pid, channel
        self._selector.register(handle, selectors.EVENT_READ)
        return False

    def _tell_end(self, handle: int) -> None:
        pid, channel = self._channels.pop(handle)
        self._selector.unregister(handle)
        os.close(handle)
        _, status, used = os.wait4(pid, 0)
        with channel:
            channel.send(f"{os.waitstatus_to_exitcode(status)} {used.ru_utime + used.ru_stime}".encode())


def _close_all_but(first: int) -> None:
    """Files from this number on are nothing of the program's."""
    for number in [int(name) for name in os.listdir("/proc/self/fd")]:  # noqa: PTH208 - numbers are wanted
        if number >= first:
            with contextlib.suppress(OSError):  # that of the listing itself
                os.close(number)


def become(order: Order) -> None:
    """Run the program as `python FILE ARGUMENTS…` does, in its folder and environment."""
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    tempfile.tempdir = None  # as TMPDIR has it now
    sys.argv = [order.file, *order.arguments]
    main: Any = ModuleType("__main__")
    main.__file__ = order.file
    sys.modules["__main__"] = main
    exec(compile(Path(order.file).read_bytes(), order.file, "exec"), main.__dict__)  # noqa: S102 - our own program


def start() -> Order | None:
    """Import, and serve the socket whose number is the argument."""
    gc.disable()
    for name in IMPORTS:
        importlib.import_module(name)
    gc.freeze()  # no program looks through it
    gc.enable()
    return Server(socket.socket(fileno=int(sys.argv[1]))).serve()


if __name__ == "__main__":
    found = start()
    if found:
        become(found)
