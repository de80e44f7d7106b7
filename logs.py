"""The worker's log: one line an event on standard error, as JSON or for people, with the job's id.

Whatever is logged, by us or by a library, a traceback included, loses the queries and the user info of its
URLs on the way: that is where signatures and passwords are.
"""

import contextvars
import json
import logging
import re
import sys
from datetime import UTC, datetime

job_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("job_id", default=None)


_QUERY = re.compile(r"(?i)(\bhttps?://[^\s?#'\"<>]*|[^\s?#'\"<>]*/[^\s?#'\"<>]*)\?[^\s'\"<>]+")
_USER_INFO = re.compile(r"(?i)(\bhttps?://)[^\s/?#'\"<>@]*@")
_DATA = re.compile(r"(?i)\bdata:[^\s'\"<>]{32,}")


def redact(text: str) -> str:
    """`text` without what may be secret in its addresses, and without the bytes of its data: URIs."""
    return _DATA.sub("data:…", _QUERY.sub(r"\1?…", _USER_INFO.sub(r"\1…@", text)))


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "job_id": job_id.get(),
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            entry["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        job = job_id.get()
        head = f"{datetime.fromtimestamp(record.created):%H:%M:%S} {record.levelname:<7} "
        text = head + (f"[{job}] " if job else "") + record.getMessage()
        return redact(f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text)


def set_up(level: int, form: str) -> None:
    """Replace whatever libraries set up at import. `form` is "json" or "text"."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("boto3", "botocore", "urllib3", "s3transfer", "PIL", "asyncio", "pydub"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
