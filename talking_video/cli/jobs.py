"""run, quote, status, watch, cancel, retry, download: one job each."""

import base64
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from talking_video.cli.fields import with_fields
from talking_video.cli.follow import InterruptedByUserError, ended, interrupted, times_of
from talking_video.cli.quotes import quote_table
from talking_video.cli.say import console, give, say
from talking_video.cli.where import Endpoint, Local, Where, reached
from talking_video.client import RETRIES, Job, TalkingVideo
from talking_video.errors import RequestError, TalkingVideoError
from talking_video.reply import Quote, Result
from talking_video.request import Request

Files = Annotated[
    list[str],
    typer.Argument(help="a portrait and one to four voices (files or addresses), or one job.json", metavar="FILES…"),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="where the file goes")]
AsJson = Annotated[bool, typer.Option("--json", help="print the endpoint's answer as JSON")]
JobId = Annotated[str, typer.Argument(metavar="JOB")]
Retries = Annotated[int, typer.Option("--retries", min=0, max=10, help="after a failure that may pass")]
Timeout = Annotated[float | None, typer.Option("--timeout", min=5, help="seconds that the job may run")]
Webhook = Annotated[str | None, typer.Option("--webhook", help="address that is told of the end")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="print the job's id, and do not wait")]


def register(app: typer.Typer) -> None:
    """Put these commands into the application."""
    for command in (with_fields(run), with_fields(quote), status, watch, cancel, retry, download):
        app.command()(command)


def run(
    files: Files,
    *,
    fields: dict[str, Any],
    output: Output = None,
    endpoint: Endpoint = None,
    local: Local = False,
    retries: Retries = RETRIES,
    timeout: Timeout = None,
    webhook: Webhook = None,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Make a video: talking-video run portrait.jpg voice.mp3 -o out.mp4"""
    request = request_of(files, fields)
    if timeout is not None:
        request.beside["policy"] = {**request.beside.get("policy", {}), "executionTimeout": round(timeout * 1000)}
    if webhook is not None:
        request.beside["webhook"] = webhook
    target = output or free_name(Path(files[0]).stem)
    with _open(Where(endpoint, local)) as client:
        job = _submit(client, request, retries)
        if detach:
            give(job.id)
            return
        _deliver(job, ended(job), target, as_json=as_json)


def quote(
    files: Files,
    *,
    fields: dict[str, Any],
    output: Output = None,
    endpoint: Endpoint = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Say what a video would take, and save the picture of crop and regions; no GPU works."""
    request = request_of(files, fields)
    target = output or free_name(f"{Path(files[0]).stem}-quote", ".jpg")
    with _open(Where(endpoint, local)) as client:
        request.input["dry_run"] = True
        found = ended(_submit(client, request, 0))
    if not isinstance(found, Quote):
        raise TalkingVideoError("the worker made the video: it is too old for quotes")
    picture = str(found.output.get("preview", ""))
    if picture.startswith("data:image/"):
        target.write_bytes(base64.b64decode(picture.partition(",")[2]))
    if as_json:
        give(json.dumps(found.output, indent=2, ensure_ascii=False))
    else:
        console().print(quote_table(found))
        _warn(found.warnings)
    if picture:
        say(f"crop and regions: {target}") if as_json else give(str(target))


def status(job: JobId, endpoint: Endpoint = None, local: Local = False) -> None:
    """Print what the endpoint says of a job."""
    with _open(Where(endpoint, local)) as client:
        give(json.dumps(client.job(job).status(), indent=2, ensure_ascii=False))


def watch(
    job: JobId,
    *,
    output: Output = None,
    endpoint: Endpoint = None,
    local: Local = False,
    retries: Retries = 0,
    as_json: AsJson = False,
) -> None:
    """Follow a job to its end, and fetch its video. Ctrl-C leaves the job alone."""
    with _open(Where(endpoint, local)) as client:
        followed = client.job(job, retries=retries)
        _deliver(followed, ended(followed, cancels=False), output or free_name(_plain(job)), as_json=as_json)


def cancel(job: JobId, endpoint: Endpoint = None, local: Local = False) -> None:
    """End a job that waits or runs."""
    with _open(Where(endpoint, local)) as client:
        client.job(job).cancel()
        give(str(client.job(job).status().get("status")))


def retry(
    job: JobId,
    *,
    output: Output = None,
    endpoint: Endpoint = None,
    local: Local = False,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Queue a failed job again, under its id: a video that was made and not stored is stored now."""
    with _open(Where(endpoint, local)) as client:
        again = client.job(job)
        again.retry()
        if detach:
            give(again.id)
            return
        _deliver(again, ended(again), output or free_name(_plain(job)), as_json=as_json)


def download(job: JobId, output: Output = None, endpoint: Endpoint = None, local: Local = False) -> None:
    """Fetch the video of a job that has ended."""
    with _open(Where(endpoint, local)) as client:
        found = client.job(job)
        state = str(found.status().get("status"))
        if state in ("IN_QUEUE", "IN_PROGRESS", "RUNNING"):
            raise RequestError(f"the job has not ended ({state}): talking-video watch {job}")
        _deliver(found, found.result(), output or free_name(_plain(job)), as_json=False)


def request_of(files: list[str], fields: dict[str, Any]) -> Request:
    """Of a portrait and voices, or of one JSON file; fields of the command line come first.

    Raises:
        RequestError: a portrait without a voice, or a file that is no request.
    """
    if len(files) == 1 and files[0].endswith(".json"):
        return Request.from_file(files[0]).but(**fields)
    if len(files) == 1 and not {"speakers", "audio_urls"} & set(fields):
        raise RequestError("send a portrait and at least one voice: talking-video run portrait.jpg voice.mp3")
    return Request(files[0], *files[1:], **fields)


def free_name(stem: str, suffix: str = ".mp4") -> Path:
    """A name in the current folder that is not taken."""
    names = (Path(f"{stem}{f'-{number}' if number else ''}{suffix}") for number in range(10_000))
    return next(name for name in names if not name.exists())


def _open(where: Where) -> "_Opened":
    return _Opened(where)


class _Opened:
    """A client of the endpoint that the command line names, for a `with` block."""

    def __init__(self, where: Where) -> None:
        self._where, self._stack = where, ExitStack()

    def __enter__(self) -> TalkingVideo:
        return self._stack.enter_context(TalkingVideo(api=self._stack.enter_context(reached(self._where))))

    def __exit__(self, *error: Any) -> None:
        self._stack.close()


def _submit(client: TalkingVideo, request: Request, retries: int) -> Job:
    try:
        job = client.submit(request, retries=retries)
    except KeyboardInterrupt:
        raise InterruptedByUserError("stopped before the job had an id: look at the endpoint's requests") from None
    say(f"job {job.id}")
    return job


def _deliver(job: Job, found: Result | Quote, target: Path, *, as_json: bool) -> None:
    if isinstance(found, Quote):
        give(json.dumps(found.output, indent=2, ensure_ascii=False))
        return
    _warn(found.warnings)
    try:
        job.download(target)
    except KeyboardInterrupt:
        raise interrupted(job, cancels=False) from None
    say(times_of(found))
    give(json.dumps({**found.output, "file": str(target)}, indent=2, ensure_ascii=False) if as_json else str(target))


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        say(f"warning: {warning}")


def _plain(job_id: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in job_id)
