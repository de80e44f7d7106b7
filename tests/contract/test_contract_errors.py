"""The table of errors is complete, a failure has exactly its six keys, and its `error` is one line."""

import json
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.cancel import Cancellation
from contract.errors import ERRORS, ErrorCode, Stage, WorkerError
from contract.response import failure
from tests.contract.contract_samples import job, refusal

KEYS = {"error", "error_code", "error_stage", "retryable", "status", "job_id", "worker_version"}
every_code = pytest.mark.parametrize("code", ErrorCode)


def test_every_code_has_an_entry_and_no_other() -> None:
    assert set(ERRORS) == set(ErrorCode)


@every_code
def test_an_entry_says_where_whether_to_retry_and_what_it_means(code: ErrorCode) -> None:
    kind = ERRORS[code]
    assert isinstance(kind.stage, Stage)
    assert isinstance(kind.retryable, bool)
    assert kind.meaning.strip() == kind.meaning != ""
    assert len(kind.meaning.splitlines()) == 1
    assert code.value.replace("_", "").isalpha()
    assert code.value.islower()


@every_code
def test_a_failure_has_the_published_keys_and_the_tables_values(code: ErrorCode) -> None:
    reply = failure(WorkerError(code, "It went wrong"), "job-1")
    assert set(reply) == KEYS
    assert reply == {
        "error": "It went wrong",
        "error_code": code.value,
        "error_stage": ERRORS[code].stage.value,
        "retryable": ERRORS[code].retryable,
        "status": "failed",
        "job_id": "job-1",
        "worker_version": reply["worker_version"],
    }
    assert all(type(value) in (str, bool) for value in reply.values())
    assert json.loads(json.dumps(reply)) == reply


@pytest.mark.parametrize("code", [ErrorCode.MISSING_PARAMETER, ErrorCode.INVALID_INPUT, ErrorCode.AUDIO_TOO_LONG])
def test_what_the_caller_must_change_is_not_to_be_retried(code: ErrorCode) -> None:
    assert not WorkerError(code, "x").retryable


@pytest.mark.parametrize(
    "code", [ErrorCode.IMAGE_UNAVAILABLE, ErrorCode.AUDIO_UNAVAILABLE, ErrorCode.ENGINE_UNAVAILABLE]
)
def test_what_may_pass_by_itself_is_to_be_retried(code: ErrorCode) -> None:
    assert WorkerError(code, "x").retryable


@every_code
@pytest.mark.parametrize("empty", ["", " ", "\n\t\r\n"])
def test_an_error_is_never_empty(code: ErrorCode, empty: str) -> None:
    assert failure(WorkerError(code, empty), "job-1")["error"] == ERRORS[code].meaning


@settings(deadline=None, database=None, derandomize=True)
@given(st.text())
def test_an_error_is_one_line_whatever_the_message(message: str) -> None:
    error = failure(WorkerError(ErrorCode.INTERNAL, message), "job-1")["error"]
    assert len(error.splitlines()) == 1
    assert error.strip() == error


def test_lines_of_a_message_are_joined_and_the_detail_stays_here() -> None:
    error = WorkerError(ErrorCode.GENERATION_FAILED, "Video\n  generation\r\nfailed", detail="Traceback: token=secret")
    assert failure(error, "job-1")["error"] == "Video generation failed"
    assert error.detail == "Traceback: token=secret"
    assert "secret" not in json.dumps(failure(error, "job-1"))


def test_a_stage_of_its_own_wins_over_the_tables() -> None:
    error = WorkerError(ErrorCode.MODELS_MISSING, "Required models are missing: a", stage=Stage.LOAD)
    assert failure(error, "job-1")["error_stage"] == "load"


def test_a_refusal_shows_nothing_of_what_was_sent_but_names_and_numbers() -> None:
    raw = job(image_url=7, audio_urls=["https://a/\0?token=secret"], width="secret", metadata=["secret"])
    message = refusal(raw)
    assert "secret" not in message
    assert all(name in message for name in ("image_url", "audio_urls", "width", "metadata"))


def test_a_job_is_cancelled_once_and_for_all() -> None:
    cancellation = Cancellation()
    cancellation.check()
    cancellation.wait(0)
    before = cancellation.cancelled
    cancellation.cancel()
    cancellation.cancel()
    assert (before, cancellation.cancelled) == (False, True)
    with pytest.raises(WorkerError) as stopped:
        cancellation.check()
    assert stopped.value.code is ErrorCode.CANCELLED


def test_a_cancelled_job_does_not_wait() -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(WorkerError):
            cancellation.wait(3600)
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    assert ended.wait(60)


def test_a_deadline_ends_the_job_with_its_own_reason() -> None:
    cancellation = Cancellation()
    with cancellation.deadline(0, "The job did not end within its 5 s"):
        with pytest.raises(WorkerError) as caught:
            cancellation.wait(20)
        assert (caught.value.code, caught.value.message) == (
            ErrorCode.DEADLINE_EXCEEDED,
            "The job did not end within its 5 s",
        )
    cancellation.check()
    assert not cancellation.cancelled, "what was finished in time is not ended by a deadline that passed afterwards"


def test_a_callers_wish_outweighs_a_deadline_and_lasts() -> None:
    cancellation = Cancellation()
    with cancellation.deadline(0, "too late"):
        with pytest.raises(WorkerError):
            cancellation.wait(20)
        cancellation.cancel()
        with pytest.raises(WorkerError) as caught:
            cancellation.check()
        assert caught.value.code is ErrorCode.CANCELLED
    with pytest.raises(WorkerError) as caught:
        cancellation.check()
    assert caught.value.code is ErrorCode.CANCELLED


def test_no_deadline_is_no_deadline() -> None:
    cancellation = Cancellation()
    with cancellation.deadline(None, "never"):
        cancellation.wait(0)
    assert not cancellation.cancelled
