"""compare: one job in several variants, side by side in one MP4."""

import itertools
import secrets
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from talking_video.cli.batch import Parallel, Price, summary
from talking_video.cli.batch_file import Row
from talking_video.cli.batch_state import State
from talking_video.cli.fields import read_value, split_pair, with_fields
from talking_video.cli.job_pool import JobPool
from talking_video.cli.jobs import Files, Output, free_name, request_of
from talking_video.cli.mosaic import mosaic, require_ffmpeg
from talking_video.cli.say import console, give, say
from talking_video.cli.where import Endpoint, Local, Where, reached
from talking_video.client import RETRIES
from talking_video.errors import EXIT_FAILED, EXIT_INTERRUPTED, RequestError
from talking_video.request import Request

MOST = 16
LARGEST_SEED = 2**53 - 1


def register(app: typer.Typer) -> None:
    """Put the command into the application."""
    app.command()(with_fields(compare))


def compare(
    files: Files,
    *,
    fields: dict[str, Any],
    vary: Annotated[list[str], typer.Option("--vary", help="NAME=VALUE,VALUE…; several: each with each", metavar="…")],
    output: Output = None,
    endpoint: Endpoint = None,
    local: Local = False,
    parallel: Parallel = 4,
    usd_per_hour: Price = None,
    keep: Annotated[Path | None, typer.Option("--keep", help="folder that keeps the single videos")] = None,
) -> None:
    """The same job, with one seed, in each variant: compare job.json --vary shift=5,11 --vary steps=4,8"""
    require_ffmpeg()
    request = request_of(files, fields)
    chosen = variants(vary)
    seed = _seed(request)
    rows = _rows(request.but(seed=seed, output_key=None), chosen)
    names = [" ".join(f"{name}={value}" for name, value in fields.items()) for fields in chosen]
    target = output or free_name(f"{Path(files[0]).stem}-compared")
    with TemporaryDirectory(prefix="talking-video-") as scratch, reached(Where(endpoint, local)) as api:
        folder = keep or Path(scratch)
        with State(Path(scratch) / "state.jsonl") as state:
            pool = JobPool(api, folder, state, parallel=parallel, retries=RETRIES, again=True)
            try:
                ended = pool.run(rows)
            except KeyboardInterrupt:
                raise typer.Exit(EXIT_INTERRUPTED) from None
        console().print(summary(ended, usd_per_hour, names, files=keep is not None))
        good = [(one.file, name) for one, name in zip(ended, names, strict=True) if not one.error]
        if good:
            mosaic(good, target)
    if good:
        say(f"all with seed {seed}")
        give(str(target))
    if len(good) < len(rows):
        raise typer.Exit(EXIT_FAILED)


def _rows(request: Request, chosen: Sequence[dict[str, Any]]) -> list[Row]:
    """A job for each variant."""
    return [
        Row(number, secrets.token_hex(8), request.but(**fields), f"{number:02}.mp4")
        for number, fields in enumerate(chosen, 1)
    ]


def variants(vary: Sequence[str]) -> list[dict[str, Any]]:
    """Each value of a name with each of the others. Raises RequestError for fewer than 2 or more than 16."""
    choices = []
    for text in vary:
        name, values = split_pair(text)
        choices.append([(name, read_value(value.strip())) for value in values.split(",") if value.strip()])
    found = [dict(pairs) for pairs in itertools.product(*choices)]
    if not 2 <= len(found) <= MOST:
        raise RequestError(f"--vary gives {len(found)} variants; send 2 to {MOST}")
    return found


def _seed(request: Request) -> int:
    """The job's own, or one for all."""
    try:
        given = int(str(request.input.get("seed", 0)))
    except ValueError:
        given = 0
    return given if given > 0 else 1 + secrets.randbelow(LARGEST_SEED)
