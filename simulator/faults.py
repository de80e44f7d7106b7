"""Faults on demand: `--fault KIND[:key=value[,key=value]]` or `--fault @FILE`, repeatable.

| kind | keys | what happens |
|---|---|---|
| drop-socket | times, window | at a progress tick the WebSocket of the prompt's client is cut without a goodbye |
| die | window or node | the process ends at once with exit code 1 |
| hang | window or node | no more progress; HTTP stays alive; an interrupt has no effect |
| silent | window or node | HTTP and WebSocket no longer answer; the sampling goes on |
| oom | window or node, times | execution_error with torch.OutOfMemoryError |
| error | node or window, times, message | execution_error with RuntimeError and that message |
| dead-thread | window or node | the prompt worker ends silently: the prompt stays in queue_running for ever |
| base-exception | window or node, message | the same, with the traceback that Python prints for a thread |
| dead-after | times | when a prompt has ended the prompt worker ends silently: the next one waits for ever |
| answer | path, times, message | the answer is that text instead; `PROMPT` in it becomes the prompt's id |
| cut | path, times | what was asked is done, and the connection ends in the middle of the answer |
| lost | path, times | the connection ends, and nothing was done |
| late | path, times, seconds | so long nothing is done |

path is prompt (its POST), queue, history (of a prompt that has ended), object_info, or for `answer` ws: then the text
is sent beside a progress tick. window=k: when the k-th window (from 1) starts; the frames of the windows before it are
on disk. node=X: when a node of class X or with the id X starts. Neither: window=1. times=N: that often in the life of
this process, default 1, `times=always` for ever. `message` may hold commas and therefore comes last.

@FILE: a file with one such fault a line, which need not be there. It is read when a prompt is posted and when it
starts, and each fault that happens is counted down in it and removed after its last time: what is left of it holds for
the next process, too. A line that is no fault fails the prompt.
"""

import os
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from simulator.failures import NodeBaseError, NodeError

DROP, DEAD_AFTER = "drop-socket", "dead-after"
BEFORE_ANSWER, AT_ANSWER = ("lost", "late"), ("answer", "cut")
ELSEWHERE = (DROP, DEAD_AFTER, *BEFORE_ANSWER, *AT_ANSWER)
KINDS = (*ELSEWHERE, "die", "hang", "silent", "oom", "error", "dead-thread", "base-exception")
READ_ANEW = ("prompt", "object_info")
KEYS = ("window", "node", "path", "seconds", "times", "message")
OOM_TIPS = (
    "This error means you ran out of memory on your GPU.\n\n"
    "TIPS: If the workflow worked before you might have accidentally set the batch_size to a large number."
)
OOM_MESSAGE = (
    "CUDA out of memory. Tried to allocate 1.44 GiB. GPU 0 has a total capacity of 23.53 GiB of which 1.12 GiB is "
    "free. Including non-PyTorch memory, this process has 22.40 GiB memory in use. Of the allocated memory "
    "21.31 GiB is allocated by PyTorch, and 622.18 MiB is reserved by PyTorch but unallocated. If reserved but "
    "unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  "
    "See documentation for Memory Management  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
)


@dataclass
class Fault:
    """One fault and how often it may still happen (None: always)."""

    kind: str
    window: int | None
    node: str | None
    left: int | None
    message: str
    path: str | None = None
    seconds: float = 0.0

    @property
    def key(self) -> Hashable:
        """What it is, however often it may still happen."""
        return self.kind, self.window, self.node, self.path, self.message

    def take(self) -> bool:
        """Use it up by one; False if it is used up."""
        if self.left == 0:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    @property
    def spec(self) -> str:
        """What `parse` makes this fault of."""
        named = (("window", self.window), ("node", self.node), ("path", self.path), ("seconds", self.seconds))
        places = [f"{key}={value}" for key, value in named if value]
        times = "always" if self.left is None else self.left
        return f"{self.kind}:{','.join([*places, f'times={times}', f'message={self.message}'])}"


def parse(spec: str) -> Fault:
    """Read one `--fault` value; raises ValueError with a sentence for the caller."""
    kind, _, rest = spec.partition(":")
    if kind not in KINDS:
        raise ValueError(f"unknown fault {kind!r}, known are {', '.join(KINDS)}")
    head, found, message = rest.partition("message=")
    values = {}
    for pair in filter(None, head.split(",")):
        key, _, value = pair.partition("=")
        if key not in KEYS or not value:
            raise ValueError(f"fault {spec!r}: {pair!r} is not one of {', '.join(KEYS)} with a value")
        values[key] = value
    node = values.get("node")
    everywhere = kind in ELSEWHERE or node is not None
    window = int(values["window"]) if "window" in values else None if everywhere else 1
    times = values.get("times", "1")
    left = None if times == "always" else int(times)
    text = message if found else "simulated failure"
    return Fault(kind, window, node, left, text, values.get("path"), float(values.get("seconds", "0")))


