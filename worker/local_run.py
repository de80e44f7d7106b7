"""One job without RunPod, of the command line or of a file, answered on standard output."""

import base64
import json
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from contract.errors import ErrorCode, WorkerError
from contract.job import Job
from contract.response import failure
from storage.base import storage_key

log = logging.getLogger(__name__)

OPTION = "--test_input"
USUAL_FILE = "test_input.json"  # the SDK reads it where nothing else is asked for
LOCAL_ID = "local_test"
USAGE = """\
One portrait and one to four voices in, the URL of a lip-synced MP4 out.

  python handler.py --test_input FILE.json      make the video of one job, print the reply; exit code 0 or 1
  python handler.py --test_input '{"input": {"image_url": "…", "audio_urls": ["…"]}}'      the same
  python handler.py                             the same with ./test_input.json; on RunPod: take its jobs
  python handler.py --rp_serve_api              a local HTTP API (POST /runsync); --rp_api_port, --rp_api_host
  python handler.py --help                      this text

Settings are environment variables: README.md has the table. ENGINE=simulator needs neither GPU nor models.
"""
Handle = Callable[[Job], Awaitable[dict[str, Any]]]


class LocalRun:
    """The reply, and nothing else, on standard output, as JSON for a person or a script.

    Args:
        text: the job as JSON, or the name of a file that has it.
        others: the rest of the command line.
    """

    def __init__(self, text: str, others: list[str]) -> None:
        self._out = sys.stdout
        self._others = others
        self.answered = False
        self.fault: WorkerError | None = None
        self._text = self._read(text)

    @classmethod
    def asked_for(cls, arguments: list[str], folder: Path | None) -> "LocalRun | None":
        """The run that the command line asks for, or else the usual file in `folder` (None: no folder is looked at)."""
        index = next((i for i, argument in enumerate(arguments) if argument.split("=", 1)[0] == OPTION), None)
        if index is not None:
            value = arguments[index].split("=", 1)[1:]
            end = index + (1 if value else 2)
            return cls("".join(value or arguments[index + 1 : end]), arguments[:index] + arguments[end:])
        if folder is not None and (folder / USUAL_FILE).is_file():
            return cls(str(folder / USUAL_FILE), arguments)
        return None

    @property
    def arguments(self) -> list[str]:
        """The command line as the SDK takes it."""
        return [*self._others, OPTION, self._text]

    def _read(self, text: str) -> str:
        """The job as JSON; `fault` where it is no job at all: the SDK would answer with a traceback, or run another."""
        if not text.lstrip().startswith(("{", "[")) and text.strip():
            name = text
            try:
                text = Path(name).read_text(encoding="utf-8-sig")
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
                self._refuse(f"--test_input names a file that cannot be read: {reason}: {name}")
                return ""
        try:
            job = json.loads(text)
        except (ValueError, RecursionError):
            job = None
        if not (isinstance(job, dict) and isinstance(job.get("input"), dict) and job["input"]):
            self._refuse('--test_input takes a JSON object like {"input": {"image_url": …}}, or a file that has one')
        return text

    def _refuse(self, reason: str) -> None:
        self.fault = WorkerError(ErrorCode.INVALID_INPUT, f"Invalid input: {reason}")

    def say(self, reply: dict[str, Any]) -> None:
        """Print a reply."""
        self.answered = True
        self._out.write(json.dumps(reply, indent=2, ensure_ascii=False) + "\n")
        self._out.flush()

    def ended(self, code: object) -> None:
        """Print the reply of a run that was ended with this exit code, by a signal, where none was printed."""
        if self.answered:
            return
        if code == 128 + signal.SIGTERM:
            error = WorkerError(ErrorCode.INTERRUPTED, "The worker was ended (SIGTERM) before the job was done")
        else:
            error = WorkerError(ErrorCode.CANCELLED, "The job was cancelled from the keyboard")
        self.say(failure(error, LOCAL_ID))

    def wrap(self, handle: Handle) -> Handle:
        """The handler, printing its reply."""

        async def handle_and_say(job: Job) -> dict[str, Any]:
            reply = await handle(job)
            self.say(reply)
            return dict(reply)

        return handle_and_say


def show_preview(job: Job, update: dict[str, Any], folder: Path) -> None:
    """Write the preview of an update, where it has one, as `<job id>.preview.jpg`, in place of the one before."""
    _, comma, jpeg = str(update.get("preview", "")).partition(",")
    if not comma:
        return
    target = folder / Path(storage_key(None, str(job["id"]))).with_suffix(".preview.jpg")
    part = target.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(base64.b64decode(jpeg))
        part.replace(target)
    except OSError as error:
        log.warning("the preview could not be written: %s", error)
        return
    log.info("preview of the newest window: %s", target)
