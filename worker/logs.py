"""The worker's log: one line an event on standard error, as JSON or for people, with the job's id.

Whatever is logged, by us or by a library, a traceback included, loses the queries and the user info of its
URLs on the way: that is where signatures and passwords are. It loses the worker's own secrets wherever they
stand. Of libraries, only warnings are logged: what they say below tells headers, bodies and signed requests.
"""

import contextvars
import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

# The door, which is __main__ where it is the program, and the folders of the worker.
OURS = ("__main__", "handler", "worker", "job", "sources", "media", "workflows", "comfy_client", "storage", "contract")
SHORTEST_SECRET = 8  # characters; what is shorter also stands in words that are no secret
job_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("job_id", default=None)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Meanwhile this thread's lines have this in the place of a job's id."""
    before = job_id.set(name)
    try:
        yield
    finally:
        job_id.reset(before)


# A word with a slash, and what follows it from ? or # on. An apostrophe inside an address is part of it.
_QUERY = re.compile(r"(?<![^\s?#'\"<>])(?<![^\s?#'\"<>]')((?:[^\s?#'\"<>]|'(?=\w))++)([?#])(?:[^\s'\"<>]|'(?=\w))+")
_USER_INFO = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,40}+://)[^\s/?#'\"<>]*@")
_DATA = re.compile(r"(?i)\bdata:[^\s'\"<>]{32,}")
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization|x-amz-security-token|set-cookie|cookie)(['\"]?\s*[:=]).*")


def _without_query(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}…" if "/" in match[1] else match[0]


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without what may be secret in its addresses and headers, without the bytes of its data: URIs, and without
    `secrets` of `SHORTEST_SECRET` characters or more."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "…")
    text = _HEADER.sub(r"\1\2 …", _DATA.sub("data:…", text))
    return _QUERY.sub(_without_query, _USER_INFO.sub(r"\1…@", text))


class _Formatter(logging.Formatter):
    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def _clean(self, text: str) -> str:
        return redact(text, self._secrets)


class _JsonFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "job_id": job_id.get(),
            "message": self._clean(record.getMessage()),
        }
        if record.exc_info:
            entry["traceback"] = self._clean(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


class _TextFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        job = job_id.get()
        head = f"{datetime.fromtimestamp(record.created):%H:%M:%S} {record.levelname:<7} "
        text = head + (f"[{job}] " if job else "") + record.getMessage()
        return self._clean(f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text)


def set_up(level: int, form: str | None, secrets: Iterable[str] = ()) -> None:
    """Replace whatever libraries set up at import. `form` is "json" or "text", None: text on a
    terminal and else JSON; `secrets` are never written."""
    form = form or ("text" if sys.stderr.isatty() else "json")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter(secrets) if form == "json" else _TextFormatter(secrets))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
