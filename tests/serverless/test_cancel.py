"""A job that RunPod stops, wherever it is: no result, nothing left behind, and the next job works."""

import signal
from collections.abc import Iterator

import pytest

from tests.marks import slow
from tests.serverless.gates import Bucket, EncoderGate, held_source
from tests.serverless.stand import Stand, standing

TOLD = '"message": "Stopping job."'  # what the SDK logs when it cancels a job


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, store: Bucket, encoder: EncoderGate) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("cancel")
    with standing(folder, store, hold_seconds=20, SIMULATOR_SPEED="4", IMAGEIO_FFMPEG_EXE=encoder.path) as stand:
        yield stand


def stop(stand: Stand, job_id: str) -> None:
    """Stop a job that is not over, and wait until the SDK has passed it on."""
    before = stand.worker.log.count(TOLD)
    stand.plane.stop(job_id)
    stand.worker.wait_for_log(lambda _: stand.worker.log.count(TOLD) > before)


def test_while_it_fetches(stand: Stand) -> None:
    with held_source() as (address, gate):
        stand.give("fetching", image_url=address)
        gate.wait_until_reached()
        stop(stand, "fetching")
        stand.assert_stopped("fetching")
    stand.assert_next_works()


@pytest.mark.parametrize(("stage", "window"), [("load", None), ("sample", 3), *slow(("sample", 1))])
def test_while_the_engine_works(stand: Stand, stage: str, window: int | None) -> None:
    job_id = f"{stage}-{window}"
    stand.give(job_id, audio_urls=["long.wav"])
    stand.worker.wait_for_stage(job_id, stage, window)
    stop(stand, job_id)
    stand.assert_stopped(job_id)
    assert not stand.is_stored(job_id)
    stand.assert_next_works()


def test_while_it_encodes(stand: Stand, encoder: EncoderGate) -> None:
    with encoder.closed():
        stand.give("encoding")
        stand.worker.wait_for_stage("encoding", "encode")
        stop(stand, "encoding")
        stand.assert_stopped("encoding")
        assert not stand.is_stored("encoding")
    stand.assert_next_works()


def test_while_its_encoder_stands_still(stand: Stand) -> None:
    """A pipe that nobody reads is full: whoever writes to it sees no flag."""
    stand.give("standing", audio_urls=["long.wav"])
    stand.worker.wait_for_stage("standing", "sample")
    with stand.worker.child("image2pipe") as ffmpeg:
        ffmpeg.signal(signal.SIGSTOP)
        stand.worker.wait_for_stage("standing", "encode")
        stop(stand, "standing")
        stand.assert_stopped("standing")
        assert ffmpeg.ended(0)
    stand.assert_next_works()


def test_while_it_uploads(stand: Stand, store: Bucket) -> None:
    with store.closed() as gate:
        stand.give("uploading")
        gate.wait_until_reached()
        stop(stand, "uploading")
        stand.assert_stopped("uploading")
    stand.assert_next_works()


def test_again_while_it_is_being_stopped(stand: Stand) -> None:
    """The engine stands still, so that the first stop takes until the others have come: the job is not over before."""
    stand.give("twice", audio_urls=["long.wav"])
    stand.worker.wait_for_stage("twice", "sample")
    with stand.worker.engine() as engine:
        engine.signal(signal.SIGSTOP)
        for _ in range(3):
            stop(stand, "twice")
        engine.signal(signal.SIGCONT)
    stand.assert_stopped("twice")
    stand.assert_next_works()


def test_while_its_engine_is_silent_for_a_moment(stand: Stand) -> None:
    """It is asked again, and not started again: the weights stay loaded."""
    stand.give("unheard", audio_urls=["long.wav"])
    stand.worker.wait_for_stage("unheard", "sample")
    with stand.worker.engine() as engine:
        engine.freeze()
        stop(stand, "unheard")
        stand.worker.wait_for_log(lambda line: "the prompt is not withdrawn yet" in line)
        engine.signal(signal.SIGCONT)
        stand.assert_stopped("unheard")
        stand.assert_next_works()
        assert not engine.ended(0)


def test_one_that_is_over_or_unknown_harms_nobody(stand: Stand) -> None:
    stand.assert_next_works()
    over = stand.plane.taken[-1]
    stand.give("innocent", audio_urls=["long.wav"], max_audio_duration=3)
    stand.worker.wait_for_stage("innocent", "load")
    stand.plane.stop(over, "nobody")
    assert stand.plane.wait_for_result("innocent")["output"]["status"] == "completed"
    assert len(stand.plane.results(over)) == 1
