"""A storage that is slow, ill, full or refuses the worker: a finished video is stored, kept or sent, and never lost."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.marks import chosen
from tests.serverless.stand import Stand
from tests.serverless.stores import (
    Fault,
    Store,
    assert_plays,
    download,
    files_in,
    prompts,
    quick,
    result,
    store,
    undelivered,
    volume,
)
from tests.storage.scripted_server import Answer
from tests.storage.storage_servers import BUCKET, s3_error

CUT = Answer(hang_up=True)
EVERY = ("begin", "part", "complete", "look")
PASSING = {"ill": s3_error(500, "InternalError"), "busy": s3_error(503, "SlowDown"), "cut": CUT}
LASTING: dict[str, tuple[Answer, str, str]] = {
    "ill": (s3_error(500, "InternalError"), "part", "storage_failed"),
    "busy": (s3_error(503, "SlowDown"), "part", "storage_failed"),
    "cut": (CUT, "part", "storage_failed"),
    "refused": (s3_error(403, "AccessDenied"), "begin", "storage_misconfigured"),
    "full": (s3_error(507, "XMinioStorageFull"), "part", "storage_failed"),
    "quota": (s3_error(403, "QuotaExceeded"), "complete", "storage_failed"),
    "short": (Answer(200, length=7), "look", "storage_failed"),
}
Rescued = tuple[dict[str, Any], bytes, dict[str, Any]]
each_lasting = pytest.mark.parametrize("fault", LASTING)
# A fault is told from others in the same way wherever the video then goes: one that may pass, one that will not.
TWO_LASTING = ("full", "refused")
two_lasting = pytest.mark.parametrize("fault", TWO_LASTING)


def give_broken(stand: Stand, bucket: Store, name: str, faults: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Hand out a job for each of these faults; their results. The jobs are called by this name and the fault."""
    jobs = {fault: f"{name}-{fault}" for fault in faults}
    for fault, job_id in jobs.items():
        answer, kind, _ = LASTING[fault]
        bucket.faults[job_id] = Fault(answer, (kind,))
    stand.plane.give(*({"id": job_id, "input": stand.input()} for job_id in jobs.values()))
    return {fault: result(stand, job_id) for fault, job_id in jobs.items()}


def asked_for(request: pytest.FixtureRequest, faults: Iterable[str] = LASTING) -> list[str]:
    """Those of these faults that tests of this run name."""
    return [fault for fault in faults if fault in chosen(request, "fault")]


@pytest.fixture(scope="module")
def bucket() -> Iterator[Store]:
    with store() as bucket:
        yield bucket


@pytest.fixture(scope="module")
def on_volume(tmp_path_factory: pytest.TempPathFactory, bucket: Store) -> Iterator[tuple[Stand, Path]]:
    """A worker with a network volume."""
    folder = tmp_path_factory.mktemp("volume")
    with volume() as (keep, places), quick(folder, bucket, places) as stand:
        yield stand, keep


def test_a_slow_storage_is_waited_for(on_volume: tuple[Stand, Path], bucket: Store, tmp_path: Path) -> None:
    """The upload is answered after two more heartbeats."""
    stand, _ = on_volume
    with bucket.closed() as gate:
        stand.give("slow")
        gate.wait_until_reached()
        before = len(stand.plane.pings)
        stand.plane.wait_until(lambda: [ping.job_ids for ping in stand.plane.pings[before:]].count(("slow",)) >= 2)
    reply = result(stand, "slow")["output"]
    assert reply["status"] == "completed"
    download(reply["output_video_url"], tmp_path / "video.mp4")
    assert bucket.unfinished == 0
    stand.assert_clean()


