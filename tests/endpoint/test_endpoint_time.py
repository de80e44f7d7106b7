"""What time, and the end of a worker, do to jobs."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from endpoint.dispatch import Dispatch
from endpoint.jobs import JobRecord, State, Submission
from endpoint.limits import Rates, Retention
from endpoint.webhook import Webhooks
from tests.endpoint.hooks import hooked

SOON = 0.01  # seconds
PATIENCE = 30.0
INPUT: dict[str, Any] = {"input": {}}


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), PATIENCE))


def test_a_job_that_runs_too_long_is_stopped_and_timed_out() -> None:
    async def test() -> None:
        ended: list[JobRecord] = []
        dispatch = Dispatch(execution_seconds=3600, on_end=ended.append)
        record = dispatch.submit(Submission(INPUT, execution_seconds=SOON), sync=False)
        assert dispatch.next_jobs("w", 1)
        await record.over.wait()
        assert (record.state, ended) == (State.TIMED_OUT, [record])
        assert dispatch.next_stops("w") == [record.id]
        await dispatch.told("w", record.id, {"output": 1}, {})
        assert record.state is State.TIMED_OUT
        dispatch.retry(record)
        assert (record.state, record.over.is_set()) == (State.IN_QUEUE, False)

    run(test)


def test_a_job_is_deleted_at_the_end_of_its_ttl_also_while_it_runs() -> None:
    async def test() -> None:
        dispatch = Dispatch()
        running, waiting = (dispatch.submit(Submission(INPUT, ttl_seconds=SOON), sync=False) for _ in range(2))
        dispatch.next_jobs("w", 1)
        await running.over.wait()
        await waiting.over.wait()
        assert (dispatch.find(running.id), dispatch.find(waiting.id)) == (None, None)
        assert dispatch.next_stops("w") == [running.id]
        assert dispatch.next_jobs("w", 1) == []

    run(test)


def test_a_result_is_kept_for_a_while() -> None:
    async def test() -> None:
        dispatch = Dispatch(retention=Retention(run=3600, runsync=SOON))
        lasting, passing = (dispatch.submit(Submission(INPUT), sync=sync) for sync in (False, True))
        for record in (lasting, passing):
            dispatch.next_jobs("w", 1)
            await dispatch.told("w", record.id, {"output": 1}, {})
        while dispatch.find(passing.id):
            await asyncio.sleep(SOON)
        assert dispatch.find(lasting.id) is lasting

    run(test)


def test_a_job_whose_worker_ends_goes_to_another_one_once() -> None:
    async def test() -> None:
        dispatch = Dispatch()
        record = dispatch.submit(Submission(INPUT), sync=False)
        dispatch.next_jobs("first", 1)
        dispatch.worker_ended("first")
        assert (record.state, record.over.is_set()) == (State.IN_QUEUE, False)
        await dispatch.told("first", record.id, {"output": "of a worker that is gone"}, {})
        assert dispatch.next_jobs("second", 1) == [record.for_worker]
        dispatch.worker_ended("second")
        assert (record.state, "ended 2 times" in record.told["error"]) == (State.FAILED, True)

    run(test)


def test_only_so_many_requests_of_a_kind_pass_in_ten_seconds() -> None:
    moments = [0.0]
    rates = Rates(lambda: moments[0])
    assert [rates.wait_for("cancel") for _ in range(100)] == [None] * 100
    moments[0] = 4.0
    assert rates.wait_for("cancel") == 6.0
    assert rates.wait_for("status") is None
    moments[0] = 10.0
    assert rates.wait_for("cancel") is None


def test_a_webhook_comes_up_to_three_times_until_it_is_taken() -> None:
    async def test() -> None:
        for statuses, times in (((), 1), ((500, 404), 3), ((500, 500, 500), 3)):
            with hooked(*statuses) as (address, told):
                hooks = Webhooks(pause=0)
                hooks.send(address, {"id": "a"})
                await hooks.settled()
                assert [told.get_nowait() for _ in range(times)] == [{"id": "a"}] * times
                assert told.empty()
        hooks.send("http://127.0.0.1:9/nobody", {"id": "b"})
        await hooks.settled()

    run(test)
