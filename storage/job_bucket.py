"""The bucket that a job brings along (RunPod's `s3Config`), or RunPod's three variables of the environment.

RunPod has no field for the region and wants the bucket inside the endpoint's URL. Here is how both are found:

- `bucketName`, where given, is the bucket. The URL may name it again, in front of the host or as the whole path;
  there it is taken off. A path other than that belongs to the endpoint.
- Otherwise the bucket is what stands in front of the host of a known store (`BUCKET.s3.REGION.amazonaws.com`,
  `BUCKET.ACCOUNT.r2.cloudflarestorage.com`, `BUCKET.storage.googleapis.com`, `BUCKET.REGION.digitaloceanspaces.com`)
  or, the path being empty, in front of `.s3.` in any other host; or else it is the path, of one part:
  `https://HOST/BUCKET`.
- The host of a known store with one bucket, and another one in `bucketName` or in the path, is refused.
- The region is the one in `s3.REGION.` of the host (as Amazon, Backblaze, Wasabi and Scaleway have it), `auto` for
  R2, and botocore's default elsewhere.

The key is what the worker makes of the job, without a month in front.
"""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from contract.errors import ErrorCode, Stage, WorkerError
from storage.s3_client import S3Config

_FIELDS = ("accessId", "accessSecret", "bucketName", "endpointUrl")
_REQUIRED = ("accessId", "accessSecret", "endpointUrl")
_LONGEST = 1024

_KNOWN_HOSTS = (
    re.compile(r"(?:(?P<bucket>.+)\.)?(?P<service>s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?)"),
    re.compile(r"(?:(?P<bucket>[^.]+)\.)?(?P<service>[0-9a-f]{32}(?:\.[a-z]+)?\.r2\.cloudflarestorage\.com)"),
    re.compile(r"(?:(?P<bucket>.+)\.)?(?P<service>storage\.googleapis\.com)"),
    re.compile(r"(?:(?P<bucket>.+)\.)?(?P<service>[a-z0-9-]+\.digitaloceanspaces\.com)"),
)
_OTHER_HOST = re.compile(r"(?P<bucket>.+?)\.(?P<service>s3\..+)")
# A region is two or more words and a number (us-east-1, eu-central-003), or a country and a town (fr-par).
_REGION = re.compile(r"s3(?:-fips)?[.-](?:dualstack\.)?(?P<region>(?:[a-z]+-)+[0-9]+|[a-z]{2}-[a-z]{3})\..+")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+")


@dataclass(frozen=True)
class _Names:
    """What the sender calls the fields, for messages."""

    endpoint: str
    bucket: str


class _UnusableError(Exception):
    """Holds a reason in words, without any value."""


def s3_config_of_job(raw: object, *, key_prefix: str = "", presign_seconds: int = 24 * 3600) -> S3Config:
    """The bucket of a job's `s3Config`: accessId, accessSecret, endpointUrl and, see above, bucketName.

    Args:
        raw: the field as it came.
        key_prefix, presign_seconds: as for `S3Config`.

    Raises:
        WorkerError: INVALID_INPUT at stage VALIDATE; names the field, never its value.
    """
    try:
        fields = _strings(raw)
        names = _Names("s3Config.endpointUrl", "s3Config.bucketName")
        endpoint, bucket, region = _place(fields["endpointUrl"], fields.get("bucketName"), names)
    except _UnusableError as error:
        raise WorkerError(ErrorCode.INVALID_INPUT, str(error), stage=Stage.VALIDATE) from None
    return S3Config(
        bucket=bucket,
        endpoint_url=endpoint,
        access_key_id=fields["accessId"],
        secret_access_key=fields["accessSecret"],
        region=region,
        public_base_url=None,
        key_prefix=key_prefix,
        presign_seconds=presign_seconds,
    )


