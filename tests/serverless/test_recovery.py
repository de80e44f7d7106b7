"""ComfyUI ends by itself, at every stage: the job goes on where it can, and the worker leaves where it is no use."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.marks import slow
from tests.serverless.gates import Bucket, EncoderGate, held_source
from tests.serverless.stand import Stand, standing
from tests.serverless.workers import Workers
from tests.worker.bench import probe

SECOND_ATTEMPT = "ComfyUI ended during the job; the video was made in a second attempt"
TWO_WINDOWS = [(4.0, 0.5)]
SPEED = "8"


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory, store: Bucket, encoder: EncoderGate) -> Iterator[Workers]:
    with Workers(tmp_path_factory, store, SIMULATOR_SPEED=SPEED, IMAGEIO_FFMPEG_EXE=encoder.path) as workers:
        yield workers


def kill_engine(stand: Stand) -> None:
    with stand.worker.engine() as engine:
        engine.signal(signal.SIGKILL)
        assert engine.ended(10)


def assert_completed(stand: Stand, job_id: str, warnings: list[str]) -> None:
    """The video is whole, and the caller is told just this."""
    output = stand.plane.wait_for_result(job_id)["output"]
    assert output["status"] == "completed", output
    assert output["warnings"] == warnings
    assert stand.is_stored(job_id)
    assert stand.bucket is not None
    video = stand.bench.folder / "newest.mp4"
    video.write_bytes(stand.bucket.newest)
    assert probe(video).frames == output["video_info"]["frames"]


def test_between_two_jobs(workers: Workers) -> None:
    """It is there again before anybody asks for it."""
    stand = workers.with_restarts(1)
    taken = list(stand.plane.taken)
    kill_engine(stand)
    stand.worker.wait_for_log(lambda line: "starting the engine again" in line)
    stand.worker.wait_for_engine().close()
    assert stand.plane.taken == taken
    stand.assert_next_works()


@pytest.mark.slow  # before the graph is sent, as while it prepares
def test_while_it_fetches(workers: Workers) -> None:
    stand = workers.with_restarts(1)
    with held_source((stand.bench.folder / "portrait.png").read_bytes()) as (address, gate):
        stand.give("fetching", image_url=address)
        gate.wait_until_reached()
        kill_engine(stand)
        gate.open()
        assert_completed(stand, "fetching", [SECOND_ATTEMPT])
    stand.assert_over()


def test_while_it_prepares(workers: Workers, encoder: EncoderGate) -> None:
    stand = workers.with_restarts(1)
    with encoder.closed(decoding=True) as let_go:
        stand.give("preparing")
        stand.worker.wait_for_stage("preparing", "prepare")
        kill_engine(stand)
        let_go()
        assert_completed(stand, "preparing", [SECOND_ATTEMPT])
    stand.assert_over()


@pytest.mark.parametrize(
    ("job_id", "place", "more"),
    [
        ("second", "window=2", ", which went on behind window 1 of 2"),
        *slow(("loading", "node=WanVideoSampler", ""), ("first", "window=1", "")),
    ],
)
def test_while_it_loads_or_samples(workers: Workers, job_id: str, place: str, more: str) -> None:
    """What a finished window has cost is not lost."""
    stand = workers.with_restarts(1)
    stand.break_engine(f"die:{place}")
    stand.give(job_id, audio_urls=[stand.bench.voice("two.wav", TWO_WINDOWS)])
    assert_completed(stand, job_id, [SECOND_ATTEMPT + more])
    stand.assert_broken()
    stand.assert_over()


def test_after_the_last_frame_while_it_encodes(workers: Workers, encoder: EncoderGate) -> None:
    stand = workers.with_restarts(1)
    with encoder.closed() as let_go:
        stand.give("encoding")
        stand.worker.wait_for_stage("encoding", "encode")
        kill_engine(stand)
        let_go()
        assert_completed(stand, "encoding", [])
    stand.assert_next_works()


@pytest.mark.slow  # after the last frame, as while it encodes
def test_after_the_last_frame_while_it_uploads(workers: Workers, store: Bucket) -> None:
    stand = workers.with_restarts(1)
    with store.closed() as gate:
        stand.give("uploading")
        gate.wait_until_reached()
        kill_engine(stand)
        gate.open()
        assert_completed(stand, "uploading", [])
    stand.assert_next_works()


@pytest.mark.slow  # the next one sees the same on its way
def test_twice_in_one_job_is_the_job_s_fault(workers: Workers) -> None:
    stand = workers.with_restarts(2)
    stand.break_engine("die:window=1,times=2")
    stand.give("deadly")
    stand.assert_failed("deadly", "engine_crashed", retryable=False)
    stand.assert_broken()
    stand.assert_next_works()


def test_the_job_that_used_up_the_last_restart_retires_the_worker(tmp_path: Path) -> None:
    """So that no innocent job comes to it."""
    with standing(tmp_path, SIMULATOR_SPEED="0") as stand:
        stand.break_engine("die:window=1,times=always")
        stand.give("first")
        stand.assert_failed("first", "engine_crashed", retryable=False)
        assert "stopPod" not in stand.plane.results("first")[0].body
        stand.give("second")
        stand.assert_failed("second", "engine_crashed", retryable=False)
        assert stand.plane.results("second")[0].body["stopPod"] is True
        stand.give("innocent")
        assert stand.worker.ended() == 0
        assert "innocent" not in stand.plane.taken
