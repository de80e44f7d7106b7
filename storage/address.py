"""The address of a bucket as the store itself names it: its region, and where in a URL the bucket stands."""

import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from storage.hosts import moved, region_in
from storage.s3_client import AWSResponse, S3Client
from storage.s3_config import S3Config

FIRST_REQUESTS = ("CreateMultipartUpload", "HeadObject")
ELSEWHERE = frozenset({301, 302, 303, 307, 308})
# Amazon's, MinIO's and Garage's names for a signature, or a host, of another region
_WRONG_REGION = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "AuthorizationQueryParametersError",
        "IllegalLocationConstraintException",
        "InvalidRegion",
        "PermanentRedirect",
        "Redirect",
        "TemporaryRedirect",
    }
)
# Alibaba's, Tencent's, Huawei's and Volcengine's names for a bucket that must stand in front of the host
_WANTS_VIRTUAL = frozenset(
    {"InvalidPathAccess", "PathStyleDomainForbidden", "SecondLevelDomainForbidden", "VirtualHostDomainRequired"}
)
# What an unknown store may answer where the bucket stands at the wrong place; not what it says of keys and rights.
_MAY_WANT_VIRTUAL = frozenset({400, 404, 405, 501})
_REGION_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
_EXPECTED = re.compile(r"expecting:? '([A-Za-z0-9-]{1,64})'|expected: [0-9]+/([A-Za-z0-9-]{1,64})/s3/")


class WrongAddressError(Exception):
    """The store was asked at another address than its own.

    Args:
        region: where the bucket is; None: not told.
        virtual: whether the bucket belongs in front of the host.
        certain: whether the store said so; else it is only worth a try.
    """

    def __init__(self, region: str | None = None, *, virtual: bool = False, certain: bool = True) -> None:
        super().__init__()
        self.region = region
        self.virtual = virtual
        self.certain = certain


def heed(client: S3Client, config: S3Config, *, learns: bool) -> None:
    """Take the store's word on its address into our own hands. botocore follows it, but its URLs do not, and where no
    region is told, it asks for it without end.

    Args:
        learns: let the first requests to a bucket raise WrongAddressError; all others fail as they are answered.
    """

    def after(event_name: str, response: tuple[AWSResponse, dict[str, Any]] | None, **_event: object) -> None:
        if response is None or response[0].status_code < 300:
            return
        status, operation = response[0].status_code, event_name.rpartition(".")[2]
        wrong = _judge(status, response[1], client.meta.region_name, is_head=operation.startswith("Head"))
        if learns and operation in FIRST_REQUESTS and wrong and (not wrong.virtual or may_be_virtual(config)):
            raise wrong
        if (wrong and not wrong.virtual) or operation == "HeadBucket":
            raise ClientError(response[1], operation)

    client.meta.events.register_first("needs-retry.s3", after)


def _judge(status: int, answer: Mapping[str, Any], asked: str, *, is_head: bool) -> WrongAddressError | None:
    error, headers = answer.get("Error", {}), answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    code = str(error.get("Code", ""))
    if code in _WANTS_VIRTUAL:
        return WrongAddressError(virtual=True)
    region = named_region(headers, error)
    # An answer to HEAD has no body, and Amazon's to a signature of another region is a bare 400.
    if status in ELSEWHERE or code in _WRONG_REGION or (status == 400 and is_head):
        return WrongAddressError(region)
    if status in {400, 403} and region not in {None, asked}:
        return WrongAddressError(region)
    if status in _MAY_WANT_VIRTUAL and not is_head:
        return WrongAddressError(virtual=True, certain=False)
    return None


def named_region(headers: Mapping[str, str], error: Mapping[str, str]) -> str | None:
    """The region that an answer names: in its header, its body, or in the host that it leads to."""
    expected = _EXPECTED.search(str(error.get("Message", "")))
    places = (str(error.get("Endpoint", "")), urlsplit(headers.get("location", "")).hostname or "")
    told = [
        headers.get("x-amz-bucket-region"),
        error.get("Region"),
        (expected[1] or expected[2]) if expected else None,
        *(region_in(place.lower()) for place in places),
    ]
    return next((region for region in told if region and _REGION_NAME.fullmatch(region)), None)


def ask_region(client: S3Client, bucket: str) -> str | None:
    """The region that the store names in its answer to HeadBucket, or None."""
    try:
        headers = client.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    except BotoCoreError:
        return None
    return named_region(headers, {})


def in_region(config: S3Config, region: str) -> S3Config:
    """The same bucket, with the region in the signature and, where the endpoint's host names one, there too."""
    if config.endpoint_url is None:
        return replace(config, region=region)
    parts = urlsplit(config.endpoint_url)
    host = parts.hostname or ""
    netloc = parts.netloc.lower().replace(host, moved(host, region), 1)
    return replace(config, region=region, endpoint_url=parts._replace(netloc=netloc).geturl())


def may_be_virtual(config: S3Config) -> bool:
    """Whether the bucket could stand in front of the host, and nobody has said where it stands."""
    if config.addressing_style != "auto" or config.endpoint_url is None:
        return False
    try:
        ip_address(urlsplit(config.endpoint_url).hostname or "")
    except ValueError:
        return True
    return False
