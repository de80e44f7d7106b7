"""Programs of this project as processes: `python FILE …` without the second that its imports take."""

import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

REPOSITORY = Path(__file__).resolve().parents[1]
HANDLER, SIMULATOR = REPOSITORY / "handler.py", REPOSITORY / "simulator" / "__main__.py"
LONGEST_NEWS = 1024  # bytes
_starting = threading.Lock()
_used: list[float] = []  # seconds of processor, by each program that has ended


class Program:
    """A running one, with as much of `subprocess.Popen`'s face as tests need.

    Args:
        file: the program's main file.
        arguments: what follows it on the command line.
        environment: the whole of it.
        stdout, stderr: a file, or PIPE to read it here; STDOUT: where stdout goes.
        folder: where it runs.
    """

    def __init__(
        self,
        file: Path,
        *arguments: str,
        environment: Mapping[str, str],
        stdout: IO[Any] | int,
        stderr: IO[Any] | int = subprocess.STDOUT,
        folder: Path = REPOSITORY,
    ) -> None:
        self.returncode: int | None = None
        self.stdout, output = _end_of(stdout)
        self.stderr, errors = (None, output) if stderr == subprocess.STDOUT else _end_of(stderr)
        self._turn = threading.Lock()
        self._channel, channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        weakref.finalize(self, self._channel.close)
        order = {"file": str(file), "arguments": arguments, "folder": str(folder), "environment": dict(environment)}
        with channel, Path(os.devnull).open("rb") as nothing:
            files = [nothing.fileno(), output, errors, channel.fileno()]
            socket.send_fds(_server().orders, [json.dumps(order).encode()], files)
        for number, asked in ((output, stdout), (errors, stderr)):
            if asked == subprocess.PIPE:
                os.close(number)
        pid, handles, _, _ = socket.recv_fds(self._channel, LONGEST_NEWS, 1)
        self.pid, self._handle = int(pid), handles[0]
        weakref.finalize(self, os.close, self._handle)

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._code(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; minus a signal's number. Raises subprocess.TimeoutExpired."""
        code = self._code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing happens where it has ended."""
        if self.poll() is None:
            try:
                signal.pidfd_send_signal(self._handle, number)
            except ProcessLookupError:
                return

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _code(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._channel], [], [], seconds)[0]:
            with self._turn:
                if self.returncode is None:
                    code, used = self._channel.recv(LONGEST_NEWS).split()
                    self.returncode = int(code)
                    _used.append(float(used))
        return self.returncode


def _end_of(target: IO[Any] | int) -> tuple[IO[bytes] | None, int]:
    """Where to read what goes to `target`, if it is read here, and the number of the file that the program gets."""
    if target != subprocess.PIPE:
        return None, target if isinstance(target, int) else target.fileno()
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb"), writing


class FreshProgram(subprocess.Popen[bytes]):
    """The same as any stranger starts it: with a Python of its own, whose command line and environment are in /proc."""

    def __init__(
        self,
        file: Path,
        *arguments: str,
        environment: Mapping[str, str],
        stdout: IO[Any] | int,
        stderr: IO[Any] | int = subprocess.STDOUT,
        folder: Path = REPOSITORY,
    ) -> None:
        command = [sys.executable, str(file), *arguments]
        nothing = subprocess.DEVNULL
        super().__init__(command, cwd=folder, env=environment, stdin=nothing, stdout=stdout, stderr=stderr)


class _Server:
    """`tests/program_server.py`, and the socket for its orders."""

    def __init__(self) -> None:
        self.orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        command = [sys.executable, "-u", "-m", "tests.program_server", str(number)]
        with theirs:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, pass_fds=[number], stdin=subprocess.DEVNULL)


def seconds_used() -> float:
    """Of processor, by all programs that have ended."""
    return sum(_used)


def _server() -> _Server:
    with _starting:
        return _only_server()


@functools.cache
def _only_server() -> _Server:
    return _Server()


def end() -> None:
    """Let the server end, where there is one. No program can be started any more."""
    if _only_server.cache_info().currsize:
        _only_server().orders.close()
        _only_server().process.wait()
