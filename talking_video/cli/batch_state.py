"""What a batch has done so far, in a file that survives a kill: one line an event, written before the next step."""

import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talking_video.errors import RequestError

SUBMITTED, DONE, FAILED, CANCELLED = "submitted", "done", "failed", "cancelled"


@dataclass
class Known:
    """The last that is known of one row."""

    event: str
    job: str = ""
    more: dict[str, Any] = field(default_factory=dict)


class State:
    """For one folder of videos, and one process at a time; a `with` block.

    Raises:
        RequestError: another batch runs there.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.known: dict[str, Known] = {}

    def __enter__(self) -> "State":
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._out = self._file.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._out.close()
            raise RequestError(f"another batch uses {self._file.parent}: name another --folder") from error
        self._out.seek(0)
        text = self._out.read()
        for line in text.splitlines():
            self._learn(line)
        if text and not text.endswith("\n"):  # it was killed in the middle of a line
            self._out.write("\n")
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()

    def note(self, row: str, event: str, job: str = "", **more: Any) -> None:
        """Returns once it is on the disk."""
        self._out.write(json.dumps({"row": row, "event": event, "job": job, **more}) + "\n")
        self._out.flush()
        os.fsync(self._out.fileno())
        self.known[row] = Known(event, job, more)

    def _learn(self, line: str) -> None:
        try:
            told = json.loads(line)
            row, event, job = told.pop("row"), told.pop("event"), told.pop("job")
        except (ValueError, KeyError, AttributeError, TypeError):
            return  # the end of a line that was cut
        self.known[row] = Known(event, job, told)
