"""Who ended a program that works on a caller's file: the file, which made it run into a limit, or this machine."""

import resource
import signal
from pathlib import Path

# Of this container, in either version of control groups.
OOM_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))
SLACK_SECONDS = 1.0


class Witness:
    """Made before the program starts. Programs that end beside it are counted in: then the file may be blamed wrongly,
    the machine never."""

    def __init__(self) -> None:
        self._processor, self._kills = _processor_seconds(), _out_of_memory_kills()

    def blames_machine(self, returncode: int | None, processor_limit: float) -> bool:
        """Whether a program with this exit was killed, and not for the processor time (s) that it used up.

        The kernel kills with SIGKILL for both; so it does where the container has no memory left, which it counts.
        """
        if returncode != -signal.SIGKILL:
            return False
        used = _processor_seconds() - self._processor
        return _out_of_memory_kills() > self._kills or used < processor_limit - SLACK_SECONDS


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _out_of_memory_kills() -> int:
    for counter in OOM_COUNTERS:
        try:
            pairs = (line.split() for line in counter.read_text(encoding="ascii").splitlines())
            return int(dict(pair for pair in pairs if len(pair) == 2).get("oom_kill", 0))
        except (OSError, ValueError):
            continue
    return 0