def s3_config_of_environment(
    endpoint_url: str,
    access_key_id: str,
    secret_access_key: str,
    *,
    bucket: str | None = None,
    region: str | None = None,
    public_base_url: str | None = None,
    key_prefix: str = "",
    presign_seconds: int = 24 * 3600,
) -> S3Config:
    """The bucket of BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID and BUCKET_SECRET_ACCESS_KEY.

    Args:
        bucket: for an endpoint that does not name it.
        region: instead of the one that the endpoint names.
        public_base_url, key_prefix, presign_seconds: as for `S3Config`.

    Raises:
        WorkerError: STORAGE_MISCONFIGURED at stage START; names the variable, never its value.
    """
    try:
        _check_text("BUCKET_ENDPOINT_URL", endpoint_url)
        _check_text("BUCKET_ACCESS_KEY_ID", access_key_id)
        _check_text("BUCKET_SECRET_ACCESS_KEY", secret_access_key)
        names = _Names("BUCKET_ENDPOINT_URL", "the bucket's name")
        endpoint, found, named_region = _place(endpoint_url, bucket or None, names)
    except _UnusableError as error:
        raise WorkerError(ErrorCode.STORAGE_MISCONFIGURED, str(error), stage=Stage.START) from None
    return S3Config(
        bucket=found,
        endpoint_url=endpoint,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        region=region or named_region,
        public_base_url=public_base_url,
        key_prefix=key_prefix,
        presign_seconds=presign_seconds,
    )


def _strings(raw: object) -> dict[str, str]:
    if not isinstance(raw, dict):
        raise _UnusableError("s3Config must be an object")
    unknown = sorted(ascii(name)[:42] for name in raw if name not in _FIELDS)
    if unknown:
        raise _UnusableError(f"s3Config has unknown fields: {', '.join(unknown[:5])}; known are {', '.join(_FIELDS)}")
    missing = [name for name in _REQUIRED if name not in raw]
    if missing:
        raise _UnusableError(f"s3Config lacks {', '.join(missing)}")
    return {name: _check_text(f"s3Config.{name}", value) for name, value in raw.items()}


def _check_text(name: str, value: object) -> str:
    # A line break in a key would end in a header, and in the message of the error that refuses it.
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]+", value) or len(value) > _LONGEST:
        raise _UnusableError(
            f"{name} must be a string of 1 to {_LONGEST} ASCII characters without spaces or line breaks"
        )
    return value


def _place(endpoint_url: str, bucket_name: str | None, names: _Names) -> tuple[str, str, str | None]:
    """The endpoint without the bucket, the bucket, and the region if the host names it."""
    parts = _split(endpoint_url, names.endpoint)
    host, path = parts.hostname or "", unquote(parts.path).strip("/")
    known = next((match for match in (pattern.fullmatch(host) for pattern in _KNOWN_HOSTS) if match), None)
    other = None if known else _OTHER_HOST.fullmatch(host)
    if other and bucket_name != other["bucket"] and (bucket_name or path):
        other = None
    match = known or other
    in_host, service = (match["bucket"], match["service"]) if match else (None, host)
    in_path = path if "/" not in path and bucket_name in {None, path} else ""
    found = {name for name in (bucket_name, in_host, in_path) if name}
    if len(found) > 1 or (known and path and not in_path):
        raise _UnusableError(f"{names.endpoint} and {names.bucket} name different buckets, or one and a path besides")
    if not found:
        raise _UnusableError(f"{names.bucket} is missing, and {names.endpoint} does not name a bucket")
    bucket = found.pop()
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,255}", bucket):
        raise _UnusableError(f"{names.bucket} is not the name of a bucket")
    # With the port, as it came; the host is replaced, since the bucket may stand in front of it.
    netloc = parts.netloc.lower().removeprefix(f"{in_host}." if in_host else "")
    left = "" if in_path else parts.path.rstrip("/")
    return f"{parts.scheme}://{netloc}{left}", bucket, _region_of(service)


def _split(endpoint_url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(endpoint_url)
        port_is_bad = parts.port == 0
    except ValueError:
        raise _UnusableError(f"{name} is not a URL") from None
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(parts.hostname or "") or port_is_bad:
        raise _UnusableError(f"{name} must be an http(s) URL with a host")
    if "@" in parts.netloc or "?" in endpoint_url or "#" in endpoint_url:
        raise _UnusableError(f"{name} must not carry credentials, a query or a fragment")
    return parts


def _region_of(host: str) -> str | None:
    if host.endswith(".r2.cloudflarestorage.com"):
        return "auto"
    match = _REGION.fullmatch(host)
    return match["region"] if match else None
