"""One file of the corpus: its name, what the intake must say of it, and how it is made."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from contract.errors import WorkerError

Result = TypeVar("Result")
OK, IMAGE, AUDIO, LONG, SHORT = "ok", "image_invalid", "audio_invalid", "audio_too_long", "audio_too_short"
VIDEO = "video_invalid"


@dataclass(frozen=True)
class Case:
    """`data` may be what makes the file, where that costs much and few files are asked for. `expected` are error codes,
    or OK, of which one must come out. Sparse files end with `zeros` more bytes."""

    name: str
    data: bytes | Callable[[], bytes]
    expected: tuple[str, ...]
    zeros: int = 0

    @property
    def content(self) -> bytes:
        """Made now, if it is not made yet."""
        return self.data if isinstance(self.data, bytes) else self.data()


def noise(size: int, seed: int = 0) -> bytes:
    """The same bytes in every run."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - no secret


def truncations(name: str, data: bytes, expected: tuple[str, ...], step: int = 1024) -> Iterator[Case]:
    """The file cut at every kilobyte."""
    stem, _, suffix = name.rpartition(".")
    for size in range(step, len(data), step):
        yield Case(f"{stem}_cut_at_{size}.{suffix}", data[:size], expected)


def attempt(call: Callable[[], Result]) -> Result | WorkerError:
    """What a call returns, or the error of the table that it raises."""
    try:
        return call()
    except WorkerError as error:
        return error
