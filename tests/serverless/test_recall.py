"""A job that comes again, and the place that a job names for its video: nothing is made twice, no secret is told."""

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.marks import slow
from tests.serverless.stand import Stand
from tests.serverless.stores import MOUNT, Store, assert_plays, download, prompts, quick, result, store, taker, volume
from tests.serverless.worker import Worker
from tests.storage.storage_servers import ACCESS_KEY, BUCKET, SECRET_KEY

CARRIED = "this job was done before: its stored result is returned"
CALLERS_KEY, CALLERS_SECRET = "CALLERSKEYID", "callers+MARKED/secret"
SIGNATURE = "sig=MARKED-SIGNATURE&X-Amz-Expires=600"


@pytest.fixture(scope="module")
def bucket() -> Iterator[Store]:
    with store() as bucket:
        bucket.trusted.add(CALLERS_KEY)
        yield bucket


@pytest.fixture(scope="module")
def volumes() -> Iterator[tuple[Path, dict[str, str]]]:
    with volume() as made:
        yield made


@pytest.fixture(scope="module")
def keep(volumes: tuple[Path, dict[str, str]]) -> Path:
    """What is on the volume."""
    return volumes[0]


@pytest.fixture(scope="module")
def stand(
    tmp_path_factory: pytest.TempPathFactory, bucket: Store, volumes: tuple[Path, dict[str, str]]
) -> Iterator[Stand]:
    """A worker that keeps on the volume, and tells its log everything."""
    with quick(tmp_path_factory.mktemp("recall"), bucket, {**volumes[1], "LOG_LEVEL": "DEBUG"}) as stand:
        yield stand


@pytest.fixture(scope="module")
def runpods_names(bucket: Store) -> dict[str, str]:
    """The bucket in RunPod's own words."""
    return {
        "BUCKET_ENDPOINT_URL": f"{bucket.url}/{BUCKET}",
        "BUCKET_ACCESS_KEY_ID": ACCESS_KEY,
        "BUCKET_SECRET_ACCESS_KEY": SECRET_KEY,
    }


@pytest.fixture(scope="module")
def runpods(tmp_path_factory: pytest.TempPathFactory, bucket: Store, runpods_names: dict[str, str]) -> Iterator[Stand]:
    """A worker that uses it."""
    with quick(tmp_path_factory.mktemp("runpod"), None, runpods_names) as stand:
        stand.bucket = bucket
        yield stand


def assert_unsaid(stand: Stand, keep: Path, *secrets: str) -> None:
    """These stand neither in the log, nor in anything that RunPod was told, nor in what is remembered."""
    told = [json.dumps(post.body) for post in stand.plane.posts]
    remembered = [path.read_bytes().decode("latin-1") for path in keep.rglob("*") if path.is_file()]
    for secret in secrets:
        assert not [text for text in (stand.worker.log, *told, *remembered) if secret in text]


def test_a_job_that_comes_again_gets_its_stored_video_under_a_fresh_url(
    stand: Stand, bucket: Store, keep: Path, tmp_path: Path
) -> None:
    stand.give("again")
    first = result(stand, "again")["output"]
    with prompts(stand, 0):
        stand.give("again")
        second = result(stand, "again", 2)["output"]
    assert second["status"] == "completed"
    assert second["warnings"] == [*first["warnings"], CARRIED]
    assert second["video_info"] == first["video_info"]
    assert download(second["output_video_url"], tmp_path / "video.mp4") == bucket.has[f"/{BUCKET}/again.mp4"]
    first_end, second_end = (datetime.fromisoformat(reply["expires_at"]) for reply in (first, second))
    assert first_end <= second_end
    assert timedelta(days=6, hours=23) < second_end - datetime.now(UTC) <= timedelta(days=7)
    assert_unsaid(stand, keep, SECRET_KEY)
    assert not any("X-Amz" in record.read_text() for record in keep.glob("results/*"))
    stand.assert_clean()


@pytest.mark.parametrize("why", ["other input", "another video of the same length", *slow("the object was deleted")])
def test_a_job_that_is_another_or_whose_video_is_gone_is_made_anew(
    stand: Stand, bucket: Store, why: str, tmp_path: Path
) -> None:
    job_id = f"anew-{len(why)}"
    with prompts(stand, 2):
        stand.give(job_id)
        first = result(stand, job_id)["output"]
        if why == "other input":
            stand.give(job_id, width=320)
        else:
            held = bucket.has.pop(f"/{BUCKET}/{job_id}.mp4")
            if why != "the object was deleted":
                bucket.has[f"/{BUCKET}/{job_id}.mp4"] = held[:-1] + bytes([held[-1] ^ 1])
            stand.give(job_id)
        second = result(stand, job_id, 2)["output"]
    assert (first["video_info"]["width"], second["video_info"]["width"]) == (256, 320 if why == "other input" else 256)
    assert CARRIED not in second["warnings"]
    stored = bucket.has[f"/{BUCKET}/{job_id}.mp4"]
    assert hashlib.sha256(stored).hexdigest() == second["video_info"]["sha256"]
    stand.assert_clean()


