"""A job whose time passes: wherever it is, it ends with its reason, and what is finished is not lost."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serverless.gates import Bucket, EncoderGate, held_source
from tests.serverless.stand import Stand, standing

WORKER_SECONDS = 15.0  # a job without a fault ends well before, also on a busy machine
OWN_SECONDS = 8.0
OWN_POLICY = {"executionTimeout": OWN_SECONDS * 2 * 1000}  # the worker keeps half of such a short one to itself
AMPLE_POLICY = {"executionTimeout": 600_000}  # for jobs that must end, on a machine however busy


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, store: Bucket) -> Iterator[Stand]:
    """The engine's own log is part of the worker's."""
    folder, limit = tmp_path_factory.mktemp("deadline"), f"{WORKER_SECONDS:g}"
    with standing(folder, store, JOB_TIMEOUT_SECONDS=limit, SIMULATOR_SPEED="2", LOG_LEVEL="DEBUG") as stand:
        yield stand


def give(stand: Stand, job_id: str, policy: dict[str, Any] | None, **change: Any) -> None:
    more = {} if policy is None else {"policy": policy}
    stand.plane.give({"id": job_id, "input": stand.input(**change), **more})


def assert_out_of_time(stand: Stand, job_id: str, seconds: float, stage: str) -> None:
    body = stand.assert_failed(job_id, "deadline_exceeded", retryable=True)
    assert body["error"] == f"The job did not end within its {seconds:g} s"
    assert body["output"]["error_stage"] == stage
    stand.assert_over()


def prompts(stand: Stand) -> int:
    return stand.worker.log.count("got a prompt")


def test_while_it_samples(tmp_path: Path) -> None:
    """A worker that has finished no job: a measured one would refuse such jobs."""
    with standing(tmp_path, JOB_TIMEOUT_SECONDS=f"{WORKER_SECONDS:g}", SIMULATOR_SPEED="0.5") as stand:
        give(stand, "worker-s", None, audio_urls=["long.wav"], steps=40)
        assert_out_of_time(stand, "worker-s", WORKER_SECONDS, "sample")
        give(stand, "own", OWN_POLICY, audio_urls=["long.wav"], steps=40)
        assert_out_of_time(stand, "own", OWN_SECONDS, "sample")
        stand.assert_next_works(policy=AMPLE_POLICY)


def test_while_it_fetches(stand: Stand) -> None:
    with held_source() as (address, gate):
        give(stand, "fetching", OWN_POLICY, image_url=address)
        gate.wait_until_reached()
        assert_out_of_time(stand, "fetching", OWN_SECONDS, "fetch")
    stand.assert_next_works(policy=AMPLE_POLICY)


def test_while_it_encodes_the_frames_are_not_lost(tmp_path: Path, store: Bucket) -> None:
    """All of the GPU's work is done by then."""
    encoder = EncoderGate(tmp_path)
    limit = f"{OWN_SECONDS:g}"
    with (
        standing(
            tmp_path, store, JOB_TIMEOUT_SECONDS=limit, SIMULATOR_SPEED="0", IMAGEIO_FFMPEG_EXE=encoder.path
        ) as stand,
        encoder.closed() as let_go,
    ):
        stand.give("encoding")
        stand.worker.wait_for_stage("encoding", "encode")
        threading.Event().wait(OWN_SECONDS)
        let_go()
        output = stand.plane.wait_for_result("encoding")["output"]
    assert (output["status"], output["warnings"]) == ("completed", [])
    assert output["timings"]["encode"] > OWN_SECONDS
    assert stand.is_stored("encoding")


def test_while_it_uploads_the_video_is_not_lost(stand: Stand, store: Bucket) -> None:
    with store.closed() as gate:
        stand.give("uploading")
        gate.wait_until_reached()
        threading.Event().wait(WORKER_SECONDS)
        gate.open()
        output = stand.plane.wait_for_result("uploading")["output"]
    assert (output["status"], output["warnings"]) == ("completed", [])
    assert output["processing_time_seconds"] > WORKER_SECONDS
    assert stand.is_stored("uploading")
    stand.assert_next_works(policy=AMPLE_POLICY)


def test_what_cannot_end_in_time_is_refused_before_it_begins(stand: Stand) -> None:
    """By what a job of the same size took: the steps of the smallest are too short to be timed on a busy machine."""
    large = {"audio_urls": ["long.wav"], "width": 1280, "height": 720}
    give(stand, "measured", AMPLE_POLICY, **large, max_audio_duration=1)
    assert stand.plane.wait_for_result("measured")["output"]["status"] == "completed"
    before = prompts(stand)
    give(stand, "hopeless", OWN_POLICY, **large, steps=40)
    error = stand.assert_failed("hopeless", "job_too_large", retryable=False)["error"]
    for number in ("1280x720", "40 steps", "PFLOP", f"are left of its {OWN_SECONDS:g} s"):
        assert number in error
    assert prompts(stand) == before
    stand.assert_next_works(policy=AMPLE_POLICY)


def test_a_small_job_does_not_have_a_larger_one_refused(stand: Stand) -> None:
    stand.assert_next_works(policy=AMPLE_POLICY)
    give(stand, "larger", OWN_POLICY, audio_urls=["long.wav"], max_audio_duration=8)
    stand.worker.wait_for_stage("larger", "load")
    stand.plane.wait_for_result("larger")
