"""ComfyUI or its GPU fails and does not end: what is tried again, what is told, and when the worker leaves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.marks import slow
from tests.serverless.patience import patient
from tests.serverless.stand import Stand, standing
from tests.serverless.workers import Workers

ILLEGAL = "CUDA error: an illegal memory access was encountered"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """The engine's own log is part of the worker's."""
    with standing(tmp_path_factory.mktemp("memory"), SIMULATOR_SPEED="0", LOG_LEVEL="DEBUG") as stand:
        yield stand


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with Workers(tmp_path_factory, SIMULATOR_SPEED="0", STALL_SECONDS=stall_seconds()) as workers:
        yield workers


def stall_seconds() -> str:
    """More than a healthy engine is ever without progress."""
    return f"{patient(3.0):g}"


def engine_said(stand: Stand) -> list[str]:
    """The prompts that the engine got, with what was to save memory, and when it dropped what it held."""
    said = [
        line.split("simulator.execution: ", 1)[-1] for line in stand.worker.log.splitlines() if "[simulator]" in line
    ]
    return [line.removesuffix('"}') for line in said if line.startswith(("got a prompt", "all results"))]


@pytest.mark.parametrize(("asked", "used"), [(None, 20), (15, 25), *slow((40, 40))])
def test_out_of_memory_once(stand: Stand, asked: int | None, used: int) -> None:
    first = "nothing" if asked is None else f"blocks_to_swap {asked}"
    before = len(engine_said(stand))
    stand.break_engine("oom:window=1")
    stand.give(f"once-{asked}", **({} if asked is None else {"use_block_swap": True, "blocks_to_swap": asked}))
    output = stand.plane.wait_for_result(f"once-{asked}")["output"]
    stand.assert_broken()
    assert output["status"] == "completed"
    assert [warning.split(";")[0] for warning in output["warnings"]] == ["the GPU ran out of memory"]
    assert (output["generation_params"]["block_swap"], output["generation_params"]["blocks_to_swap"]) == (True, used)
    assert engine_said(stand)[before:] == [
        f"got a prompt that saves memory by: {first}",
        "all results and models were dropped",
        f"got a prompt that saves memory by: blocks_to_swap {used}, tiled_vae True",
    ]
    stand.assert_over()


def test_out_of_memory_always(stand: Stand) -> None:
    stand.break_engine("oom:window=1,times=always")
    stand.give("always")
    assert "out of memory" in stand.assert_failed("always", "out_of_memory", retryable=True)["error"]
    stand.break_engine()
    stand.assert_next_works()


def test_the_tiles_of_a_second_attempt_are_no_steps(workers: Workers) -> None:
    """Windows of 77 pictures are 20 to the tiled VAE, which for 281 pictures is what the sampler announces too."""
    stand = workers.with_restarts(1)
    stand.break_engine("oom:window=1", "hang:window=2")
    voice = stand.bench.voice("281-pictures.wav", [(11.24, 0.5)])
    stand.give("tiles", mode="infinitetalk", window_frames=77, audio_urls=[voice])
    stand.assert_failed("tiles", "deadline_exceeded", retryable=True)
    stand.assert_broken()
    told = [update for update in stand.plane.progress("tiles") if update["windows"]]
    assert {(update["window"], update["windows"]) for update in told} == {(1, 4)}
    assert told[-1]["step"] == 4


@pytest.mark.parametrize("fault", ["hang", "dead-thread"])
def test_no_more_progress(workers: Workers, fault: str) -> None:
    """`hang` hears no interrupt, `dead-thread` never works again."""
    stand = workers.with_restarts(1)
    stand.break_engine(f"{fault}:window=2")
    with stand.worker.engine() as engine:
        stand.give(fault, audio_urls=[stand.bench.voice("two.wav", [(4.0, 0.5)])])
        body = stand.assert_failed(fault, "deadline_exceeded", retryable=True)
        assert f"no progress for {stall_seconds()} s" in body["error"]
        assert body["output"]["error_stage"] == "sample"
        stand.assert_broken()
        stand.assert_next_works()
        assert engine.ended(0)


def test_one_that_answers_nothing_any_more_and_goes_on_sampling(workers: Workers) -> None:
    """Its frames are all there in the end."""
    stand = workers.with_restarts(1)
    stand.break_engine("silent:window=2")
    with stand.worker.engine() as engine:
        stand.give("silent", audio_urls=[stand.bench.voice("two.wav", [(4.0, 0.5)])])
        output = stand.plane.wait_for_result("silent")["output"]
        assert (output["status"], output["warnings"]) == ("completed", [])
        stand.assert_broken()
        stand.assert_next_works()
        assert engine.ended(0)


def test_a_broken_gpu_is_left_at_once(tmp_path: Path) -> None:
    with standing(tmp_path, SIMULATOR_SPEED="0") as stand:
        stand.break_engine(f"error:window=1,message={ILLEGAL}")
        stand.give("unlucky")
        stand.give("never")
        assert stand.assert_failed("unlucky", "gpu_fault", retryable=True)["stopPod"] is True
        assert stand.worker.ended() == 0
        assert stand.plane.taken == ["unlucky"]
        assert stand.worker.leftovers() == []
