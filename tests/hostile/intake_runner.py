"""Run as a program: takes every file of a corpus in a process of its own and prints what came of it, as JSON lines.

The figures are those of the process that does the intake and of the programs that it starts: seconds of processor,
and the peaks of both memories added up, which is never less than what they held together. A process that hangs is
ended, and leaves no line.
"""

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from contract.cancel import Cancellation
from contract.errors import WorkerError
from contract.request import parse_request
from media.faces import find_faces
from media.image import draw_fitted, open_portrait, plan_fit
from sources.fetch import Inputs
from tests.hostile.hostile_case import OK
from tests.job.prepared import prepare

AT_ONCE = 2
HANG_SECONDS = 300  # only a defect takes so long, also on a busy machine
REQUEST = {"image_url": "portrait.png", "audio_urls": ["voice.wav"], "width": 256, "height": 256}


def take_picture(source: Path, folder: Path) -> None:
    """The way of a portrait into the frame, past the face detector."""
    image = open_portrait(source, [])
    fit = plan_fit(image.size, (400, 704), "cover", [], [face.box for face in find_faces(image)])
    draw_fitted(image, fit).save(folder / "portrait.png", compress_level=1)


def take_sound(source: Path, folder: Path) -> None:
    """The way of a voice, beside a portrait that is fine, to everything that a graph reads."""
    inputs = Inputs(source.parents[1] / "portrait.png", (source,))
    prepare(parse_request(REQUEST), inputs, folder, [], Cancellation(), audio_max_seconds=390, video_max_seconds=600)


def take_film(source: Path, folder: Path) -> None:
    """The way of a video to dub, with its own sound kept, beside a voice that is fine."""
    dub = {"video_url": "film.mp4", "audio_urls": ["voice.wav"], "width": 256, "height": 256, "keep_sound": "under"}
    inputs = Inputs(source, (source.parents[1] / "sounds" / "voice.wav",), filmed=True)
    prepare(parse_request(dub), inputs, folder, [], Cancellation(), audio_max_seconds=390, video_max_seconds=600)


WAYS = {"pictures": take_picture, "sounds": take_sound, "films": take_film}


def outcome_of(source: Path, folder: Path) -> str:
    """OK, or the code of the refusal; anything else is a defect and told by its name."""
    try:
        WAYS[source.parent.name](source, folder)
    except WorkerError as error:
        return "internal_error" if "/" in error.message or "\n" in error.message else str(error.code)
    except BaseException as error:  # noqa: BLE001 - this is what the corpus looks for
        return f"{type(error).__name__}: {error}"
    return OK


def run(source: Path, work: Path) -> None:
    """In the process of the one file."""
    signal.alarm(HANG_SECONDS)
    folder = Path(tempfile.mkdtemp(dir=work))
    code = outcome_of(source, folder)
    shutil.rmtree(folder)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    usages = (resource.getrusage(resource.RUSAGE_SELF), children)
    seconds = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    name = f"{source.parent.name}/{source.name}"
    report = {"name": name, "code": code, "seconds": round(seconds, 2), "peak_kb": own + children.ru_maxrss}
    os.write(1, (json.dumps(report) + "\n").encode())


def main(corpus: Path, work: Path) -> None:
    """Every file below `corpus`, two at a time."""
    # What an ordinary job brings into memory is there before the first file is measured.
    import_module("onnxruntime")
    run_in_child(corpus / "sounds" / "voice.wav", work, quiet=True)
    running = 0
    for source in sorted(corpus.glob("*/*")):
        if running == AT_ONCE:
            os.wait()
            running -= 1
        run_in_child(source, work)
        running += 1
    for _ in range(running):
        os.wait()


def run_in_child(source: Path, work: Path, *, quiet: bool = False) -> None:
    """Fork, so that the modules need not be imported again for every file."""
    child = os.fork()
    if child:
        if quiet:
            os.waitpid(child, 0)
        return
    if quiet:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        run(source, work)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
