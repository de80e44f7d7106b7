"""A video sent to an address that the caller has signed: one PUT, no keys of our own."""

import logging
import random
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import requests
import urllib3

from contract.background import StoppedError, watched
from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from storage.base import StoredVideo, look_of, misconfigured
from storage.body import FileBody
from storage.guarded import Guard, guarded_session, judged
from storage.url_expiry import expiry_of

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 10  # for a connection, and for each piece of the body to be taken
LONGEST_PAUSE = 30.0
PAUSES_IN_ALL = 60.0


class PresignedPut:
    """Implements `Storage` with a presigned PUT URL (S3, R2, GCS; Azure's SAS).

    What is sent is `Content-Type: video/mp4` and the length: a signature must cover no other header (for Azure,
    `x-ms-blob-type: BlockBlob` is added). The key is not used. Neither is the environment's netrc, nor a proxy that
    the guard does not name.
    A redirect is not followed: no signature holds for two addresses, and the new one would have to be judged like
    the first. Neither errors nor log lines hold the URL.

    Args:
        url: http or https, with a host and without user info.
        guard: judges the place and makes the connections; None: any place will do.
        attempts: how often the video is sent at most. Between two attempts is a random pause, of at most
            `pause_seconds` after the first, then twice as long each time, or what the answer's Retry-After asks for;
            at most 30 s each and 60 s in all.
        answer_seconds: for each piece of the answer; from a guarded place, for all of it.
    """

    note: str | None = None

    def __init__(
        self,
        url: str,
        *,
        guard: Guard | None = None,
        attempts: int = 6,
        pause_seconds: float = 1.0,
        answer_seconds: float = 60,
    ) -> None:
        self._url = url
        self._guard = guard
        self._attempts = attempts
        self._pause_seconds = pause_seconds
        self._answer_seconds = answer_seconds

    @property
    def expires_at(self) -> datetime | None:
        """When the URL ends (UTC), as far as its query tells; None for an unknown or malformed end."""
        try:
            return expiry_of(urlsplit(self._url).query)
        except ValueError:
            return None

    def check(self, stage: Stage = Stage.START, cancel: Cancellation | None = None) -> None:
        """Look at the URL, and at where its name leads; nothing is sent there.

        Raises:
            WorkerError: STORAGE_MISCONFIGURED if it cannot work, has expired or is refused by the guard,
                STORAGE_FAILED if its name cannot be looked up.
        """
        self._check_form(stage)
        if self._has_expired():
            raise misconfigured("The upload_url has expired.", stage)
        if self._guard is not None:
            with judged("upload_url", stage):
                guard, url = self._guard, self._url
                watched(lambda _: guard.check(url), look_of(cancel))

    def _check_form(self, stage: Stage) -> None:
        try:
            parts = urlsplit(self._url)
            unusable = parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0
        except ValueError:
            raise misconfigured("The upload_url is not a URL.", stage) from None
        if unusable or any(not " " < character < "\x7f" for character in self._url):
            raise misconfigured("The upload_url must be an http(s) URL with a host, percent-encoded.", stage)
        if "@" in parts.netloc:
            raise misconfigured("The upload_url must not carry a user name or a password.", stage)

    def put(self, video: Path, key: str, cancel: Cancellation) -> StoredVideo:  # noqa: ARG002 - a Storage has it
        """Send the video. Errors as `Storage.put`; `key` is ignored. The URL returned is that without its query.

        After a cancel the body breaks off, so that the place drops it. A video whose last byte was on its way by then
        may arrive nevertheless: a PUT URL gives no right to delete.
        """
        cancel.check()
        self._check_form(Stage.UPLOAD)  # not the end: the place's clock decides, and the video is finished
        size = watched(lambda stop: self._send(video, stop), cancel.check)
        parts = urlsplit(self._url)
        return StoredVideo(url=parts._replace(query="", fragment="").geturl(), size_bytes=size, expires_at=None)

    def find(self, key: str, size_bytes: int, cancel: Cancellation | None = None) -> StoredVideo | None:
        """Always None: a PUT URL gives no right to look."""

    def _send(self, video: Path, stop: threading.Event) -> int:
        paused = 0.0
        for attempt in range(1, self._attempts + 1):
            size, status, wait = self._send_once(video, stop)
            if 200 <= status < 300:
                return size
            self._raise_if_final(status)
            pause = min(random.uniform(0, self._pause_seconds * 2 ** (attempt - 1)), LONGEST_PAUSE)  # noqa: S311
            pause = min(max(pause, wait), LONGEST_PAUSE)
            if attempt == self._attempts or paused + pause > PAUSES_IN_ALL:
                break
            logger.warning("the upload_url %s; the video is sent again in %.1f s", _what(status), pause)
            paused += pause
            if stop.wait(pause):
                raise StoppedError
        message = f"The upload_url {_what(status)}; the video was sent {attempt} time(s)."
        raise WorkerError(ErrorCode.STORAGE_FAILED, message, stage=Stage.UPLOAD)

    def _send_once(self, video: Path, stop: threading.Event) -> tuple[int, int, float]:
        """The size, the status (0 for none) and the seconds of Retry-After (0 for none)."""
        try:
            size = video.stat().st_size
            body = FileBody(video, 0, size, stop)
        except OSError as error:
            message = f"The finished video could not be read: {error.strerror or type(error).__name__}."
            raise WorkerError(ErrorCode.STORAGE_FAILED, message, stage=Stage.UPLOAD) from error
        with body, judged("upload_url", Stage.UPLOAD), closing(self._session()) as session:
            try:
                answer = session.put(
                    self._url,
                    data=body,
                    headers=self._headers(size),
                    timeout=(CONNECT_SECONDS, self._answer_seconds),
                    allow_redirects=False,
                    stream=True,
                    proxies=self._guard.proxies(self._url) if self._guard else {},
                )
            except (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError):
                return size, 0, 0.0
            except ValueError:
                raise misconfigured("The upload_url is not a URL.", Stage.UPLOAD) from None
            with closing(answer):
                return size, answer.status_code, _retry_after(answer.headers.get("Retry-After", ""))

    def _session(self) -> requests.Session:
        if self._guard is not None:
            return guarded_session(self._guard, self._answer_seconds)
        session = requests.Session()
        session.trust_env = False
        return session

    def _headers(self, size: int) -> dict[str, str]:
        headers = {"Content-Type": "video/mp4", "Content-Length": str(size)}
        if {"sv", "sig"} <= {name for name, _ in parse_qsl(urlsplit(self._url).query)}:
            headers["x-ms-blob-type"] = "BlockBlob"
        return headers

    def _raise_if_final(self, status: int) -> None:
        """Raises STORAGE_MISCONFIGURED for an answer that stays the same."""
        if status == 0 or status >= 500 or status in {408, 425, 429}:
            return
        if 300 <= status < 400:
            message = f"The upload_url leads elsewhere ({status}); redirects are not followed."
        elif status == 410 or self._has_expired():
            message = f"The upload_url has expired ({status})."
        elif status == 404:
            message = "The upload_url leads to no bucket or container (404)."
        elif status == 413:
            message = "The upload_url takes no video of this size (413)."
        else:
            message = f"The upload_url was refused ({status}): not signed for this request, or no longer valid."
        raise misconfigured(message, Stage.UPLOAD)

    def _has_expired(self) -> bool:
        ends = self.expires_at
        return ends is not None and ends <= datetime.now(UTC)


def _what(status: int) -> str:
    return f"answered {status}" if status else "was not reached or broke the connection"


def _retry_after(text: str) -> float:
    """Seconds, 0 or more. A date is rare here, and is taken for none."""
    return float(text) if text.isascii() and text.isdigit() else 0.0