@pytest.mark.parametrize("fault", PASSING)
def test_a_storage_that_fails_for_a_moment_is_asked_again(
    on_volume: tuple[Stand, Path], bucket: Store, fault: str, tmp_path: Path
) -> None:
    stand, keep = on_volume
    job_id = f"moment-{fault}"
    shown = bucket.faults[job_id] = Fault(PASSING[fault], EVERY, times=1)
    with prompts(stand, 1):
        stand.give(job_id)
        reply = result(stand, job_id)["output"]
    assert reply["status"] == "completed"
    assert shown.shown == dict.fromkeys(EVERY, 1)
    download(reply["output_video_url"], tmp_path / "video.mp4")
    assert bucket.unfinished == 0
    assert list(keep.glob("kept/*")) == []
    stand.assert_clean()


@pytest.fixture(scope="module")
def kept(
    request: pytest.FixtureRequest, on_volume: tuple[Stand, Path], bucket: Store
) -> dict[str, tuple[dict[str, Any], bytes]]:
    """For each lasting fault of a test that runs, the result of a job that met it and the video that was kept."""
    stand, _ = on_volume
    bodies = give_broken(stand, bucket, "volume", asked_for(request))
    return {fault: (body, Path(body["output"]["kept_video"]).read_bytes()) for fault, body in bodies.items()}


@each_lasting
def test_on_a_volume_a_video_that_cannot_be_stored_is_kept(
    on_volume: tuple[Stand, Path], kept: dict[str, tuple[dict[str, Any], bytes]], fault: str, tmp_path: Path
) -> None:
    stand, keep = on_volume
    body, video = kept[fault]
    output = undelivered(body, LASTING[fault][2])
    path, copy = Path(output["kept_video"]), tmp_path / "video.mp4"
    copy.write_bytes(video)
    assert_plays(copy)
    assert path.parent == keep / "kept"
    assert f"it is kept on the volume as {path.name}; send the same job id again" in body["error"]
    assert "video_base64" not in output
    stand.assert_clean()


@pytest.fixture(scope="module")
def healed(
    on_volume: tuple[Stand, Path], bucket: Store, kept: dict[str, tuple[dict[str, Any], bytes]]
) -> dict[str, Rescued]:
    """The same with the second result, once the storage is well again."""
    stand, _ = on_volume
    jobs = {fault: f"volume-{fault}" for fault in kept}
    for job_id in jobs.values():
        del bucket.faults[job_id]
    bucket.stored.clear()
    with prompts(stand, 0):
        stand.plane.give(*({"id": job_id, "input": stand.input()} for job_id in jobs.values()))
        return {fault: (*kept[fault], result(stand, job_id, 2)) for fault, job_id in jobs.items()}


@each_lasting
def test_a_kept_video_is_stored_when_the_job_comes_again_and_is_not_made_anew(
    on_volume: tuple[Stand, Path], bucket: Store, healed: dict[str, Rescued], fault: str, tmp_path: Path
) -> None:
    stand, keep = on_volume
    body, video, later = healed[fault]
    reply, former = later["output"], Path(body["output"]["kept_video"])
    assert reply["status"] == "completed"
    assert download(reply["output_video_url"], tmp_path / "video.mp4") == video
    assert hashlib.sha256(video).hexdigest() == reply["video_info"]["sha256"]
    assert bucket.stored.count(f"/{BUCKET}/volume-{fault}.mp4") == 1
    assert bucket.unfinished == 0
    assert {path.name for path in keep.rglob(f"{former.stem}*")} == {f"{former.stem}.json"}
    assert list(keep.glob("kept/*")) == []
    stand.assert_clean()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (s3_error(403, "InvalidAccessKeyId"), "storage_misconfigured"),
        (s3_error(500, "InternalError"), "storage_failed"),
    ],
    ids=["refused", "ill"],
)
def test_a_storage_that_is_lost_after_the_start_stops_the_job_before_the_gpu_works(
    on_volume: tuple[Stand, Path], bucket: Store, answer: Answer, code: str
) -> None:
    stand, keep = on_volume
    before = files_in(keep)
    bucket.faults["storage-check"] = Fault(answer, EVERY)
    job_id = f"lost-{code}"
    with prompts(stand, 0):
        stand.give(job_id)
        output = result(stand, job_id)["output"]
    del bucket.faults["storage-check"]
    assert (output["error_code"], output["error_stage"]) == (code, "validate")
    assert files_in(keep) == before
    stand.assert_clean()
    stand.assert_next_works()


