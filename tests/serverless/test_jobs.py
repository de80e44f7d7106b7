"""The SDK in production mode: what a caller gets of a job, and what RunPod is told meanwhile."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serverless.control_plane import API_KEY
from tests.serverless.stand import Stand, standing


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("jobs"), SIMULATOR_SPEED="4") as stand:
        yield stand


def test_a_job_becomes_a_video_and_one_result(stand: Stand) -> None:
    stand.give("fine", metadata={"order": 7})
    body = stand.plane.wait_for_result("fine")
    assert set(body) == {"output"}
    assert body["output"]["status"] == "completed"
    assert body["output"]["job_id"] == "fine"
    assert body["output"]["metadata"] == {"order": 7}
    assert body["output"]["output_video_url"] == stand.video("fine").as_uri()
    assert stand.is_stored("fine")
    stand.plane.wait_until_asked()
    assert len(stand.plane.results("fine")) == 1
    stand.assert_clean()
    stand.assert_next_works()


@pytest.mark.parametrize(
    ("job_id", "change", "code"),
    [
        ("no-voice", {"audio_urls": None}, "missing_parameter"),
        ("unknown-field", {"loudness": 11}, "invalid_input"),
        ("missing-file", {"image_url": "nobody.png"}, "source_refused"),
        ("no-picture", {"image_url": "short.wav"}, "image_invalid"),
    ],
)
def test_a_job_that_cannot_be_done_is_told_why(stand: Stand, job_id: str, change: dict[str, Any], code: str) -> None:
    """`error` must be a string (else RunPod calls the job completed), the rest of the reply stands beside it."""
    stand.give(job_id, **change)
    body = stand.plane.wait_for_result(job_id)
    assert isinstance(body["error"], str)
    assert body["error"]
    assert (body["output"]["error_code"], body["output"]["job_id"]) == (code, job_id)
    assert not stand.is_stored(job_id)
    stand.assert_over()


@pytest.mark.parametrize(("number", "given"), list(enumerate([None, [], "text", 7, {}])))
def test_an_input_that_is_no_object_is_refused(stand: Stand, number: int, given: object) -> None:
    stand.plane.give({"id": f"odd-{number}", "input": given})
    body = stand.plane.wait_for_result(f"odd-{number}")
    assert body["output"]["error_code"] in ("missing_parameter", "invalid_input")


def test_after_all_those_a_job_works(stand: Stand) -> None:
    stand.assert_next_works()


def test_the_heartbeat_names_the_job_and_goes_on_after_it(stand: Stand) -> None:
    stand.give("beating", audio_urls=["long.wav"], max_audio_duration=6)
    stand.plane.wait_until(lambda: any(ping.job_ids == ("beating",) for ping in stand.plane.pings))
    stand.plane.wait_for_result("beating")
    before = len(stand.plane.pings)
    stand.plane.wait_until(lambda: any(ping.job_ids == () for ping in stand.plane.pings[before:]))
    assert stand.plane.strange == []


def test_the_log_keeps_the_key_to_itself(stand: Stand) -> None:
    stand.assert_next_works()
    assert "completed in" in stand.worker.log
    assert API_KEY not in stand.worker.log
