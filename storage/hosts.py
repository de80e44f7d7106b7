"""What the host of an S3 endpoint tells: the bucket in front of it, the region, and whether it takes uploads at all.

From the providers' own pages on endpoints (August 2026). A region that is wrong does no harm: the store then names the
right one (`storage.address`).
"""

import re
from dataclasses import dataclass

_AWS = r"amazonaws\.(?:com(?:\.cn)?|eu)"
_AWS_REGION = r"(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d{1,2})"
_OSS = r"oss-(?P<region>[a-z]+-[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com"
_ANY = r"(?P<bucket>.+)"
_NO_DOTS = r"(?P<bucket>[^.]+)"


class UnusableHostError(Exception):
    """Holds the reason in words, to follow the name of the setting."""


@dataclass(frozen=True)
class StoreHost:
    """A host of a known store.

    Args:
        service: the host without the bucket.
        bucket: the one in front of it, or None.
        region: the one that it names, or None.
        virtual_only: whether requests must have the bucket in front of the host.
        presigns: whether the store takes presigned URLs.
    """

    service: str
    bucket: str | None
    region: str | None
    virtual_only: bool = False
    presigns: bool = True


@dataclass(frozen=True)
class _Kind:
    """The hosts of one store. `pattern` has the group `region` where the host names it; `region` is what else holds,
    with `service` instead of the host where uploads go elsewhere."""

    pattern: str
    region: str | None = None
    bucket: str = _ANY
    service: str | None = None
    virtual_only: bool = False

    def read(self, host: str) -> StoreHost | None:
        """The host, if it is one of these."""
        match = re.fullmatch(rf"(?:{self.bucket}\.)?(?P<service>{self.pattern})", host)
        if match is None:
            return None
        found = match.groupdict()
        service = self.service.format(**found) if self.service else found["service"]
        return StoreHost(service, found["bucket"], found.get("region") or self.region, self.virtual_only)


_KINDS = (
    _Kind(rf"(?:bucket\.)?vpce-[a-z0-9-]+\.s3\.{_AWS_REGION}\.vpce\.{_AWS}", bucket=r"(?!bucket\.vpce)(?P<bucket>.+?)"),
    _Kind(rf"s3-accesspoint(?:-fips)?(?:\.dualstack)?\.{_AWS_REGION}\.{_AWS}", bucket=_NO_DOTS, virtual_only=True),
    _Kind(rf"s3-accelerate(?:\.dualstack)?\.{_AWS}", virtual_only=True),
    _Kind(rf"s3(?:-fips)?(?:[.-]dualstack)?[.-]{_AWS_REGION}\.{_AWS}"),
    _Kind(rf"s3-external-1\.{_AWS}", "us-east-1"),
    _Kind(rf"s3(?:-fips)?\.{_AWS}"),
    _Kind(r"[0-9a-f]{32}(?:\.[a-z]+)?\.r2\.cloudflarestorage\.com", "auto", _NO_DOTS),
    _Kind(r"(?:storage|commondatastorage)\.googleapis\.com"),
    _Kind(r"storage\.(?P<region>[a-z0-9-]+)\.rep\.googleapis\.com"),
    # its content delivery network reads what the origin holds
    _Kind(
        r"(?P<region>[a-z]{3}\d+)(?:\.cdn)?\.digitaloceanspaces\.com",
        bucket=_NO_DOTS,
        service="{region}.digitaloceanspaces.com",
    ),
    _Kind(r"s3\.(?P<region>[a-z]+-[a-z]+-\d{3})\.backblazeb2\.com"),
    _Kind(r"s3(?:\.(?P<region>[a-z0-9-]+))?\.wasabisys\.com", "us-east-1"),
    _Kind(r"s3\.(?P<region>[a-z]{2}-[a-z]{3})\.scw\.cloud"),
    _Kind(r"(?:s3|storage)\.(?P<region>[a-z0-9-]+)(?:\.(?:io|perf))?\.cloud\.ovh\.(?:net|us)"),
    _Kind(r"(?P<region>[a-z0-9-]+)\.linodeobjects\.com", bucket=_NO_DOTS),
    _Kind(r"(?P<region>[a-z0-9-]+)\.(?:vultrobjects|your-objectstorage|contabostorage)\.com", bucket=_NO_DOTS),
    _Kind(r"s3\.(?P<region>[a-z0-9-]+)\.idrivee2\.com"),
    _Kind(r"[a-z]\d[a-z]\d\.[a-z0-9]+\.idrivee2(?:-\d+)?\.com", bucket=_NO_DOTS),
    _Kind(rf"s3\.{_OSS}", bucket=_NO_DOTS, virtual_only=True),
    _Kind(_OSS, bucket=_NO_DOTS, virtual_only=True),
    _Kind(r"oss-accelerate(?:-overseas)?\.aliyuncs\.com", virtual_only=True),
    _Kind(r"cos(?:-internal)?\.(?P<region>[a-z]+-[a-z0-9-]+)\.(?:myqcloud\.com|tencentcos\.cn)", virtual_only=True),
    _Kind(r"cos\.accelerate\.myqcloud\.com", virtual_only=True),
    _Kind(r"obs\.(?P<region>[a-z]+-[a-z0-9-]+)\.myhuaweicloud\.(?:com|eu)", virtual_only=True),
    _Kind(r"tos-s3-(?P<region>[a-z]+-[a-z0-9-]+)\.(?:volces|bytepluses)\.com", virtual_only=True),
    _Kind(r"ks3-(?P<region>[a-z]+-[a-z0-9-]+?)(?:-internal)?\.ksyuncs\.com", virtual_only=True),
    _Kind(r"s3\.(?P<region>[a-z]+)\.bcebos\.com"),
    _Kind(r"(?:fly\.storage\.tigris\.dev|t3\.storage\.dev)", "auto", virtual_only=True),
    _Kind(r"cw(?:object|lota)\.com", virtual_only=True),
    _Kind(r"[a-z0-9]+\.compat\.objectstorage\.(?P<region>[a-z0-9-]+)\.(?:oraclecloud|oci\.customer-oci)\.com"),
    _Kind(r"s3(?:\.(?:private|direct))?\.(?P<region>[a-z0-9-]+)\.cloud-object-storage\.appdomain\.cloud"),
    _Kind(r"storage\.yandexcloud\.net", "ru-central1"),
    _Kind(r"sos-(?P<region>[a-z]{2}-[a-z]+-\d)\.exo\.io"),
    _Kind(r"storage\.(?P<region>[a-z]+-[a-z]+\d)\.nebius\.cloud"),
    _Kind(r"object\.storage\.(?P<region>[a-z]{2}\d{2})\.onstackit\.cloud"),
    _Kind(r"gateway(?:\.[a-z0-9]+)?\.storjshare\.io"),
    _Kind(r"s3\.filebase\.(?:com|io)", "us-east-1"),
    _Kind(r"[a-z]{2,3}-\d{3}\.s3\.synologyc2\.net", bucket=_NO_DOTS),
)

