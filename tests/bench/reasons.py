"""Why a figure misses its goal, as far as that is known."""

from collections.abc import Iterable

from tests.bench.figures import Figure

UNKNOWN = "not looked into yet."
# By how the name of a figure begins.
REASONS = {
    "seconds of a warm job beside the GPU's work": (
        "nearly all of it is work of the processor, of which this machine has two threads: the frames of the last "
        "window are decoded and encoded, faces are looked for, the voice is converted. On an H100's machine, with 16 "
        "threads and a folder for a bucket, fetching, preparing, encoding and uploading took 0.2 to 0.3 s of a job "
        "([gpu](gpu), `rest`)."
    ),
    "seconds from the worker's start": (
        "Python imports the SDK, pydantic and Pillow. A worker does that while ComfyUI starts, which takes several "
        "times as long: see `start to ready`."
    ),
    "cold start": (
        "reading ahead and ComfyUI's imports share two threads and one disk; runs on this machine gave 0.98 to 1.23."
    ),
    "download of 1 GB": (
        "server, writer and SHA-256 share two threads, and the programs beside it take no hash. Runs on this machine "
        "gave 1.1 to 1.3 unbounded, and 0.95 to 1.07 at 60 MB/s a connection."
    ),
}


def reasons(figures: Iterable[Figure]) -> str:
    """A line for each figure that misses its goal."""
    missed = [one.name for one in figures if one.goal is not None and one.value > one.goal]
    known = {name: [why for begins, why in REASONS.items() if name.startswith(begins)] for name in missed}
    return "".join(f"- {name}: {(known[name] or [UNKNOWN])[0]}\n" for name in missed)
