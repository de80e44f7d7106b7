"""A bucket that is somewhere else than the settings say, whose URLs do not open, or that turns this worker away."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serverless.stand import Stand
from tests.serverless.stores import Fault, Store, assert_plays, download, quick, result, store, undelivered
from tests.storage.storage_servers import BUCKET, s3_error

CHECK = ("begin",)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Store]:
    with store() as bucket:
        bucket.region = "eu-west-2"
        yield bucket


@pytest.fixture
def stand(tmp_path: Path, bucket: Store) -> Iterator[Stand]:
    """A worker that knows nothing of the region, and has no volume."""
    with quick(tmp_path, bucket, {"S3_REGION": ""}) as stand:
        yield stand


def test_the_url_opens_in_the_buckets_own_region_or_the_video_is_kept(
    stand: Stand, bucket: Store, tmp_path: Path
) -> None:
    stand.give("own")
    reply = result(stand, "own")["output"]
    assert reply["warnings"] == []
    download(reply["output_video_url"], tmp_path / "video.mp4")
    stand.plane.give({"id": "theirs", "input": stand.input(), "s3Config": bucket.config("theirs")})
    download(result(stand, "theirs")["output"]["output_video_url"], tmp_path / "video.mp4")
    bucket.faults["closed"] = Fault(s3_error(403, "AccessDenied"), ("get",))
    stand.give("closed")
    body = result(stand, "closed")
    output = undelivered(body, "storage_misconfigured")
    assert "does not open: it answered 403 (AccessDenied)" in body["error"]
    (tmp_path / "video.mp4").write_bytes(base64.b64decode(output["video_base64"], validate=True))
    assert_plays(tmp_path / "video.mp4")
    stand.assert_next_works()
    assert set(bucket.has) >= {f"/{BUCKET}/own.mp4", "/theirs/theirs.mp4"}
    assert not [path for path in bucket.has if "storage-check" in path]


def test_a_worker_that_is_turned_away_twice_leaves_the_queue_to_others(stand: Stand, bucket: Store) -> None:
    """Once is an accident, and a good job makes up for it. What a job's own bucket refuses is no sign."""
    refusals = {"skewed": "RequestTimeTooSkewed", "refused": "InvalidAccessKeyId", "denied": "AccessDenied"}
    for job_id, code in refusals.items():
        bucket.faults["storage-check"] = Fault(s3_error(403, code), CHECK)
        stand.give(job_id)
        stand.assert_failed(job_id, "storage_misconfigured", retryable=True)
        bucket.faults.clear()
        if job_id == "skewed":
            stand.plane.wait_until_asked()
            stand.assert_next_works()
        if job_id == "refused":
            stand.plane.wait_until_asked()
            config = bucket.config("theirs", accessId="UNKNOWNKEYID")
            stand.plane.give({"id": "theirs-2", "input": stand.input(), "s3Config": config})
            stand.assert_failed("theirs-2", "storage_misconfigured", retryable=False)
    assert stand.worker.ended() == 0
    assert stand.plane.taken[-1] == "denied"
