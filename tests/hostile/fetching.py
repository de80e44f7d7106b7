"""One voice through `fetch_inputs`, and the proof that it left nothing behind."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from sources.fetch import FetchLimits, fetch_inputs
from sources.places import WebPolicy
from sources.web import Times, Web

PATIENCE = 60.0  # only a test that fails waits so long
LIMIT = 100_000
FINE = "data:image/png,fine"
QUICK = Times(connect=PATIENCE, read=0.3, back_off=0.001)  # for servers that say nothing
SLOW = Times(connect=PATIENCE, read=PATIENCE, back_off=0.001)


def fetch(
    source: str,
    folder: Path,
    web: Web,
    *,
    roots: tuple[Path, ...] = (),
    seconds: float = PATIENCE,
    cancel: Cancellation | None = None,
) -> bytes:
    """What the worker makes of a voice."""
    folder.mkdir(exist_ok=True)
    limits = FetchLimits(roots, LIMIT, LIMIT, WebPolicy(total_seconds=seconds))
    inputs = fetch_inputs(FINE, (source,), folder, limits, cancel or Cancellation(), web=web)
    content = inputs.voices[0].read_bytes()
    inputs.voices[0].unlink()
    return content


def failed(source: str, folder: Path, web: Web, **more: object) -> tuple[ErrorCode, str]:
    """The code and message of a voice that must not be had, which leaves no file."""
    with pytest.raises(WorkerError) as caught:
        fetch(source, folder, web, **more)  # type: ignore[arg-type]
    assert caught.value.stage is Stage.FETCH or caught.value.code is ErrorCode.CANCELLED
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 200
    assert [path.name for path in folder.iterdir()] == ["image.source"]
    return caught.value.code, caught.value.message


@contextmanager
def nothing_left() -> Iterator[None]:
    """No thread and no open file more than before."""
    gc.collect()
    gc.freeze()  # what is left stays, and the next one need not walk through it: half a second in a full process
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("fetch")] == []
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