def test_a_job_that_comes_again_too_early_is_told_where_its_video_is(
    on_volume: tuple[Stand, Path], bucket: Store
) -> None:
    stand, _ = on_volume
    bucket.faults["early"] = Fault(s3_error(507, "XMinioStorageFull"), ("part",))
    stand.give("early")
    first = undelivered(result(stand, "early"), "storage_failed")
    bucket.faults["storage-check"] = Fault(s3_error(403, "InvalidAccessKeyId"), EVERY)
    stand.give("early")
    body = result(stand, "early", 2)
    del bucket.faults["storage-check"], bucket.faults["early"]
    assert (body["output"]["error_code"], body["output"]["error_stage"]) == ("storage_misconfigured", "validate")
    assert body["output"]["kept_video"] == first["kept_video"]
    assert f"is finished, and kept as {Path(first['kept_video']).name}" in body["error"]
    stand.give("early")
    assert result(stand, "early", 3)["output"]["status"] == "completed"


def test_a_storage_that_never_answers_costs_the_video_not(on_volume: tuple[Stand, Path], bucket: Store) -> None:
    """A delivery may take what is left of the job's time, and 20 s at least."""
    stand, _ = on_volume
    never = threading.Event()
    bucket.faults["silent"] = Fault(Answer(hang_up=True, after=never), ("part",))
    stand.plane.give({"id": "silent", "input": stand.input(), "policy": {"executionTimeout": 25_000}})
    body = result(stand, "silent")
    never.set()
    output = undelivered(body, "storage_failed")
    assert "the storage did not take it in time" in body["error"]
    assert_plays(Path(output["kept_video"]))
    Path(output["kept_video"]).unlink()
    stand.assert_next_works()
    assert bucket.unfinished == 0


@pytest.fixture(scope="module")
def inlined(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bucket: Store
) -> Iterator[tuple[Stand, dict[str, Any]]]:
    """A worker without a volume, and for each of two lasting faults the result of a job that met it."""
    with quick(tmp_path_factory.mktemp("inlined"), bucket) as stand:
        yield stand, give_broken(stand, bucket, "inlined", asked_for(request, TWO_LASTING))


@pytest.fixture(scope="module")
def on_disk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bucket: Store
) -> Iterator[tuple[Stand, dict[str, Any]]]:
    """The same where no video is small enough for the reply."""
    with quick(tmp_path_factory.mktemp("disk"), bucket, {"INLINE_MAX_MB": "0"}) as stand:
        yield stand, give_broken(stand, bucket, "disk", asked_for(request, TWO_LASTING))


@two_lasting
def test_without_a_volume_a_small_video_is_in_the_reply(
    inlined: tuple[Stand, dict[str, Any]], fault: str, tmp_path: Path
) -> None:
    stand, results = inlined
    output = undelivered(results[fault], LASTING[fault][2])
    video = tmp_path / "video.mp4"
    video.write_bytes(base64.b64decode(output["video_base64"], validate=True))
    assert_plays(video)
    assert len(json.dumps(results[fault])) < 10_000_000
    assert "kept_video" not in output
    assert list((stand.bench.folder / "keep").rglob("*")) == []
    stand.assert_clean()


@two_lasting
def test_without_a_volume_a_large_video_stays_on_the_worker(on_disk: tuple[Stand, dict[str, Any]], fault: str) -> None:
    stand, results = on_disk
    output = undelivered(results[fault], LASTING[fault][2])
    kept = Path(output["kept_video"])
    assert_plays(kept)
    assert kept.parent == stand.bench.folder / "keep" / "kept"
    assert f"this worker's own disk, which ends with the worker as {kept.name}" in results[fault]["error"]
    assert "video_base64" not in output
    assert stand.bench.leftovers() == []
