"""The bucket of a job, and that of RunPod's three variables: bucket and region are found where they are named."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import Stage
from storage.job_bucket import s3_config_of_environment, s3_config_of_job
from storage.s3 import S3Config, S3Storage
from tests.storage.scripted_server import scripted_server
from tests.storage.storage_servers import ACCESS_KEY, BUCKET, SECRET_KEY, VIDEO, FakeBucket, sent

ACCOUNT = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("endpoint", "named", "place"),
    [
        ("https://b.s3.eu-west-1.amazonaws.com", None, ("https://s3.eu-west-1.amazonaws.com", "b", "eu-west-1")),
        ("https://b.s3.eu-west-1.amazonaws.com/", "b", ("https://s3.eu-west-1.amazonaws.com", "b", "eu-west-1")),
        ("https://s3.eu-west-1.amazonaws.com", "b", ("https://s3.eu-west-1.amazonaws.com", "b", "eu-west-1")),
        ("https://S3.eu-west-1.amazonaws.com/b/", None, ("https://s3.eu-west-1.amazonaws.com", "b", "eu-west-1")),
        ("https://a.b.s3-us-west-2.amazonaws.com", None, ("https://s3-us-west-2.amazonaws.com", "a.b", "us-west-2")),
        (
            "https://s3.dualstack.us-west-2.amazonaws.com",
            "b",
            ("https://s3.dualstack.us-west-2.amazonaws.com", "b", "us-west-2"),
        ),
        ("https://b.s3.amazonaws.com", None, ("https://s3.amazonaws.com", "b", None)),
        (
            f"https://{ACCOUNT}.r2.cloudflarestorage.com",
            "b",
            (f"https://{ACCOUNT}.r2.cloudflarestorage.com", "b", "auto"),
        ),
        (
            f"https://{ACCOUNT}.r2.cloudflarestorage.com/b",
            None,
            (f"https://{ACCOUNT}.r2.cloudflarestorage.com", "b", "auto"),
        ),
        (
            f"https://b.{ACCOUNT}.eu.r2.cloudflarestorage.com",
            None,
            (f"https://{ACCOUNT}.eu.r2.cloudflarestorage.com", "b", "auto"),
        ),
        ("https://storage.googleapis.com/b", None, ("https://storage.googleapis.com", "b", None)),
        ("https://b.storage.googleapis.com", None, ("https://storage.googleapis.com", "b", None)),
        ("https://b.nyc3.digitaloceanspaces.com", None, ("https://nyc3.digitaloceanspaces.com", "b", "nyc3")),
        (
            "https://b.s3.eu-central-003.backblazeb2.com",
            None,
            ("https://s3.eu-central-003.backblazeb2.com", "b", "eu-central-003"),
        ),
        ("https://b.nyc3.cdn.digitaloceanspaces.com", None, ("https://nyc3.digitaloceanspaces.com", "b", "nyc3")),
        ("https://b.nyc3.cdn.digitaloceanspaces.com", "b", ("https://nyc3.digitaloceanspaces.com", "b", "nyc3")),
        ("https://nyc3.cdn.digitaloceanspaces.com/b", None, ("https://nyc3.digitaloceanspaces.com", "b", "nyc3")),
        (
            "https://s3-fips.dualstack.us-gov-west-1.amazonaws.com",
            "b",
            ("https://s3-fips.dualstack.us-gov-west-1.amazonaws.com", "b", "us-gov-west-1"),
        ),
        (
            "https://b.s3.cn-north-1.amazonaws.com.cn",
            None,
            ("https://s3.cn-north-1.amazonaws.com.cn", "b", "cn-north-1"),
        ),
        ("https://s3-fips.us-west-1.amazonaws.com", "b", ("https://s3-fips.us-west-1.amazonaws.com", "b", "us-west-1")),
        ("https://s3-external-1.amazonaws.com", "b", ("https://s3-external-1.amazonaws.com", "b", "us-east-1")),
        (
            "https://b.bucket.vpce-1a2b-5e6f.s3.us-east-1.vpce.amazonaws.com",
            None,
            ("https://bucket.vpce-1a2b-5e6f.s3.us-east-1.vpce.amazonaws.com", "b", "us-east-1"),
        ),
        (
            "https://bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com",
            "b",
            ("https://bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com", "b", "us-east-1"),
        ),
        ("https://s3.wasabisys.com/b", None, ("https://s3.wasabisys.com", "b", "us-east-1")),
        (
            "https://b.s3.eu-central-1.wasabisys.com",
            None,
            ("https://s3.eu-central-1.wasabisys.com", "b", "eu-central-1"),
        ),
        ("https://b.s3.gra.io.cloud.ovh.net", None, ("https://s3.gra.io.cloud.ovh.net", "b", "gra")),
        (
            "https://s3.us-east-va.perf.cloud.ovh.us/b",
            None,
            ("https://s3.us-east-va.perf.cloud.ovh.us", "b", "us-east-va"),
        ),
        (
            "https://b.us-southeast-1.linodeobjects.com",
            None,
            ("https://us-southeast-1.linodeobjects.com", "b", "us-southeast-1"),
        ),
        ("https://b.ewr1.vultrobjects.com", None, ("https://ewr1.vultrobjects.com", "b", "ewr1")),
        ("https://b.fsn1.your-objectstorage.com", None, ("https://fsn1.your-objectstorage.com", "b", "fsn1")),
        ("https://s3.ru-1.storage.selcloud.ru", "b", ("https://s3.ru-1.storage.selcloud.ru", "b", "ru-1")),
        ("https://b.storage.yandexcloud.net", None, ("https://storage.yandexcloud.net", "b", "ru-central1")),
        (
            "https://ns1.compat.objectstorage.eu-frankfurt-1.oraclecloud.com",
            "b",
            ("https://ns1.compat.objectstorage.eu-frankfurt-1.oraclecloud.com", "b", "eu-frankfurt-1"),
        ),
        (
            "https://s3.us-south.cloud-object-storage.appdomain.cloud",
            "b",
            ("https://s3.us-south.cloud-object-storage.appdomain.cloud", "b", "us-south"),
        ),
        ("https://b.sos-ch-gva-2.exo.io", None, ("https://sos-ch-gva-2.exo.io", "b", "ch-gva-2")),
        (
            "https://storage.eu-north1.nebius.cloud/b",
            None,
            ("https://storage.eu-north1.nebius.cloud", "b", "eu-north1"),
        ),
        ("https://us-001.s3.synologyc2.net/b", None, ("https://us-001.s3.synologyc2.net", "b", None)),
        (
            "https://b.storage.me-central2.rep.googleapis.com",
            None,
            ("https://storage.me-central2.rep.googleapis.com", "b", "me-central2"),
        ),
        ("http://minio:9000/b/", "b", ("http://minio:9000", "b", None)),
        ("https://nas.example/minio/api", "b", ("https://nas.example/minio/api", "b", None)),
        ("https://b.s3.fr-par.scw.cloud", None, ("https://s3.fr-par.scw.cloud", "b", "fr-par")),
        ("http://minio:9000/b", None, ("http://minio:9000", "b", None)),
        ("http://[::1]:9000", "b", ("http://[::1]:9000", "b", None)),
        ("https://minio.s3.corp.example", "b", ("https://minio.s3.corp.example", "b", None)),
        ("https://minio.s3.corp.example/b", None, ("https://minio.s3.corp.example", "b", None)),
        ("https://b.s3.corp.example:8443", "b", ("https://s3.corp.example:8443", "b", None)),
        ("https://project.supabase.co/storage/v1/s3", "b", ("https://project.supabase.co/storage/v1/s3", "b", None)),
    ],
)
def test_the_bucket_and_the_region_are_found_where_they_are_named(
    endpoint: str, named: str | None, place: tuple[str, str, str | None]
) -> None:
    config = s3_config_of_job(sent(endpoint, named), key_prefix="talks", presign_seconds=60)
    assert (config.endpoint_url, config.bucket, config.region) == place
    assert config.addressing_style == "auto"
    assert config == S3Config(
        bucket=place[1],
        endpoint_url=place[0],
        access_key_id=ACCESS_KEY,
        secret_access_key=SECRET_KEY,
        region=place[2],
        public_base_url=None,
        key_prefix="talks",
        presign_seconds=60,
    )
    assert s3_config_of_environment(endpoint, ACCESS_KEY, SECRET_KEY, bucket=named).bucket == place[1]


def test_a_region_that_is_given_wins() -> None:
    config = s3_config_of_environment("https://b.s3.eu-west-1.amazonaws.com", "id", "secret", region="eu-west-2")
    assert config.region == "eu-west-2"


@pytest.mark.parametrize("named", [None, BUCKET])
def test_a_video_goes_to_the_jobs_bucket_without_a_month_in_front(video: Path, named: str | None) -> None:
    bucket = FakeBucket()
    with scripted_server(bucket) as server:
        storage = S3Storage(s3_config_of_job(sent(f"{server.url}/{BUCKET}", named)))
        storage.check(Stage.VALIDATE)
        storage.put(video, "talk.mp4", Cancellation())
    assert bucket.objects == {f"/{BUCKET}/talk.mp4": VIDEO}


@pytest.mark.parametrize(
    ("endpoint", "named", "service", "region"),
    [
        ("https://b.oss-cn-hangzhou.aliyuncs.com", None, "oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("https://b.s3.oss-cn-hangzhou.aliyuncs.com", None, "s3.oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("https://oss-us-west-1-internal.aliyuncs.com", "b", "oss-us-west-1-internal.aliyuncs.com", "us-west-1"),
        ("https://b.cos.ap-guangzhou.myqcloud.com", None, "cos.ap-guangzhou.myqcloud.com", "ap-guangzhou"),
        ("https://b.obs.cn-north-4.myhuaweicloud.com", None, "obs.cn-north-4.myhuaweicloud.com", "cn-north-4"),
        ("https://tos-s3-cn-beijing.volces.com", "b", "tos-s3-cn-beijing.volces.com", "cn-beijing"),
        ("https://b.t3.storage.dev", None, "t3.storage.dev", "auto"),
        ("https://b.s3-accelerate.amazonaws.com", None, "s3-accelerate.amazonaws.com", None),
        (
            "https://b.s3-accesspoint.eu-west-1.amazonaws.com",
            None,
            "s3-accesspoint.eu-west-1.amazonaws.com",
            "eu-west-1",
        ),
    ],
)
def test_a_store_that_is_known_to_want_the_bucket_in_front_is_asked_so(
    endpoint: str, named: str | None, service: str, region: str | None
) -> None:
    config = s3_config_of_job(sent(endpoint, named))
    assert (config.endpoint_url, config.bucket, config.region) == (f"https://{service}", "b", region)
    assert config.addressing_style == "virtual"
    assert s3_config_of_environment(endpoint, "id", "secret", bucket=named, addressing_style="path") == replace(
        config, access_key_id="id", secret_access_key="secret", addressing_style="path"
    )
