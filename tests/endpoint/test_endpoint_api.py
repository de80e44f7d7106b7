"""RunPod's job API: states, answers and limits, with the test in the part of the workers."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.endpoint.served import Served, served


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("api")) as running:
        yield running


def test_a_job_goes_from_the_queue_to_its_reply(endpoint: Served) -> None:
    job_id = endpoint.submit(policy={"executionTimeout": 60_000}, s3Config={"bucketName": "b"})
    assert endpoint.status(job_id) == {"id": job_id, "status": "IN_QUEUE"}
    job = endpoint.take()
    assert job == {
        "id": job_id,
        "input": {"image_url": "a"},
        "policy": {"executionTimeout": 60_000},
        "s3Config": {"bucketName": "b"},
    }
    assert endpoint.take() == {}
    assert endpoint.status(job_id)["status"] == "IN_PROGRESS"
    assert "output" not in endpoint.status(job_id)
    endpoint.tell(job_id, {"status": "IN_PROGRESS", "output": {"percent": 7}})
    assert endpoint.status(job_id)["output"] == {"percent": 7}
    endpoint.tell(job_id, {"output": {"status": "completed"}})
    done = endpoint.status(job_id)
    assert (done["status"], done["output"], done["workerId"]) == ("COMPLETED", {"status": "completed"}, "w")
    assert {"delayTime", "executionTime"} <= set(done)
    endpoint.tell(job_id, {"status": "IN_PROGRESS", "output": {"percent": 8}})  # late news change nothing
    assert endpoint.status(job_id) == done


def test_a_failed_job_keeps_its_details_and_can_be_tried_again(endpoint: Served) -> None:
    job_id = endpoint.submit()
    assert endpoint.ask("POST", f"retry/{job_id}").status_code == 400  # it waits
    endpoint.take()
    endpoint.tell(job_id, {"error": "why", "output": {"error_code": "x"}})
    failed = endpoint.status(job_id)
    assert (failed["status"], failed["error"], failed["output"]) == ("FAILED", "why", {"error_code": "x"})
    assert endpoint.ask("POST", f"retry/{job_id}").json() == {"id": job_id, "status": "IN_QUEUE"}
    assert endpoint.status(job_id) == {"id": job_id, "status": "IN_QUEUE"}
    assert endpoint.take()["id"] == job_id
    endpoint.tell(job_id, {"output": 1})
    refused = endpoint.ask("POST", f"retry/{job_id}")
    assert (refused.status_code, "COMPLETED" in refused.json()["error"]) == (400, True)


def test_a_cancelled_job_is_over_at_once_and_its_worker_is_told(endpoint: Served) -> None:
    waiting, running = endpoint.submit(policy={"lowPriority": True}), endpoint.submit()
    assert endpoint.take()["id"] == running  # a job without priority comes after all others
    for job_id in (waiting, running, running):
        assert endpoint.ask("POST", f"cancel/{job_id}").json() == {"id": job_id, "status": "CANCELLED"}
    assert endpoint.stops() == [running]
    assert endpoint.stops() == []
    endpoint.tell(running, {"output": "late"})
    assert (endpoint.status(running)["status"], endpoint.take()) == ("CANCELLED", {})


def test_runsync_answers_with_the_end_or_after_its_wait(endpoint: Served) -> None:
    body = {"input": {"a": 1}}
    early = endpoint.ask("POST", "runsync?wait=1000", json=body).json()
    assert early["status"] == "IN_QUEUE"
    endpoint.ask("POST", f"cancel/{early['id']}")
    answers: list[dict[str, Any]] = []
    caller = threading.Thread(target=lambda: answers.append(endpoint.ask("POST", "runsync", json=body).json()))
    caller.start()
    while not (job := endpoint.take()):
        pass
    endpoint.tell(job["id"], {"output": {"fine": True}})
    caller.join()
    assert (answers[0]["id"], answers[0]["status"], answers[0]["output"]) == (job["id"], "COMPLETED", {"fine": True})


def test_a_dry_run_overtakes_and_the_queue_can_be_purged(endpoint: Served) -> None:
    before = endpoint.ask("GET", "health").json()["jobs"]
    jobs = [endpoint.submit() for _ in range(3)]
    quote = endpoint.ask("POST", "run", json={"input": {"dry_run": True}}).json()["id"]
    assert endpoint.take()["id"] == quote
    endpoint.tell(quote, {"output": 1})
    assert endpoint.take()["id"] == jobs[0]
    assert endpoint.ask("POST", "purge-queue").json() == {"removed": 2, "status": "completed"}
    assert [endpoint.status(job)["status"] for job in jobs] == ["IN_PROGRESS", "CANCELLED", "CANCELLED"]
    after = endpoint.ask("GET", "health").json()["jobs"]
    assert (after["inProgress"], after["inQueue"], after["completed"]) == (1, 0, before["completed"] + 1)
    assert endpoint.ask("POST", "purge-queue").status_code == 200
    refused = endpoint.ask("POST", "purge-queue")  # two in 10 s
    assert (refused.status_code, 0 < int(refused.headers["Retry-After"]) <= 10) == (429, True)


REFUSED: list[tuple[str, str, Any, int]] = [
    ("POST", "run", b"", 400),
    ("POST", "run", b"{", 400),
    ("POST", "run", b"[" * 100_000, 400),
    ("POST", "run", b"[]", 400),
    ("POST", "run", {}, 400),
    ("POST", "run", {"input": "a"}, 400),
    ("POST", "run", {"input": {}, "policy": 7}, 400),
    ("POST", "run", {"input": {}, "policy": {"executionTimeout": 4999}}, 400),
    ("POST", "run", {"input": {}, "policy": {"executionTimeout": "60000"}}, 400),
    ("POST", "run", {"input": {}, "policy": {"ttl": 7 * 86_400_001}}, 400),
    ("POST", "run", {"input": {}, "policy": {"timeout": 1}}, 400),
    ("POST", "run", {"input": {}, "policy": {"lowPriority": 1}}, 400),
    ("POST", "run", {"input": {}, "webhook": "file:///etc/passwd"}, 400),
    ("POST", "run", {"input": {}, "webhook": "http://["}, 400),
    ("POST", "run", {"input": {}, "s3Config": []}, 400),
    ("POST", "runsync?wait=999", {"input": {}}, 400),
    ("POST", "runsync?wait=soon", {"input": {}}, 400),
    ("POST", "run", {"input": {"a": "x" * 10_000_000}}, 413),
    ("POST", "runsync", {"input": {"a": "x" * 20_000_000}}, 413),
    ("GET", "run", None, 405),
    ("GET", "cancel/x", None, 405),
    ("GET", "status/nobody", None, 404),
    ("POST", "cancel/nobody", None, 404),
    ("POST", "retry/nobody", None, 404),
    ("GET", "stream/nobody", None, 404),
    ("GET", "/v2/another/health", None, 404),
    ("GET", "job-take/me", None, 401),  # without the workers' key
    ("POST", "job-done/me/x", {"output": 1}, 401),
    ("GET", "/schema/nothing.json", None, 404),
]


@pytest.mark.parametrize(("method", "what", "body", "status"), REFUSED)
def test_what_is_not_in_order_is_refused_in_words(
    endpoint: Served, method: str, what: str, body: Any, status: int
) -> None:
    answer = endpoint.ask(method, what, **({"data": body} if isinstance(body, bytes) else {"json": body}))
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"]


def test_the_schemas_are_published(endpoint: Served) -> None:
    assert "image_url" in endpoint.ask("GET", "/schema/input.schema.json").json()["properties"]
