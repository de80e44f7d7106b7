"""A bucket of one's own for files that are too large for a request: `pip install "talking-video[bucket]"`."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from talking_video.errors import RequestError
from talking_video.flow import Flow
from talking_video.sources import Uploaded

READ_SECONDS = 24 * 3600
PUT_SECONDS = 3600


class Bucket:
    """Any S3-compatible one; addresses are presigned, so that nobody but the worker gets a key to it.

    Args:
        name: of the bucket.
        endpoint_url, region, key_id, secret: as the store says; None: boto3's own choice.
        prefix: before the name of each file.

    Raises:
        RequestError: boto3 is not installed.
    """

    largest = None

    def __init__(
        self,
        name: str,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        key_id: str | None = None,
        secret: str | None = None,
        prefix: str = "talking-video/",
    ) -> None:
        try:
            import boto3  # noqa: PLC0415 - an extra
            from botocore.config import Config  # noqa: PLC0415
        except ImportError as error:
            raise RequestError("a bucket needs boto3: pip install 'talking-video[bucket]'") from error
        self._name, self._prefix = name, prefix
        self._s3: Any = boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=region or ("auto" if endpoint_url else None),
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(signature_version="s3v4"),
        )

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Bucket | None":
        """The one that the worker's own variables name (S3_BUCKET, S3_ENDPOINT_URL, …), or None."""
        if not environment.get("S3_BUCKET"):
            return None
        return cls(
            environment["S3_BUCKET"],
            endpoint_url=environment.get("S3_ENDPOINT_URL") or None,
            region=environment.get("S3_REGION") or None,
            key_id=environment.get("S3_ACCESS_KEY_ID") or None,
            secret=environment.get("S3_SECRET_ACCESS_KEY") or None,
        )

    def place(self, file: Path) -> Flow[Uploaded]:
        """Presigned for one PUT of an hour and for reading of a day."""
        yield from ()
        place = {"Bucket": self._name, "Key": f"{self._prefix}{secrets.token_urlsafe(12)}/{file.name}"}
        put = self._s3.generate_presigned_url("put_object", place, PUT_SECONDS)
        return Uploaded(put, self._s3.generate_presigned_url("get_object", place, READ_SECONDS))
