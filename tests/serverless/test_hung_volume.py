"""A volume that answers nothing any more: the job ends, what is finished is told, and the worker leaves."""

import base64
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.marks import slow
from tests.serverless.control_plane import ControlPlane
from tests.serverless.disks import disk_image, frozen, hanging, small_disk
from tests.serverless.gates import Bucket, EncoderGate
from tests.serverless.stand import Stand
from tests.serverless.stores import assert_plays, quick
from tests.serverless.worker import Worker
from tests.worker.bench import Bench

PATIENCE = "1"  # of the worker with its volumes
MORE_THAN_A_TEST = "3600"
OWN_POLICY = {"executionTimeout": 16_000}  # the worker keeps half of such a short one to itself


@contextmanager
def volume(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A mounted volume, and the settings of a worker that stores and keeps there."""
    with small_disk(tmp_path / "volume", "16m") as disk:
        yield disk, {"STORAGE": "volume", "VOLUME_DIR": str(disk), "KEEP_DIR": str(disk / "kept-here")}


def last_result(stand: Stand, job_id: str) -> dict[str, Any]:
    """With it the worker asks to be replaced."""
    body = stand.plane.wait_until(lambda: stand.plane.results(job_id))[0].body
    assert body["stopPod"] is True, body
    return body


def assert_left(stand: Stand) -> None:
    """The worker has taken no other job, and has ended well."""
    stand.give("not-taken")
    assert stand.worker.ended() == 0
    assert "not-taken" not in stand.plane.taken


def assert_told_in_the_reply(body: dict[str, Any], folder: Path) -> None:
    """The video is finished, and in the reply."""
    output = body["output"]
    assert (output["error_code"], output["retryable"]) == ("storage_failed", True), body
    assert "it has not answered for 1 s" in body["error"]
    (folder / "video.mp4").write_bytes(base64.b64decode(output["video_base64"], validate=True))
    assert_plays(folder / "video.mp4")


def test_the_result_goes_out_without_its_record(tmp_path: Path, store: Bucket) -> None:
    keep = tmp_path / "keep"
    with quick(tmp_path, store, {"VOLUME_SECONDS": PATIENCE}) as stand, ExitStack() as stack:
        with store.closed() as gate:
            stand.give("stored")
            gate.wait_until_reached()
            stack.enter_context(hanging(keep))
            gate.open()
        assert last_result(stand, "stored")["output"]["status"] == "completed"
        assert stand.is_stored("stored")
        assert_left(stand)


def test_a_record_that_cannot_be_read_is_done_without(tmp_path: Path, store: Bucket) -> None:
    """A pipe that nobody writes to stands in its place."""
    name = hashlib.sha256(b"again").hexdigest()[:32]
    (tmp_path / "keep" / "results").mkdir(parents=True)
    os.mkfifo(tmp_path / "keep" / "results" / f"{name}.json")
    with quick(tmp_path, store, {"VOLUME_SECONDS": PATIENCE}) as stand:
        stand.give("again")
        assert last_result(stand, "again")["output"]["status"] == "completed"
        assert_left(stand)


def test_a_finished_video_is_in_the_reply_where_the_volume_hangs(tmp_path: Path) -> None:
    encoder = EncoderGate(tmp_path)
    with volume(tmp_path) as (disk, places), ExitStack() as stack:
        settings = {**places, "VOLUME_SECONDS": PATIENCE, "IMAGEIO_FFMPEG_EXE": encoder.path}
        stand = stack.enter_context(quick(tmp_path, None, settings))
        with encoder.closed() as let_go:
            stand.give("finished")
            stand.worker.wait_for_stage("finished", "encode")
            stack.enter_context(hanging(disk))
            let_go()
            assert_told_in_the_reply(last_result(stand, "finished"), tmp_path)
        assert_left(stand)


@pytest.mark.slow  # as the one before, but that its file system wakes up again
def test_a_finished_video_is_in_the_reply_where_the_volume_is_frozen(tmp_path: Path) -> None:
    encoder = EncoderGate(tmp_path)
    with disk_image(tmp_path / "volume") as disk, ExitStack() as stack:
        places = {"STORAGE": "volume", "VOLUME_DIR": str(disk), "KEEP_DIR": str(disk / "kept-here")}
        settings = {**places, "VOLUME_SECONDS": PATIENCE, "IMAGEIO_FFMPEG_EXE": encoder.path}
        stand = stack.enter_context(quick(tmp_path, None, settings))
        with encoder.closed() as let_go:
            stand.give("finished")
            stand.worker.wait_for_stage("finished", "encode")
            with frozen(disk):
                let_go()
                assert_told_in_the_reply(last_result(stand, "finished"), tmp_path)
        assert_left(stand)
        assert list(disk.rglob("*.mp4")) == []  # what was left behind does not go on once it wakes


def test_a_volume_that_hangs_before_the_job_stops_it_before_the_gpu_works(tmp_path: Path) -> None:
    with volume(tmp_path) as (disk, places), ExitStack() as stack:
        stand = stack.enter_context(quick(tmp_path, None, {**places, "VOLUME_SECONDS": PATIENCE}))
        stack.enter_context(hanging(disk))
        stand.give("early")
        output = last_result(stand, "early")["output"]
        assert (output["error_code"], output["error_stage"]) == ("storage_failed", "validate")
        assert output["retryable"] is True
        assert_left(stand)


def test_a_source_on_a_volume_that_hangs_may_be_tried_again(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    roots = {"INPUT_ROOTS": str(inputs), "VOLUME_SECONDS": PATIENCE}
    with quick(tmp_path, None, roots) as stand, hanging(inputs):
        stand.give("source")
        output = last_result(stand, "source")["output"]
        assert (output["error_code"], output["retryable"]) == ("image_unavailable", True)
        assert_left(stand)


def test_a_cancel_is_obeyed_and_the_worker_leaves(tmp_path: Path) -> None:
    encoder = EncoderGate(tmp_path)
    with volume(tmp_path) as (disk, places), ExitStack() as stack:
        settings = {**places, "VOLUME_SECONDS": MORE_THAN_A_TEST, "IMAGEIO_FFMPEG_EXE": encoder.path}
        stand = stack.enter_context(quick(tmp_path, None, settings))
        with encoder.closed() as let_go:
            stand.give("cancelled")
            stand.worker.wait_for_stage("cancelled", "encode")
            stack.enter_context(hanging(disk))
            let_go()
            # With the second beat of this stage it is certain that the volume has been touched.
            stand.plane.wait_until(lambda: _uploading(stand, "cancelled")[1:])
            stand.plane.stop("cancelled")
            assert_left(stand)
        assert stand.plane.results("cancelled") == []


def test_a_cancel_before_the_job_s_work_is_heard_while_the_volume_hangs(tmp_path: Path) -> None:
    with volume(tmp_path) as (disk, places), ExitStack() as stack:
        stand = stack.enter_context(quick(tmp_path, None, {**places, "VOLUME_SECONDS": MORE_THAN_A_TEST}))
        stack.enter_context(hanging(disk))
        stand.give("looked-at")
        stand.worker.wait_for_stage("looked-at", "validate")
        stand.plane.wait_until(lambda: stand.plane.progress("looked-at")[1:])
        stand.plane.stop("looked-at")
        assert_left(stand)
        assert stand.plane.results("looked-at") == []


def test_one_input_root_that_hangs_does_not_hide_another(tmp_path: Path) -> None:
    """What lies below the other one is found; only what is nowhere else may be tried again."""
    hung, well = tmp_path / "hung", tmp_path / "well"
    for root in (hung, well):
        root.mkdir()
    roots = {"INPUT_ROOTS": f"{hung}:{well}", "VOLUME_SECONDS": PATIENCE, "VOLUME_DIR": str(tmp_path / "no-volume")}
    with quick(tmp_path, None, roots) as stand, hanging(hung):
        for name in ("portrait.png", "short.wav"):
            shutil.copy(stand.bench.folder / name, well)
        stand.give("found")
        assert last_result(stand, "found")["output"]["status"] == "completed"
        assert_left(stand)


def _uploading(stand: Stand, job_id: str) -> list[dict[str, Any]]:
    return [told for told in stand.plane.progress(job_id) if told["stage"] == "upload"]


def test_a_job_thread_that_obeys_nothing_is_left_behind(tmp_path: Path) -> None:
    """Its work folder is on the volume."""
    decoder = EncoderGate(tmp_path)
    with small_disk(tmp_path / "volume", "64m") as disk, ExitStack() as stack:
        settings = {
            "WORK_DIR": str(disk),
            "MIN_DISK_GB": "0",
            "VOLUME_SECONDS": PATIENCE,
            "IMAGEIO_FFMPEG_EXE": decoder.path,
        }
        stand = stack.enter_context(quick(tmp_path, None, settings))
        with decoder.closed(decoding=True):
            stand.plane.give({"id": "long", "input": stand.input(), "policy": OWN_POLICY})
            stand.worker.wait_for_stage("long", "prepare")
            stack.enter_context(hanging(disk))
            output = last_result(stand, "long")["output"]
            assert (output["error_code"], output["retryable"]) == ("worker_unfit", True)
            assert_left(stand)


@pytest.mark.parametrize("settings", [{"STORAGE": "volume"}, *slow({"ENGINE": "comfyui", "STORAGE": "local"})])
def test_a_worker_whose_volume_hangs_at_the_start_takes_no_job(tmp_path: Path, settings: dict[str, str]) -> None:
    disk = tmp_path / "volume"
    disk.mkdir()
    places = {"VOLUME_DIR": str(disk), "MODEL_ROOTS": str(disk / "models"), "VOLUME_SECONDS": PATIENCE, **settings}
    with ControlPlane() as plane, hanging(disk), Worker(plane, Bench(tmp_path), **places) as worker:
        assert worker.ended() == 1
        assert "it has not answered for 1 s" in worker.log
        assert plane.taken == []
