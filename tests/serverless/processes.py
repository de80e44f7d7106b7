"""Looks at the processes of this machine through /proc: whose child is whose, what they hold, and when they end."""

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


class Process:
    """Some process, which need not be a child of this one. The handle never means another one with the same number."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)
        self.command = (PROC / str(pid) / "cmdline").read_text(errors="replace").split("\0")[:-1]

    def __repr__(self) -> str:
        return f"{self.pid}: {' '.join(self.command)}"

    def close(self) -> None:
        """Let go of the handle."""
        os.close(self._handle)

    def signal(self, number: int) -> None:
        """Send a signal; none where it has ended."""
        if not self.ended(0):
            signal.pidfd_send_signal(self._handle, number)

    def freeze(self) -> None:
        """Stop it where it is, and wait until it stands."""
        self.signal(signal.SIGSTOP)
        while not self.ended(0) and (PROC / str(self.pid) / "stat").read_text().rpartition(")")[2].split()[0] != "T":
            os.sched_yield()

    def ended(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        return bool(select.select([self._handle], [], [], seconds)[0])


@dataclass(frozen=True)
class Usage:
    """What a process holds; memory in KiB."""

    descriptors: int
    threads: int
    memory: int
    children: int


def usage(pid: int) -> Usage:
    """What process `pid` holds now."""
    status = dict(
        line.split(":", 1) for line in (PROC / str(pid) / "status").read_text().splitlines() if line.count(":")
    )
    memory = int(status["VmRSS"].split()[0])
    return Usage(len(list((PROC / str(pid) / "fd").iterdir())), int(status["Threads"]), memory, len(children(pid)))


def children(pid: int) -> list[int]:
    """Numbers of the living children of `pid`."""
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it ended while we looked
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(entry.name))
    return found


def descendants(pid: int) -> list[int]:
    """Children, their children and so on."""
    return [number for child in children(pid) for number in (child, *descendants(child))]
