"""batch: many jobs of one file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from talking_video.cli.batch_file import read_rows
from talking_video.cli.batch_state import State
from talking_video.cli.job_pool import Ended, JobPool
from talking_video.cli.quotes import money
from talking_video.cli.say import console, give, say
from talking_video.cli.where import Endpoint, Local, Where, reached
from talking_video.client import RETRIES
from talking_video.errors import EXIT_FAILED, EXIT_INTERRUPTED
from talking_video.reply import duration
from talking_video.sources import local_files

PRICE = "TALKING_VIDEO_USD_PER_HOUR"
Price = Annotated[
    float | None,
    typer.Option("--usd-per-hour", min=0, envvar=PRICE, help="what an hour of the GPU costs, for the table"),
]
Parallel = Annotated[int, typer.Option("--parallel", "-p", min=1, max=100, help="jobs in flight")]
STATE = "batch.state.jsonl"


def register(app: typer.Typer) -> None:
    """Put the command into the application."""
    app.command()(batch)


def batch(
    file: Annotated[Path, typer.Argument(metavar="JOBS.jsonl|JOBS.csv")],
    *,
    folder: Annotated[Path | None, typer.Option("--folder", "-o", help="for the videos; default: JOBS-videos")] = None,
    endpoint: Endpoint = None,
    local: Local = False,
    parallel: Parallel = 4,
    retries: Annotated[int, typer.Option("--retries", min=0, max=10, help="of each, where it may pass")] = RETRIES,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="also what failed in an earlier run")] = False,
    usd_per_hour: Price = None,
) -> None:
    """Make a video of each line: the same command again goes on where it was left, or killed."""
    rows, where = read_rows(file), folder or file.with_name(f"{file.stem}-videos")
    for row in rows:
        local_files(row.request)  # a file that is missing is told before the first job is sent
    with State(where / STATE) as state, reached(Where(endpoint, local)) as api:
        pool = JobPool(api, where, state, parallel=parallel, retries=retries, again=retry_failed)
        try:
            ended = pool.run(rows)
        except KeyboardInterrupt:
            say("the same command goes on with what is left")
            raise typer.Exit(EXIT_INTERRUPTED) from None
    console().print(summary(ended, usd_per_hour))
    failed = [one for one in ended if one.error]
    say(f"{len(ended) - len(failed)} of {len(rows)} made" + (f", {len(failed)} failed" if failed else ""))
    give(str(where))
    if failed:
        raise typer.Exit(EXIT_FAILED)


def summary(
    ended: Sequence[Ended], usd_per_hour: float | None, names: Sequence[str] = (), *, files: bool = True
) -> Table:
    """A table with times and costs, and their sums."""
    table = Table(box=None, pad_edge=False)
    for name in ("", "video", "made in", "cost", "file"):
        table.add_column(name, justify="left" if name in ("", "file") else "right")
    for number, one in enumerate(ended):
        name = names[number] if names else str(one.row.number)
        if one.error:
            table.add_row(name, "failed", "", "", one.error)
        else:
            video, cost = duration(one.video_seconds), _cost(one.seconds, usd_per_hour)
            table.add_row(name, video, duration(one.seconds), cost, str(one.file) if files else "")
    good = [one for one in ended if not one.error]
    videos, seconds = sum(one.video_seconds or 0 for one in good), sum(one.seconds or 0 for one in good)
    table.add_row("sum", duration(videos), duration(seconds), _cost(seconds, usd_per_hour), "", style="bold")
    return table


def _cost(seconds: float | None, usd_per_hour: float | None) -> str:
    return "" if seconds is None or usd_per_hour is None else money(seconds * usd_per_hour / 3600)
