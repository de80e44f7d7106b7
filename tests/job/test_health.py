"""A worker that fails jobs which another one would do is replaced before it has eaten the queue."""

from contract.errors import ErrorCode, WorkerError
from job.health import Health

OWN = WorkerError(ErrorCode.STORAGE_MISCONFIGURED, "refused", elsewhere=True)
THE_JOBS = WorkerError(ErrorCode.AUDIO_INVALID, "no audio")


def test_two_in_a_row_are_enough() -> None:
    health = Health()
    assert [health.failed(OWN), health.failed(OWN)] == [False, True]


def test_a_success_between_them_clears_it_and_a_bad_job_does_not() -> None:
    health = Health()
    health.failed(OWN)
    health.succeeded()
    assert [health.failed(error) for error in (OWN, THE_JOBS, OWN)] == [False, False, True]


def test_bad_jobs_are_no_sign() -> None:
    health = Health()
    assert not any(health.failed(THE_JOBS) for _ in range(5))


def test_what_may_go_well_elsewhere_is_retryable() -> None:
    assert OWN.retryable
    assert not WorkerError(OWN.code, "refused").retryable
