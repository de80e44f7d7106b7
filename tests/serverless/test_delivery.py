"""A control plane that does not take a result: how often it is told, and what is left for the caller."""

from collections.abc import Iterator

import pytest

from tests.marks import slow
from tests.serverless.records import DROPPED
from tests.serverless.stand import Stand, standing

LOST = "Failed to return job results."  # what the SDK logs when it gives up


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("delivery"), SIMULATOR_SPEED="0") as stand:
        yield stand


@pytest.mark.parametrize(("failures", "status"), [(2, 500), (1, DROPPED), *slow((1, 500), (2, DROPPED))])
def test_a_control_plane_that_fails_for_a_moment_is_told_again(stand: Stand, failures: int, status: int) -> None:
    job_id = f"late-{failures}-{status}"
    stand.plane.answer_results(status, times=failures)
    stand.give(job_id)
    assert stand.plane.wait_for_result(job_id)["output"]["status"] == "completed"
    assert [post.answered for post in stand.plane.results(job_id)] == [status] * failures + [200]
    stand.assert_over()


@pytest.mark.parametrize(("job_id", "status", "tries"), [("ill", 500, 3), ("refused", 400, 1), ("cut", DROPPED, 3)])
def test_a_result_that_nobody_takes_is_lost_but_its_video_is_not(
    stand: Stand, job_id: str, status: int, tries: int
) -> None:
    """Three tries at a 5xx or a hang-up, one at everything else; the SDK does not tell the worker how that went."""
    stand.plane.answer_results(status)
    stand.give(job_id)
    stand.worker.wait_for_log(lambda line: LOST in line and f'"{job_id}"' in line)
    stand.plane.answer_results(200)
    assert [post.answered for post in stand.plane.results(job_id)] == [status] * tries
    assert stand.is_stored(job_id)
    stand.assert_next_works()
