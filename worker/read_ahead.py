"""The weights of the first job, read into the kernel's page cache while ComfyUI still loads.

A cold network volume gives a few hundred megabytes a second, and ComfyUI asks it only when a job comes: what was read
until then comes out of memory. What is in the page cache belongs to nobody, and goes when anybody needs the room.
"""

import errno
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO
from pathlib import Path

log = logging.getLogger(__name__)

PIECE_BYTES = 16 * 1024 * 1024
# Of the memory that is free, so that ComfyUI has as much for what it makes of the weights.
SHARE = 0.5
MEMINFO = Path("/proc/meminfo")
CGROUPS = Path("/sys/fs/cgroup")
# Of both versions: the limit, what is used, and how that of files which nobody has touched lately is called.
CGROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)


class ReadAhead:
    """Reads files, one after the other, in a thread of its own.

    Args:
        files: in the order in which they are read. One that does not fit into the room that is left is passed over.
        room: the most that is read, in bytes; None: half of the memory that is free.
    """

    def __init__(self, files: Sequence[Path], room: int | None = None) -> None:
        self._files, self._room = files, room
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read_all, name="read-ahead", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Read no further piece. One that a hung volume does not give is not waited for."""
        self._stopped.set()

    def wait(self, seconds: float | None = None) -> None:
        """Until all is read, or for so long."""
        self._thread.join(seconds)

    def _read_all(self) -> None:
        begun, count, total = time.monotonic(), 0, 0
        room = int(SHARE * free_bytes()) if self._room is None else self._room
        for path in self._files:
            try:
                size = path.stat().st_size
                if total + size <= room:
                    total += self._read(path)
                    count += 1
            except OSError as error:  # ComfyUI, which needs it, will say so
                log.debug("read ahead: %s: %s", path.name, error)
            if self._stopped.is_set():
                return
        seconds = time.monotonic() - begun
        log.info(
            "read ahead %d of %d files of weights: %.1f GB in %.1f s", count, len(self._files), total / 1e9, seconds
        )

    def _read(self, path: Path) -> int:
        place = 0
        with path.open("rb", buffering=0) as file, Path(os.devnull).open("wb", buffering=0) as nowhere:
            while not self._stopped.is_set() and (got := _read_piece(file, nowhere, place)):
                place += got
        return place


def _read_piece(file: FileIO, nowhere: FileIO, place: int) -> int:
    """Have the kernel read a piece; how many bytes there were. They are not copied, which would take 0.6 s of processor
    for 1 GB beside a ComfyUI that needs it."""
    try:
        return os.sendfile(nowhere.fileno(), file.fileno(), place, PIECE_BYTES)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        return len(os.pread(file.fileno(), PIECE_BYTES, place))  # a file system, or a kernel, that knows no other way


def free_bytes(meminfo: Path = MEMINFO, cgroups: Path = CGROUPS) -> int:
    """The memory that this process could still take: the machine's, or its container's where that has less.

    0 where the kernel tells nothing.
    """
    try:
        told = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines() if ":" in line)
        machine = 1024 * int(told["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return 0
    return max(0, min([machine, *_rooms(cgroups)]))


def _rooms(cgroups: Path) -> Iterator[int]:
    """What the container may still take, where it has a limit."""
    for limit, used, untouched in CGROUP_FILES:
        try:
            most = int((cgroups / limit).read_text(encoding="ascii"))  # "max" is no number: no limit
            taken = int((cgroups / used).read_text(encoding="ascii"))
            lines = (cgroups / used).with_name("memory.stat").read_text(encoding="ascii").splitlines()
            yield most - taken + _value(lines, untouched)
        except (OSError, ValueError):
            continue


def _value(lines: Iterable[str], name: str) -> int:
    return next((int(value) for key, _, value in (line.partition(" ") for line in lines) if key == name), 0)