_RUNPOD = re.compile(r"s3api(?:-(?P<region>[a-z0-9-]+))?\.runpod\.io")

_WEBSITE = "is the address of a website, which takes no uploads: name the endpoint of the store's S3 API"
_NETWORK = "is an address for readers, which takes no uploads: name the endpoint of the store's S3 API"
_PAGE = "is a page for people: name the endpoint of the store's S3 API"
_UNUSABLE = (
    (rf"(?:.+\.)?s3-website[.-].+\.{_AWS}", _WEBSITE),
    (r"(?:.+\.)?s3-website\..+\.scw\.cloud", _WEBSITE),
    (r"(?:.+\.)?website-.+\.linodeobjects\.com", _WEBSITE),
    (r"(?:.+\.)?cos-website\..+\.(?:myqcloud\.com|tencentcos\.cn)", _WEBSITE),
    (r"(?:.+\.)?obs-website\..+\.myhuaweicloud\.(?:com|eu)", _WEBSITE),
    (r"(?:.+\.)?website\.yandexcloud\.net", _WEBSITE),
    (r"(?:.+\.)?s3-web\..+\.appdomain\.cloud", _WEBSITE),
    (r".+\.r2\.dev", "is a bucket's address for readers: name https://ACCOUNT.r2.cloudflarestorage.com"),
    (r"r2\.cloudflarestorage\.com", "lacks the account: name https://ACCOUNT.r2.cloudflarestorage.com"),
    (r".+\.(?:cloudfront\.net|b-cdn\.net|azureedge\.net|azurefd\.net|fastly\.net|file\.myqcloud\.com)", _NETWORK),
    (r"f\d{3}\.backblazeb2\.com", "is an address for readers: name https://s3.REGION.backblazeb2.com"),
    (r"api\.backblazeb2\.com", "is not S3: name https://s3.REGION.backblazeb2.com"),
    (r"link(?:\..+)?\.storjshare\.io", "is an address for readers: name https://gateway.storjshare.io"),
    (r".+\.(?:tigrisfiles\.io|t3\.tigrisbucket\.io)", "is an address for readers: name https://t3.storage.dev"),
    (r".+\.(?:blob|dfs)\.core\.windows\.net", "is Azure's, which does not speak S3: send a SAS URL as upload_url"),
    (r"(?:[a-z]+\.)?storage\.bunnycdn\.com", "is Bunny's, which does not speak S3"),
    (r"(?:.+\.)?console\.aws\.amazon\.com|console\.cloud\.google\.com|dash\.cloudflare\.com", _PAGE),
    (r"storage\.cloud\.google\.com", "is a page for people: name https://storage.googleapis.com"),
    (r"(?:cloud|www)\.digitalocean\.com|(?:drive\.google|(?:www\.)?dropbox)\.com", _PAGE),
    (rf".+\.s3express-.+\.{_AWS}", "is of a directory bucket, whose URLs last five minutes: name another bucket"),
)


def read_host(host: str) -> StoreHost | None:
    """What is known of an endpoint's host (in lower case); None for a store that is not known.

    Raises:
        UnusableHostError: no video can be put there.
    """
    for pattern, reason in _UNUSABLE:
        if re.fullmatch(pattern, host):
            raise UnusableHostError(reason)
    runpod = _RUNPOD.fullmatch(host)
    if runpod:
        return StoreHost(host, None, (runpod["region"] or "").upper() or None, presigns=False)
    return next((found for kind in _KINDS if (found := kind.read(host))), None)


def region_in(host: str) -> str | None:
    """The region that a host names, or None."""
    try:
        found = read_host(host)
    except UnusableHostError:
        return None
    return found.region if found else None


def moved(host: str, region: str) -> str:
    """The host of the same store in this region: its name with the region exchanged, or put in.

    As it came for a host that does not name its region, but for Amazon's and Wasabi's one for all.
    """
    named = region_in(host)
    one_for_all = re.fullmatch(rf"(s3(?:-fips)?)(?:-{named})?\.({_AWS}|wasabisys\.com)", host)
    if one_for_all:
        return f"{one_for_all[1]}.{region}.{one_for_all[2]}"
    if named is None:
        return host
    return re.sub(rf"(?<![^.-]){re.escape(named)}(?=-internal|\.)", region, host, count=1)
