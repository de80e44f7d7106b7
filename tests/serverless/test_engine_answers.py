"""ComfyUI answers oddly, late or not at all: the frames decide, and what it was is told as what it is."""

from collections.abc import Iterator

import pytest

from tests.marks import slow
from tests.serverless.patience import patient
from tests.serverless.stand import Stand, standing
from tests.serverless.workers import Workers


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("answers"), SIMULATOR_SPEED="0", LOG_LEVEL="DEBUG") as stand:
        yield stand


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with Workers(tmp_path_factory, SIMULATOR_SPEED="4", SILENCE_SECONDS=silence_seconds()) as workers:
        yield workers


def silence_seconds() -> str:
    """More than a healthy engine is ever without an answer."""
    return f"{patient(4.0):g}"


def give(stand: Stand) -> str:
    """Hand out the smallest job under an id of its own."""
    job_id = f"job-{len(stand.plane.taken)}"
    stand.give(job_id)
    return job_id


def prompts(stand: Stand) -> int:
    """How many the engine has got, as its own log says."""
    return stand.worker.log.count("got a prompt")


def assert_completed(stand: Stand, job_id: str, *warnings: str) -> None:
    output = stand.plane.wait_for_result(job_id)["output"]
    assert output["status"] == "completed", output
    # Behind a comma: from which window the second attempt went on.
    assert [warning.split(", which went on")[0] for warning in output["warnings"]] == list(warnings)
    assert stand.is_stored(job_id)


WITHOUT_OUTPUTS = '{"PROMPT": {"status": {"status_str": "success", "completed": true, "messages": []}'


@pytest.mark.parametrize(
    "answer",
    [
        WITHOUT_OUTPUTS + "}}",
        '{"PROMPT": {"status": {"completed": true, "messages": [3, ["a"], [["b"], 1], ["execution_success", null]]}}}',
        '{"PROMPT": null}',
        "<html>",
        *slow(
            WITHOUT_OUTPUTS + ', "outputs": []}}',
            WITHOUT_OUTPUTS + ', "outputs": {"frames_dir": null}}}',
            '{"PROMPT": {"status": null, "outputs": {}}}',
            '{"PROMPT": {"status": ["success"]}}',
            '{"PROMPT": []}',
            "[]",
            "null",
            '"PROMPT"',
        ),
    ],
)
def test_an_odd_history_does_not_cost_the_frames(stand: Stand, answer: str) -> None:
    with stand.worker.engine() as engine:
        stand.break_engine(f"answer:path=history,times=always,message={answer}")
        assert_completed(stand, give(stand))
        stand.break_engine()
        assert not engine.ended(0)
    stand.assert_over()


@pytest.mark.parametrize("answer", ['{"PROMPT": null}', *slow("[]")])
def test_an_odd_history_does_not_hide_why_a_job_failed(stand: Stand, answer: str) -> None:
    stand.break_engine("error:window=1,message=no luck", f"answer:path=history,message={answer}")
    assert "no luck" in stand.assert_failed(give(stand), "generation_failed", retryable=False)["error"]
    stand.assert_broken()
    stand.assert_next_works()


@pytest.mark.parametrize(
    "faults",
    [
        ['answer:path=prompt,message={"node_errors": [1]}'],
        ["lost:path=prompt"],
        ["cut:path=prompt", 'answer:path=queue,message={"queue_running": [[1]], "queue_pending": []}'],
        ["cut:path=prompt", "cut:path=history"],
        ['answer:path=ws,times=always,message={"type": "progress", "data": [null]}'],
        *slow(
            ["answer:path=prompt,message=null"],
            ["answer:path=prompt,message=[]"],
            ["answer:path=prompt,message=<html>"],
            ["cut:path=prompt"],
            ["late:path=prompt,seconds=12"],
            ["cut:path=prompt", "answer:path=queue,message=[]"],
            ["cut:path=prompt", 'answer:path=queue,message={"queue_running": null, "queue_pending": []}'],
            ["answer:path=ws,times=always,message=[1]"],
            ["answer:path=ws,times=always,message={"],
        ),
    ],
)
def test_a_healthy_comfyui_is_not_started_again_for_one_bad_answer(stand: Stand, faults: list[str]) -> None:
    """The prompt runs once: neither is it lost, nor posted again where it is known."""
    before = prompts(stand)
    with stand.worker.engine() as engine:
        stand.break_engine(*faults)
        assert_completed(stand, give(stand))
        stand.break_engine()
        assert not engine.ended(0)
    stand.assert_over()
    assert prompts(stand) == before + 1


def test_a_comfyui_that_hangs_is_told_as_one_that_hangs(workers: Workers) -> None:
    stand = workers.with_restarts(1)
    stand.give("hanging", audio_urls=["long.wav"], steps=40, scheduler="dpm++_sde")
    stand.worker.wait_for_stage("hanging", "sample", 2)
    with stand.worker.engine() as engine:
        engine.freeze()
        told = f"ComfyUI did not answer for {silence_seconds()} s; the video was made in a second attempt"
        assert_completed(stand, "hanging", told)
        assert engine.ended(0)
    stand.assert_next_works()


def test_a_comfyui_that_never_begins_a_prompt_is_started_again(workers: Workers) -> None:
    stand = workers.with_restarts(1)
    stand.break_engine("dead-after")
    stand.give("last")
    assert_completed(stand, "last")
    stand.assert_broken()
    stand.give("waiting")
    told = "ComfyUI was idle and did not begin the job within 20 s; the video was made in a second attempt"
    assert_completed(stand, "waiting", told)
    stand.assert_next_works()


def test_a_node_that_ends_the_prompt_thread_is_noticed_at_once(workers: Workers) -> None:
    """By what Python says of the thread: the time in which weights may load without a word is not waited for."""
    stand = workers.with_restarts(1)
    stand.break_engine("base-exception:node=WanVideoSampler,message=Method type 'none' not recognized")
    stand.give("thread")
    assert_completed(stand, "thread", "ComfyUI ended during the job; the video was made in a second attempt")
    stand.assert_broken()
    stand.assert_next_works()
