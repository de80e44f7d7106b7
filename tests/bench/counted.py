"""What a job does, counted: neither the clock nor what else the machine does makes another number of it."""

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from imageio_ffmpeg import get_ffmpeg_exe

from contract.cancel import Cancellation
from contract.request import parse_request
from job.preparation import lay_out_job, write_files
from sources.fetch import Inputs
from tests.bench.encoding import REPOSITORY
from tests.bench.figures import Figure
from tests.serverless.stand import standing
from tests.serverless.stores import Store
from tests.storage.scripted_server import scripted_server

COUNTING = """#!/bin/sh
echo started >>{log}
exec {ffmpeg} "$@"
"""
REQUEST = {"image_url": "portrait.png", "audio_urls": ["hello.wav"]}


def figures() -> Iterator[Figure]:
    """Programs, requests and connections of a job; calls of functions while one is prepared."""
    made = Store()
    with tempfile.TemporaryDirectory() as folder, scripted_server(made.answer, keeps=True) as bucket:
        made.url, room, log = bucket.url, Path(folder), Path(folder) / "programs"
        program = room / "counting"
        program.write_text(COUNTING.format(log=log, ffmpeg=get_ffmpeg_exe()))
        program.chmod(0o755)
        with standing(room, made, IMAGEIO_FFMPEG_EXE=str(program)) as stand:
            seen, connections = len(bucket.seen), bucket.connections
            log.write_text("")
            stand.give("job")
            stand.plane.wait_for_result("job")
            stand.plane.wait_until_asked()
        counts = {
            "ffmpegs that a job with one voice starts": len(log.read_text().splitlines()),
            "requests of a job to its bucket": len(bucket.seen) - seen,
            "connections of a job to its bucket": bucket.connections - connections,
        }
    yield from (Figure(name, count, f"{count}", exact=True) for name, count in counts.items())
    _prepare()  # what is read and made once is there from now on
    calls = _calls(_prepare)
    # A few of them are waits for a program.
    yield Figure("calls of functions while a job with one voice is prepared", calls, f"{calls}")


def _prepare() -> None:
    with tempfile.TemporaryDirectory() as folder:
        room, cancel = Path(folder), Cancellation()
        for name in ("portrait.png", "hello.wav"):
            shutil.copy(REPOSITORY / "examples" / name, room / name)
        inputs = Inputs(room / "portrait.png", (room / "hello.wav",))
        request = parse_request(REQUEST)
        layout = lay_out_job(request, inputs, room, [], cancel, audio_max_seconds=60, video_max_seconds=60)
        write_files(layout, room, cancel)


def _calls(work: Callable[[], None]) -> int:
    """Of Python's functions and C's, in all threads that `work` starts."""
    lock, count = threading.Lock(), 0

    def look(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            with lock:
                count += 1

    before = sys.getprofile()
    threading.setprofile(look)
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
    return count
