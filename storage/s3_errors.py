"""What the exceptions of botocore mean for a job.

Told apart by class, error code and status, never by an exception's text: that may hold a file's path, the endpoint
or a signed query. For the same reason the original is not chained; what an operator needs of it is in `detail`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    CredentialRetrievalError,
    EndpointProviderError,
    InvalidConfigError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    ValidationError,
)

from contract.errors import ErrorCode, Stage, WorkerError

_CREDENTIAL_ERRORS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
_SETTING_ERRORS = (
    ParamValidationError,
    ValidationError,
    NoRegionError,
    EndpointProviderError,
    ConfigParseError,
    InvalidConfigError,
)

# Answers that stay the same until somebody changes the settings or the rights. "401" and "403" stand for an answer
# without a body, which is all that a HEAD request gets.
_REFUSALS = frozenset(
    {
        "401",
        "403",
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "Forbidden",
        "InvalidAccessKeyId",
        "InvalidBucketName",
        "InvalidSecurity",
        "InvalidToken",
        "NoSuchBucket",
        "NotSignedUp",
        "PermanentRedirect",
        "SignatureDoesNotMatch",
        "Unauthorized",
    }
)
_CLOCK_ERRORS = frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"})
_PASSING_STATUSES = frozenset({408, 409, 425, 429})


@contextmanager
def storage_errors(bucket: str, stage: Stage, *, own: bool = False) -> Iterator[None]:
    """Turns what botocore raises into `WorkerError`, and a video that cannot be read into STORAGE_FAILED.

    Args:
        own: whether the bucket is the worker's, so that a refusal after the start is not the job's fault.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise _worker_error(error, bucket, stage, own=own) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WorkerError(
            ErrorCode.STORAGE_FAILED, f"The finished video could not be read: {reason}.", stage=stage
        ) from error


def is_forbidden(error: ClientError) -> bool:
    """Whether the storage answered that the caller may not; why, an answer without a body does not tell."""
    return _status(error) in {401, 403}


def error_code(error: ClientError) -> str:
    """The storage's own name for the error, or the status if that name is not a plain word."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if re.fullmatch(r"[A-Za-z0-9.]{1,64}", code) else str(_status(error))


def is_absent(error: ClientError) -> bool:
    """Whether the storage answered that there is nothing under the key (or no bucket: HEAD does not tell)."""
    return _status(error) == 404


def retries_of(error: ClientError) -> int:
    """How often the request had been made before the one that brought this error."""
    return int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def _worker_error(error: Exception, bucket: str, stage: Stage, *, own: bool) -> WorkerError:
    if isinstance(error, ClientError):
        return _reply_error(error, bucket, stage, own=own)
    name = type(error).__name__
    code = ErrorCode.STORAGE_MISCONFIGURED
    no_keys = isinstance(error, _CREDENTIAL_ERRORS)
    if no_keys:
        message = f"The storage has no usable credentials ({name})."
    elif isinstance(error, _SETTING_ERRORS):
        message = f"The storage settings cannot be used: bucket, region or endpoint is malformed ({name})."
    else:
        code = ErrorCode.STORAGE_FAILED
        message = f"The storage of bucket {bucket!r} was not reached or gave no usable answer ({name})."
    elsewhere = no_keys and own and stage is not Stage.START
    return WorkerError(code, message, stage=stage, detail=_detail(error), elsewhere=elsewhere)


def _reply_error(error: ClientError, bucket: str, stage: Stage, *, own: bool) -> WorkerError:
    name, status = error_code(error), _status(error)
    skewed = name in _CLOCK_ERRORS
    # not QuotaExceeded and its like, which every worker meets
    no_entry = name in _REFUSALS and (status in {401, 403} or name in {"ExpiredToken", "InvalidToken"})
    elsewhere = stage is not Stage.START and (skewed or (own and no_entry))
    # Before the first video there is no object to miss and no upload to lose: what the storage then calls the
    # caller's fault is the settings' fault.
    refused_at_start = stage is not Stage.UPLOAD and 300 <= status < 500 and status not in _PASSING_STATUSES
    if name in _REFUSALS or refused_at_start:
        code, verb = ErrorCode.STORAGE_MISCONFIGURED, "refused"
    else:
        code, verb = ErrorCode.STORAGE_FAILED, "failed at"
    message = f"The storage {verb} {error.operation_name} on bucket {bucket!r} ({name})."
    if skewed:
        message = f"{message[:-1]}: the clocks of this worker and of the storage differ."
    return WorkerError(code, message, stage=stage, detail=f"{_detail(error)}, status {status}", elsewhere=elsewhere)


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _detail(error: Exception) -> str:
    """Class names only: enough to tell a refused connection from an unknown host, and free of secrets."""
    inner = getattr(error, "kwargs", {}).get("error")
    return type(error).__name__ + (f" from {type(inner).__name__}" if inner is not None else "")
