"""How a bucket is named: by a job's `s3Config`, by RunPod's three variables, or by the S3 settings.

RunPod has no field for the region and wants the bucket inside the endpoint's URL. Here is how both are found:

- The bucket's name, where given, is the bucket. The URL may name it again, in front of the host or as the whole path;
  there it is taken off. A path other than that belongs to the endpoint.
- Otherwise the bucket is what stands in front of the host of a known store (`BUCKET.s3.REGION.amazonaws.com`,
  `BUCKET.REGION.digitaloceanspaces.com` and the others of `storage.hosts`) or, the path being empty, in front of
  `.s3.` in any other host; or else it is the path, of one part: `https://HOST/BUCKET`.
- The host of a known store with one bucket, and another one in the name or in the path, is refused. So is a host that
  is known to take no uploads, such as that of a website.
- The region is the one that the host names, `auto` for R2, and botocore's default elsewhere, until the store itself
  names another.

The key is what the worker makes of the job, without a month in front.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, unquote, urlsplit

from contract.errors import ErrorCode, Stage, WorkerError
from storage.hosts import StoreHost, UnusableHostError, read_host
from storage.s3_config import AddressingStyle, S3Config

_FIELDS = ("accessId", "accessSecret", "bucketName", "endpointUrl")
_REQUIRED = ("accessId", "accessSecret", "endpointUrl")
_LONGEST = 1024

_OTHER_HOST = re.compile(r"(?P<bucket>.+?)\.(?P<service>s3\..+)")
# A region is two or more words and a number (us-east-1, eu-central-003), or a country and a town (fr-par).
_REGION = re.compile(r"s3(?:-fips)?[.-](?:dualstack\.)?(?P<region>(?:[a-z]+-)+[0-9]+|[a-z]{2}-[a-z]{3})\..+")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+")
_SUPABASE = re.compile(r"[a-z0-9]+(?:\.storage)?\.supabase\.(?:co|in)")
_SUPABASE_PATH = "/storage/v1/s3"


@dataclass(frozen=True)
class _Names:
    """What the sender calls the fields, for messages."""

    endpoint: str
    bucket: str


@dataclass(frozen=True)
class _Place:
    """The endpoint without the bucket, the bucket, and what the host tells besides."""

    endpoint_url: str
    bucket: str
    region: str | None
    style: AddressingStyle
    presigns: bool


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
        place = _place(fields["endpointUrl"], fields.get("bucketName"), names)
        if not place.presigns:
            raise _UnusableError(f"{names.endpoint} is RunPod's S3, which takes no presigned URLs: send another store")
    except _UnusableError as error:
        raise WorkerError(ErrorCode.INVALID_INPUT, str(error), stage=Stage.VALIDATE) from None
    return S3Config(
        bucket=place.bucket,
        endpoint_url=place.endpoint_url,
        access_key_id=fields["accessId"],
        secret_access_key=fields["accessSecret"],
        region=place.region,
        public_base_url=None,
        key_prefix=key_prefix,
        presign_seconds=presign_seconds,
        addressing_style=place.style,
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
    addressing_style: AddressingStyle = "auto",
) -> S3Config:
    """The bucket of BUCKET_ENDPOINT_URL, BUCKET_ACCESS_KEY_ID and BUCKET_SECRET_ACCESS_KEY.

    Args:
        bucket: for an endpoint that does not name it.
        region: instead of the one that the endpoint names.
        public_base_url, key_prefix, presign_seconds, addressing_style: as for `S3Config`.

    Raises:
        WorkerError: STORAGE_MISCONFIGURED at stage START; names the variable, never its value.
    """
    with _at_start():
        _check_text("BUCKET_ENDPOINT_URL", endpoint_url)
        _check_text("BUCKET_ACCESS_KEY_ID", access_key_id)
        _check_text("BUCKET_SECRET_ACCESS_KEY", secret_access_key)
    given = S3Config(
        bucket=bucket or "",
        endpoint_url=endpoint_url,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        region=region,
        public_base_url=public_base_url,
        key_prefix=key_prefix,
        presign_seconds=presign_seconds,
        addressing_style=addressing_style,
    )
    return located(given, "BUCKET_ENDPOINT_URL", "the bucket's name")


def located(given: S3Config, endpoint_name: str, bucket_name: str) -> S3Config:
    """The config with all that its endpoint's URL tells: the bucket is taken off the URL, the region read from it.

    Args:
        given: as the settings say, its bucket empty where the URL names it. A region or a style that is given stays.
        endpoint_name, bucket_name: what the settings are called, for messages.

    Raises:
        WorkerError: STORAGE_MISCONFIGURED at stage START; names the setting, never its value.
    """
    if given.endpoint_url is None:
        return given
    with _at_start():
        place = _place(given.endpoint_url, given.bucket or None, _Names(endpoint_name, bucket_name))
        if not (place.presigns or given.public_base_url):
            raise _UnusableError(
                f"{endpoint_name} is RunPod's S3, which takes no presigned URLs, so that no reply could name the"
                " video: set STORAGE=volume with the network volume attached, or S3_PUBLIC_BASE_URL, or name"
                " another store"
            )
    style = place.style if given.addressing_style == "auto" else given.addressing_style
    return replace(
        given,
        endpoint_url=place.endpoint_url,
        bucket=place.bucket,
        region=given.region or place.region,
        addressing_style=style,
    )


@contextmanager
def _at_start() -> Iterator[None]:
    try:
        yield
    except _UnusableError as error:
        raise WorkerError(ErrorCode.STORAGE_MISCONFIGURED, str(error), stage=Stage.START) from None


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


def _place(endpoint_url: str, bucket_name: str | None, names: _Names) -> _Place:
    parts = _split(endpoint_url, names.endpoint)
    host, path = parts.hostname or "", unquote(parts.path).strip("/")
    known, match = _known(parts, names), _OTHER_HOST.fullmatch(host)
    if known:
        in_host, service = known.bucket, known.service
    elif match and (bucket_name == match["bucket"] or not (bucket_name or path)):
        in_host, service = match["bucket"], match["service"]
    else:
        in_host, service = None, host
    in_path = path if "/" not in path and bucket_name in {None, path} else ""
    found = {name for name in (bucket_name, in_host, in_path) if name}
    if len(found) > 1 or (known and path and not in_path):
        raise _UnusableError(f"{names.endpoint} and {names.bucket} name different buckets, or one and a path besides")
    if not found:
        raise _UnusableError(f"{names.bucket} is missing, and {names.endpoint} does not name a bucket")
    bucket = found.pop()
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,255}", bucket):
        raise _UnusableError(f"{names.bucket} is not the name of a bucket")
    if bucket.endswith("--x-s3"):
        raise _UnusableError(f"{names.bucket} is a directory bucket, whose URLs last five minutes: name another")
    # With the port, as it came; the host is replaced, since the bucket may stand in front of it.
    netloc = parts.netloc.lower().replace(host, service, 1)
    left = "" if in_path else parts.path.rstrip("/")
    return _Place(
        endpoint_url=f"{parts.scheme}://{netloc}{left}",
        bucket=bucket,
        region=known.region if known else _region_of(service),
        style="virtual" if known and known.virtual_only else "auto",
        presigns=known is None or known.presigns,
    )


def _known(parts: SplitResult, names: _Names) -> StoreHost | None:
    host = parts.hostname or ""
    try:
        known = read_host(host)
    except UnusableHostError as error:
        raise _UnusableError(f"{names.endpoint} {error}") from None
    if _SUPABASE.fullmatch(host) and parts.path.rstrip("/") != _SUPABASE_PATH:
        raise _UnusableError(f"{names.endpoint} must end in {_SUPABASE_PATH}, where Supabase speaks S3")
    return known


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
    match = _REGION.fullmatch(host)
    return match["region"] if match else None
