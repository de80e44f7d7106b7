"""The one way in for what a caller names: brings every source of a job onto the disk.

A source is an http(s) URL, a data: URI, or a path below one of the input roots. Bytes are counted
while they arrive; what a server says of their number is not believed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from contract.source import ESCAPED
from contract.volume import Pulse, Volume
from sources.local import data_pieces, file_pieces, no_such_file
from sources.places import WebPolicy
from sources.transfer import Transfer, UnavailableError, save_pieces
from sources.web import Web

POLL_SECONDS = 0.05
SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")


def _one_volume() -> Callable[[Path], Volume]:
    volume = Volume()
    return lambda _: volume


@dataclass(frozen=True)
class FetchLimits:
    """Where a path may point and what each root is on, how many bytes a source may have, and where on the web it may
    be."""

    roots: tuple[Path, ...]
    image_bytes: int
    audio_bytes: int
    policy: WebPolicy = field(default_factory=WebPolicy)
    volume_of: Callable[[Path], Volume] = field(default_factory=_one_volume)
    video_bytes: int = 500_000_000


@dataclass(frozen=True)
class Inputs:
    """The sources of a job as local files, voices in the order of the speakers, further pictures by their names. Voices
    of one source are one file. `filmed`: the image is a video."""

    image: Path
    voices: tuple[Path, ...]
    pictures: dict[str, Path] = field(default_factory=dict)
    filmed: bool = False


def fetch_inputs(
    image: str | None,
    voices: tuple[str, ...],
    folder: Path,
    limits: FetchLimits,
    cancel: Cancellation,
    *,
    video: str | None = None,
    pictures: Mapping[str, str] | None = None,
    web: Web | None = None,
) -> Inputs:
    """Bring the portrait, or the video in its place, every voice and every further picture into `folder`, in parallel.

    A voice that several speakers name comes once. No thread of it is left at its end, save look-ups of names and reads
    of folders that nobody answers.

    Args:
        pictures: what each further picture is called in messages, and its source.

    Raises:
        WorkerError: IMAGE_UNAVAILABLE, VIDEO_UNAVAILABLE, AUDIO_UNAVAILABLE (naming the speaker), SOURCE_REFUSED,
            SOURCE_TOO_LARGE, CANCELLED.
    """
    distinct, further = tuple(dict.fromkeys(voices)), dict(pictures or {})
    first = (image or "", "image", limits.image_bytes) if video is None else (video, "video", limits.video_bytes)
    wanted = [
        _Source(address, folder / f"{name}.source", most, Transfer(cancel, limits.policy.total_seconds))
        for address, name, most in (
            first,
            *((voice, f"voice_{number}", limits.audio_bytes) for number, voice in enumerate(distinct, 1)),
            *((picture, f"picture_{number}", limits.image_bytes) for number, picture in enumerate(further.values(), 1)),
        )
    ]
    seen, *brought = _bring_all(wanted, limits, web or Web(limits.policy), cancel)
    sounds = dict(zip(distinct, brought, strict=False))
    seen_there = _picture("image" if video is None else "video", seen)
    voices_there = _voices(*(sounds[voice] for voice in voices))
    named = zip(further, brought[len(distinct) :], strict=True)
    pictures_there = {name: _picture(f"image of {name}", job) for name, job in named}
    return Inputs(seen_there, voices_there, pictures_there, filmed=video is not None)


def _bring_all(wanted: "list[_Source]", limits: FetchLimits, web: Web, cancel: Cancellation) -> list[Future[Path]]:
    """All at once, to their ends. Raises WorkerError: CANCELLED; what else went wrong is in the futures."""
    with ThreadPoolExecutor(max_workers=len(wanted), thread_name_prefix="fetch") as pool:
        jobs = [pool.submit(_bring, source, limits, web) for source in wanted]
        try:
            while wait(jobs, timeout=POLL_SECONDS).not_done:
                for source in wanted:
                    source.transfer.look()
        finally:
            for source in wanted:
                source.transfer.end()
    cancel.check()
    return jobs


def _picture(name: str, job: Future[Path]) -> Path:
    """What was brought, or the error that names it."""
    problem = job.exception()
    if isinstance(problem, UnavailableError):
        code = ErrorCode.VIDEO_UNAVAILABLE if name == "video" else ErrorCode.IMAGE_UNAVAILABLE
        raise WorkerError(code, f"The {name} could not be downloaded: {problem}", retryable=not problem.lasting)
    if isinstance(problem, WorkerError):
        raise WorkerError(problem.code, f"The {name} could not be taken: {problem.message}")
    return job.result()


def _voices(*sounds: Future[Path]) -> tuple[Path, ...]:
    """What was brought, or the error that tells of every voice that was not."""
    voices_failed = {number: job.exception() for number, job in enumerate(sounds, start=1) if job.exception()}
    if voices_failed:
        raise _voices_failed(voices_failed, len(sounds))
    return tuple(job.result() for job in sounds)


def _voices_failed(failed: dict[int, BaseException | None], voices: int) -> BaseException:
    reasons, code, lasting = [], ErrorCode.AUDIO_UNAVAILABLE, False
    for number, problem in failed.items():
        lasting = lasting or (isinstance(problem, UnavailableError) and problem.lasting)
        if isinstance(problem, WorkerError):
            code = problem.code
        elif problem is not None and not isinstance(problem, UnavailableError):
            return problem
        reasons.append(f"speaker {number}: {problem}")
    whole = len(failed) == voices
    begin = "No valid audio files could be downloaded" if whole else "Not every voice could be downloaded"
    return WorkerError(code, f"{begin}: {'; '.join(reasons)}", retryable=False if lasting else None)


@dataclass(frozen=True)
class _Source:
    named: str
    target: Path
    most: int
    transfer: Transfer


def _bring(source: _Source, limits: FetchLimits, web: Web) -> Path:
    with ExitStack() as on_failure:
        on_failure.callback(source.target.unlink, missing_ok=True)
        _save(source, limits, web)
        on_failure.pop_all()
    return source.target


def _from_the_web(source: _Source, web: Web) -> None:
    try:
        web.save(source.named, source.target, source.most, source.transfer)
    except UnavailableError as error:
        if not (error.lasting and ESCAPED in source.named):
            raise
        message = f"{error}; the URL was escaped for HTML: send & where it has {ESCAPED}"
        raise UnavailableError(message, lasting=True) from error


def _save(source: _Source, limits: FetchLimits, web: Web) -> None:
    match = SCHEME.match(source.named)
    scheme = match[1].lower() if match else ""
    if scheme in ("http", "https"):
        _from_the_web(source, web)
    elif scheme == "data":
        save_pieces(data_pieces(source.named), source.target, source.most, source.transfer)
    elif scheme:
        raise WorkerError(ErrorCode.SOURCE_REFUSED, "A source must be an http(s) URL, a data: URI or a path")
    else:
        _copy(source, limits)


def _copy(source: _Source, limits: FetchLimits) -> None:
    """From the first root that has it. One that hangs holds neither the job, nor the other roots, nor, at the worker's
    end, the process."""
    silent: TimeoutError | None = None
    absent: WorkerError | None = None
    for root in limits.roots:
        try:
            limits.volume_of(root).do(partial(_copy_below, (root,), source), source.transfer.check)
        except TimeoutError as error:
            silent = error
        except WorkerError as error:
            if error.code is not ErrorCode.SOURCE_REFUSED:
                raise
            absent = error
        else:
            return
    if silent is not None:
        raise UnavailableError("a folder of this worker that it may be in does not answer") from silent
    raise absent or no_such_file(source.named)


def _copy_below(roots: tuple[Path, ...], source: _Source, pulse: Pulse) -> None:
    pieces = file_pieces(source.named, roots, source.most)
    save_pieces(_counted(pieces, pulse), source.target, source.most, source.transfer)


def _counted(pieces: Iterator[bytes], pulse: Pulse) -> Iterator[bytes]:
    for piece in pieces:
        pulse()
        yield piece