class FaultFile:
    """The faults of one file, as of the last `read`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.faults: list[Fault] = []

    def read(self) -> None:
        """Take what it holds now; raises ValueError like `parse`, with no fault taken."""
        self.faults = []
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        self.faults = [parse(line.strip()) for line in lines if line.strip()]

    def save(self) -> None:
        """Write what is left."""
        part = self._path.with_name(f"{self._path.name}.part")
        part.write_text("".join(f"{fault.spec}\n" for fault in self.faults if fault.left != 0), encoding="utf-8")
        part.replace(self._path)


class FaultPlan:
    """Makes the faults happen. silence and drop are what `silent` and `drop-socket` do to the server, say what `answer`
    does to a socket. Safe to use from any thread."""

    def __init__(
        self,
        faults: Sequence[Fault | FaultFile],
        silence: Callable[[], None],
        drop: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._given = [fault for fault in faults if isinstance(fault, Fault)]
        self._files = [file for file in faults if isinstance(file, FaultFile)]
        self._silence, self._drop, self._say = silence, drop, say
        self._lock = threading.RLock()
        self._trouble = ""

    def begin(self) -> None:
        """A prompt starts."""
        with self._lock:
            self._trouble = ""
            for file in self._files:
                try:
                    file.read()
                except (OSError, ValueError) as error:
                    self._trouble = f"simulator: {error}"

    def at_window(self, number: int) -> None:
        """Window `number` starts."""
        for fault in self._due(lambda fault: fault.window == number and fault.node is None):
            self._happen(fault)

    def at_node(self, node_id: str, class_type: str) -> None:
        """A node starts. Raises RuntimeError where a file cannot be read."""
        if self._trouble:
            raise RuntimeError(self._trouble)
        for fault in self._due(lambda fault: fault.node in (node_id, class_type)):
            self._happen(fault)

    def at_tick(self, window: int) -> None:
        """A progress tick was sent in window `window` (0: while weights load) to a client that listens."""
        for _ in self._due(lambda fault: fault.kind == DROP and fault.window in (None, window), elsewhere=True):
            self._drop()
        for fault in self._due(lambda fault: fault.kind == "answer" and fault.path == "ws", elsewhere=True):
            self._say(fault.message)

    def at_end(self) -> None:
        """A prompt has ended, and its end was told. Raises SystemExit where the prompt worker is to end."""
        for _ in self._due(lambda fault: fault.kind == DEAD_AFTER, elsewhere=True):
            raise SystemExit

    def at_request(self, path: str, kinds: Sequence[str]) -> Fault | None:
        """One of these kinds that a question about `path` meets, used up by one."""
        if path in READ_ANEW:
            self.begin()
        return next(self._due(lambda fault: fault.kind in kinds and fault.path == path, elsewhere=True), None)

    def _due(self, matches: Callable[[Fault], bool], *, elsewhere: bool = False) -> Iterator[Fault]:
        """Those that match and may still happen, each used up by one before it is given."""
        seen: set[Hashable] = set()
        while True:
            with self._lock:
                fault = next(
                    (
                        one
                        for one in self._all()
                        if (one.kind in ELSEWHERE) == elsewhere
                        and one.key not in seen
                        and matches(one)
                        and self._take(one)
                    ),
                    None,
                )
            if fault is None:
                return
            seen.add(fault.key)
            yield fault

    def _all(self) -> list[Fault]:
        return [*self._given, *(fault for file in self._files for fault in file.faults)]

    def _take(self, fault: Fault) -> bool:
        """Use it up by one, on the disk too: it may end the process."""
        if not fault.take():
            return False
        for file in self._files:
            if any(fault is one for one in file.faults):
                file.save()
        return True

    def _happen(self, fault: Fault) -> None:
        if fault.kind == "die":
            os._exit(1)
        if fault.kind == "hang":
            _wait_for_ever()
        if fault.kind == "silent":
            self._silence()
        if fault.kind == "oom":
            raise NodeError("torch.OutOfMemoryError", OOM_MESSAGE, OOM_TIPS)
        if fault.kind == "error":
            raise RuntimeError(fault.message)
        if fault.kind == "dead-thread":
            raise SystemExit
        if fault.kind == "base-exception":
            raise NodeBaseError(fault.message)


def _wait_for_ever() -> NoReturn:
    while True:
        threading.Event().wait()
