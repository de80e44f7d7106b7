"""A bucket's settings, without botocore: a fifth of a second that a worker without a bucket has no need of."""

from dataclasses import dataclass, field
from typing import Literal

AddressingStyle = Literal["auto", "path", "virtual"]


@dataclass(frozen=True)
class S3Config:
    """Where the bucket is and how to enter it. Its repr shows neither key nor endpoint.

    Args:
        bucket: its name.
        endpoint_url: `http(s)://host[:port][/path]` of an S3-compatible store; None for Amazon.
        access_key_id, secret_access_key: both, or neither (None or empty) for botocore's chain (role, profile, …).
        region: None for botocore's own choice.
        public_base_url: where the bucket's keys can be read without a signature; None for presigned URLs.
        key_prefix: put before every key, with one slash between.
        presign_seconds: how long a presigned URL works, 1 to 604800. With temporary credentials it ends with them.
        addressing_style: whether a URL names the bucket in its path or in front of the host ("virtual"); "auto":
            in front at Amazon without an endpoint, else in the path until the store wants it otherwise.
    """

    bucket: str
    endpoint_url: str | None = field(repr=False)
    access_key_id: str | None = field(repr=False)
    secret_access_key: str | None = field(repr=False)
    region: str | None
    public_base_url: str | None
    key_prefix: str = ""
    presign_seconds: int = 24 * 3600
    addressing_style: AddressingStyle = "auto"