def test_an_upload_url_gets_exactly_the_video_and_once(stand: Stand, keep: Path, tmp_path: Path) -> None:
    with taker(200) as server:
        given = {"upload_url": f"{server.url}/place/clip.mp4?{SIGNATURE}"}
        stand.give("sent", **given)
        reply = result(stand, "sent")["output"]
        with prompts(stand, 0):
            stand.give("sent", **given)
            again = result(stand, "sent", 2)["output"]
    assert [(request.method, request.target) for request in server.seen] == [("PUT", f"/place/clip.mp4?{SIGNATURE}")]
    (sent,) = server.seen
    assert sent.headers["content-type"] == "video/mp4"
    assert hashlib.sha256(sent.body).hexdigest() == reply["video_info"]["sha256"]
    (tmp_path / "video.mp4").write_bytes(sent.body)
    assert_plays(tmp_path / "video.mp4")
    assert reply["output_video_url"] == again["output_video_url"] == f"{server.url}/place/clip.mp4"
    assert reply["expires_at"] is None
    assert CARRIED in again["warnings"]
    assert_unsaid(stand, keep, SIGNATURE, "MARKED-SIGNATURE")
    stand.assert_clean()


def test_an_upload_url_that_refuses_the_video_costs_it_not(stand: Stand, keep: Path) -> None:
    with taker(403) as server:
        stand.give("unsigned", upload_url=f"{server.url}/place/clip.mp4?{SIGNATURE}")
        output = result(stand, "unsigned")["output"]
    assert (output["error_code"], output["error_stage"]) == ("storage_misconfigured", "upload")
    kept = Path(output["kept_video"])
    assert_plays(kept)
    assert kept.read_bytes() == server.seen[0].body
    assert kept.parent == keep / "kept"
    assert len(server.seen) == 1
    assert_unsaid(stand, keep, SIGNATURE, "MARKED-SIGNATURE")
    kept.unlink()
    stand.assert_clean()


def give_with_bucket(stand: Stand, job_id: str, config: dict[str, str]) -> dict[str, Any]:
    """A job with an s3Config beside its input; its result."""
    stand.plane.give({"id": job_id, "input": stand.input(), "s3Config": config})
    return result(stand, job_id)


def test_a_job_may_bring_its_own_bucket(stand: Stand, bucket: Store, keep: Path, tmp_path: Path) -> None:
    config = bucket.config("theirs", accessId=CALLERS_KEY, accessSecret=CALLERS_SECRET)
    reply = give_with_bucket(stand, "theirs-1", config)["output"]
    assert reply["status"] == "completed"
    video = download(reply["output_video_url"], tmp_path / "video.mp4")
    assert video == bucket.has["/theirs/theirs-1.mp4"]
    assert f"/{BUCKET}/theirs-1.mp4" not in bucket.has
    assert reply["output_video_url"].count(CALLERS_KEY) == 1  # which every presigned URL names
    remembered = [path.read_text() for path in keep.glob("results/*")]
    assert not any(CALLERS_KEY in text for text in (stand.worker.log, *remembered))
    assert_unsaid(stand, keep, CALLERS_SECRET)
    stand.assert_clean()


def test_a_bucket_with_wrong_keys_is_refused_before_the_gpu_works(stand: Stand, bucket: Store, keep: Path) -> None:
    config = bucket.config("theirs", accessId="UNKNOWNKEYID", accessSecret=CALLERS_SECRET)
    with prompts(stand, 0):
        output = give_with_bucket(stand, "theirs-2", config)["output"]
    assert (output["error_code"], output["error_stage"]) == ("storage_misconfigured", "validate")
    assert_unsaid(stand, keep, CALLERS_SECRET, "UNKNOWNKEYID")
    stand.assert_next_works()


def test_runpods_own_variables_name_a_bucket(runpods: Stand, bucket: Store, tmp_path: Path) -> None:
    runpods.give("by-runpod")
    reply = result(runpods, "by-runpod")["output"]
    assert download(reply["output_video_url"], tmp_path / "video.mp4") == bucket.has[f"/{BUCKET}/by-runpod.mp4"]
    assert_unsaid(runpods, runpods.bench.folder / "keep", SECRET_KEY)
    runpods.assert_next_works()


def test_a_result_that_was_lost_with_its_worker_is_found_by_the_next_one(
    runpods: Stand, runpods_names: dict[str, str], tmp_path: Path
) -> None:
    runpods.plane.answer_results(500)
    runpods.give("orphan")
    runpods.plane.wait_until(lambda: runpods.plane.results("orphan"))
    runpods.worker.kill()
    runpods.plane.answer_results(200)
    with Worker(runpods.plane, runpods.bench, **runpods_names) as runpods.worker:
        runpods.plane.wait_until_asked()
        with prompts(runpods, 0):
            runpods.give("orphan")
            reply = runpods.plane.wait_for_result("orphan")["output"]
        assert CARRIED in reply["warnings"]
        download(reply["output_video_url"], tmp_path / "video.mp4")
        runpods.assert_next_works()


def test_a_volume_takes_the_videos(tmp_path: Path) -> None:
    job_id = f"volume-{uuid.uuid4().hex}"
    video = MOUNT / "videos" / f"{job_id}.mp4"
    try:
        with volume() as (_, places), quick(tmp_path, None, {**places, "STORAGE": "volume"}) as stand:
            stand.give(job_id)
            reply = result(stand, job_id)["output"]
            assert reply["output_video_url"] == video.as_uri()
            assert "which no URL opens" in reply["warnings"][-1]
            assert_plays(video)
            with prompts(stand, 0):
                stand.give(job_id)
                assert CARRIED in result(stand, job_id, 2)["output"]["warnings"]
            stand.assert_clean()
    finally:
        video.unlink(missing_ok=True)
        with suppress(OSError):  # somebody else's videos are there
            video.parent.rmdir()
