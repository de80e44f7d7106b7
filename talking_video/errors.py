"""What can go wrong, each with the next step in its text and an exit code for programs."""

EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED, EXIT_UNREACHABLE, EXIT_INTERRUPTED = 1, 2, 3, 4, 130


class TalkingVideoError(Exception):
    """Any failure of this package. The text says what happened and what to do."""

    exit_code = EXIT_FAILED


class RequestError(TalkingVideoError):
    """The request cannot be sent as it is: a file is missing or too large, a field has no such name."""

    exit_code = EXIT_USAGE


class RefusedError(TalkingVideoError):
    """The endpoint does not accept the key, or is not there. Asking again does not help."""

    exit_code = EXIT_REFUSED


class UnknownJobError(TalkingVideoError):
    """The endpoint knows no such job, or no longer."""

    exit_code = EXIT_REFUSED


class UnreachableError(TalkingVideoError):
    """No usable answer, after several tries."""

    exit_code = EXIT_UNREACHABLE


class DownloadError(TalkingVideoError):
    """The video was made, and could not be fetched whole; `url` is where it is."""

    def __init__(self, message: str, url: str = "") -> None:
        super().__init__(message)
        self.url = url


class JobError(TalkingVideoError):
    """The job ended without a video.

    `code`, `stage` and `retryable` are the worker's own words (docs/errors.md), empty where it said none.
    """

    def __init__(
        self, message: str, *, job_id: str, status: str, code: str = "", stage: str = "", retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.job_id, self.status = job_id, status
        self.code, self.stage, self.retryable = code, stage, retryable


class JobCancelledError(JobError):
    """Somebody cancelled it."""

    exit_code = EXIT_INTERRUPTED


class JobTimedOutError(JobError):
    """Its time was over."""
