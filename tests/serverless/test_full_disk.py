"""A folder or a volume that is full when the video is finished, and a work folder that takes no job any more."""

import base64
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.serverless.disks import small_disk
from tests.serverless.gates import EncoderGate
from tests.serverless.stand import Stand
from tests.serverless.stores import assert_plays, files_in, prompts, quick, result, undelivered, volume


def grow(disk: Path) -> None:
    """Give it room."""
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)


def test_a_folder_that_is_full_is_like_a_storage_that_fails(tmp_path: Path) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "output"))
        keep, places = stack.enter_context(volume())
        stand = stack.enter_context(quick(tmp_path, None, places))
        stand.give("large")
        output = undelivered(result(stand, "large"), "storage_failed")
        assert_plays(Path(output["kept_video"]))
        assert list(disk.iterdir()) == []
        grow(disk)
        with prompts(stand, 0):
            stand.give("large")
            assert result(stand, "large", 2)["output"]["status"] == "completed"
        assert_plays(stand.video("large"))
        assert list(keep.glob("kept/*")) == []
        stand.assert_next_works()


def test_where_the_volume_is_full_too_a_small_video_is_in_the_reply(tmp_path: Path) -> None:
    with small_disk(tmp_path / "volume") as disk:
        places = {"STORAGE": "volume", "VOLUME_DIR": str(disk), "KEEP_DIR": str(disk / "keep")}
        with quick(tmp_path, None, places) as stand:
            stand.give("large")
            output = undelivered(result(stand, "large"), "storage_failed")
            (tmp_path / "video.mp4").write_bytes(base64.b64decode(output["video_base64"], validate=True))
            assert_plays(tmp_path / "video.mp4")
            assert files_in(disk) == set()
            stand.assert_clean()


@contextmanager
def working_on(tmp_path: Path, size: str, **settings: str) -> Iterator[tuple[Stand, Path]]:
    """A worker whose WORK_DIR is a small disk of its own; the disk is unmounted once the worker has ended."""
    with small_disk(tmp_path / "disk", size) as disk:
        places = {"WORK_DIR": str(disk / "work"), "MIN_DISK_GB": "0", **settings}
        with quick(tmp_path, None, places) as stand:
            yield stand, disk


def assert_unfit(stand: Stand, job_id: str, words: str) -> None:
    """The caller is not blamed, and the worker leaves."""
    body = result_of_the_last(stand, job_id)
    assert body["output"]["error_code"] == "worker_unfit", body
    assert body["output"]["retryable"] is True
    assert words in body["error"]
    assert body["stopPod"] is True
    stand.give("not-taken")
    assert stand.worker.ended() == 0
    assert "not-taken" not in stand.plane.taken


def result_of_the_last(stand: Stand, job_id: str) -> dict[str, Any]:
    """The worker takes no job after it."""
    return stand.plane.wait_until(lambda: stand.plane.results(job_id))[0].body


def test_a_work_folder_that_has_become_full_takes_no_job(tmp_path: Path) -> None:
    with working_on(tmp_path, "40m", MIN_DISK_GB="0.03") as (stand, disk):
        stand.assert_next_works()
        (disk / "others").write_bytes(bytes(15 << 20))
        stand.give("late")
        assert_unfit(stand, "late", "are needed")
        assert list((disk / "work").glob("job-*")) == []


def test_a_work_folder_that_has_become_read_only_takes_no_job(tmp_path: Path) -> None:
    with working_on(tmp_path, "64m") as (stand, disk):
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        stand.give("late")
        assert_unfit(stand, "late", "Read-only file system")


def test_a_disk_that_is_too_small_for_the_voice_is_no_fault_of_the_voice(tmp_path: Path) -> None:
    with working_on(tmp_path, "4m") as (stand, _disk):
        stand.give("large", audio_urls=[stand.bench.voice("own.wav", [(30.0, 0.5)])])
        assert_unfit(stand, "large", "cannot take a job")


def test_a_disk_that_fills_while_it_samples_is_no_fault_of_the_graph(tmp_path: Path) -> None:
    with working_on(tmp_path, "16m", SIMULATOR_SPEED="2") as (stand, disk):
        stand.give("slow", audio_urls=["long.wav"], max_audio_duration=8)
        stand.worker.wait_for_stage("slow", "sample")
        fill(disk)
        assert_unfit(stand, "slow", "cannot take a job")


def test_a_disk_that_fills_while_the_video_is_encoded_does_not_cost_it(tmp_path: Path) -> None:
    """Every frame is there, and room for the MP4 is kept from the beginning on. The next job finds the disk full."""
    encoder = EncoderGate(tmp_path)
    with working_on(tmp_path, "64m", IMAGEIO_FFMPEG_EXE=encoder.path, MIN_DISK_GB="0.001") as (stand, disk):
        with encoder.closed(beginning=True) as let_go, ExitStack() as stack:
            stand.give("made")
            stand.worker.wait_for_stage("made", "encode")
            stack.enter_context(filling(disk))
            let_go()
            assert result(stand, "made")["output"]["status"] == "completed"
        assert_plays(stand.video("made"))
        stand.give("next")
        assert_unfit(stand, "next", "cannot take a job")


@contextmanager
def filling(disk: Path) -> Iterator[None]:
    """Whatever becomes free is taken at once."""
    stop = threading.Event()

    def take() -> None:
        with (disk / "taken").open("wb", buffering=0) as file:
            while not stop.wait(0.001):
                with suppress(OSError):
                    while not stop.is_set():
                        file.write(bytes(4096))

    taker = threading.Thread(target=take)
    fill(disk)
    taker.start()
    try:
        yield
    finally:
        stop.set()
        taker.join()


def fill(disk: Path) -> None:
    """To the last byte."""
    with (disk / "others").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
