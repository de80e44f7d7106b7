"""examples/client.py, run as a process against a server that plays RunPod's API."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
CLIENT = REPOSITORY / "examples" / "client.py"
KEY = "key-of-the-caller"
JOB = {"input": {"image_url": "https://media.example.com/a.png"}, "policy": {"executionTimeout": 1_800_000}}
URL = "https://videos.example.com/a.mp4?signed"
PATIENCE = 30.0
DONE = {"status": "COMPLETED", "output": {"output_video_url": URL, "warnings": ["the image is animated"]}}
QUEUED = {"status": "IN_QUEUE"}
SAMPLING = {
    "status": "IN_PROGRESS",
    "output": {"stage": "sample", "percent": 41.5, "window": 2, "windows": 4, "step": 3, "steps": 4, "eta_seconds": 52},
}
Answer = tuple[int, Any]


def failed(code: str, *, retryable: bool, **more: str) -> dict[str, Any]:
    """A failed job as /status tells it."""
    return {
        "status": "FAILED",
        "error": f"what {code} says",
        "output": {"error_code": code, "retryable": retryable, "status": "failed", **more},
    }


@dataclass
class Api:
    """What the endpoint `ep-1` answers, in turn (the last answer stays), and what it was asked."""

    statuses: list[Answer]
    runs: list[Answer] = field(default_factory=lambda: [(200, {"id": "job-1", "status": "IN_QUEUE"})])
    asked: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    polled: threading.Event = field(default_factory=threading.Event)

    def answer(self, what: str) -> Answer:
        """To one request, such as `POST run`."""
        self.asked.append(what)
        if what == "GET status/job-1":
            self.polled.set()
            return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if what == "POST run":
            return self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]
        if what in ("POST cancel/job-1", "POST retry/job-1"):
            return 200, {"id": "job-1"}
        return 404, {}


def handler_of(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply()

        def do_POST(self) -> None:
            self.reply()

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if body:
                api.bodies.append(json.loads(body))
            api.keys.add(self.headers.get("Authorization"))
            status, answer = api.answer(f"{self.command} {self.path.removeprefix('/v2/ep-1/')}")
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing: the client's own output is what is looked at."""

    return Handler


@contextmanager
def served(api: Api) -> Iterator[str]:
    """The address of a server that answers as `api` says."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(api))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v2"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def start(folder: Path, base_url: str, *options: str, job: object = JOB, key: str = KEY) -> subprocess.Popen[str]:
    file = folder / "job.json"
    file.write_text(json.dumps(job), encoding="utf-8")
    command = [sys.executable, str(CLIENT), "ep-1", str(file), "--pause", "0.01", *options]
    environment = {**os.environ, "RUNPOD_API_KEY": key, "RUNPOD_BASE_URL": base_url, "NO_PROXY": "127.0.0.1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def run(folder: Path, api: Api, *options: str, **how: Any) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    with served(api) as base_url:
        client = start(folder, base_url, *options, **how)
        printed, told = client.communicate(timeout=PATIENCE)
        return client.returncode, printed, told


def test_it_shows_the_progress_and_prints_the_address(tmp_path: Path) -> None:
    api = Api([(200, QUEUED), (200, SAMPLING), (200, SAMPLING), (200, DONE)])
    code, printed, told = run(tmp_path, api)
    assert (code, printed) == (0, f"{URL}\n"), told
    assert told.splitlines() == [
        "job job-1",
        "IN_QUEUE",
        "41.5 % sample, window 2 of 4, about 52 s left",
        "warning: the image is animated",
    ]
    assert api.asked == ["POST run", *["GET status/job-1"] * 4]
    assert api.bodies == [JOB]
    assert api.keys == {f"Bearer {KEY}"}


def test_it_tries_a_retryable_failure_again_under_the_same_id(tmp_path: Path) -> None:
    lost = failed("storage_failed", retryable=True, kept_video="/volume/kept/a.mp4")
    api = Api([(200, lost), (200, SAMPLING), (200, DONE)])
    code, printed, told = run(tmp_path, api)
    assert (code, printed) == (0, f"{URL}\n")
    assert "/volume/kept/a.mp4" in told
    assert [what for what in api.asked if what.startswith("POST")] == ["POST run", "POST retry/job-1"]


def test_it_gives_up_after_a_few_attempts(tmp_path: Path) -> None:
    api = Api([(200, failed("gpu_fault", retryable=True))])
    code, printed, told = run(tmp_path, api, "--retries", "2")
    assert (code, printed) == (1, "")
    assert api.asked.count("POST retry/job-1") == 2
    assert told.splitlines()[-1] == "FAILED, gpu_fault: what gpu_fault says"


@pytest.mark.parametrize(
    "last",
    [
        failed("image_invalid", retryable=False),
        {"status": "FAILED", "error": "RunPod alone said this"},
        {"status": "TIMED_OUT"},
        {"status": "CANCELLED"},
        {"status": "COMPLETED"},
    ],
    ids=["not retryable", "no output", "timed out", "cancelled", "completed without output"],
)
def test_it_does_not_try_again_what_nobody_called_retryable(tmp_path: Path, last: dict[str, Any]) -> None:
    api = Api([(200, last)])
    code, printed, told = run(tmp_path, api)
    assert (code, printed) == (1, "")
    assert str(last["status"]) in told
    assert str(last.get("error", "")) in told
    assert api.asked == ["POST run", "GET status/job-1"]


def test_a_video_inside_the_reply_is_saved_and_not_made_again(tmp_path: Path) -> None:
    inside = failed("storage_failed", retryable=True, video_base64=base64.b64encode(b"an mp4").decode())
    api = Api([(200, inside)])
    assert run(tmp_path, api)[:2] == (0, "job-1.mp4\n")
    assert (tmp_path / "job-1.mp4").read_bytes() == b"an mp4"
    assert "POST retry/job-1" not in api.asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_cancels_its_job_when_it_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    api = Api([(200, SAMPLING)])
    with served(api) as base_url:
        client = start(tmp_path, base_url)
        assert api.polled.wait(PATIENCE)
        client.send_signal(number)
        printed, told = client.communicate(timeout=PATIENCE)
    assert (client.returncode, printed) == (1, "")
    assert "Traceback" not in told
    assert api.asked[-1] == "POST cancel/job-1"


def test_a_moment_without_answers_does_not_end_it(tmp_path: Path) -> None:
    busy: Answer = (429, {})
    api = Api([(502, {}), busy, (200, ["no object"]), (200, DONE)], runs=[busy, (200, {"id": "job-1"})])
    assert run(tmp_path, api)[:2] == (0, f"{URL}\n")
    assert api.asked.count("POST run") == 2


def test_a_submission_of_unknown_fate_is_not_repeated(tmp_path: Path) -> None:
    api = Api([(200, DONE)], runs=[(502, {})])
    code, _, told = run(tmp_path, api)
    assert (code, api.asked) == (1, ["POST run"])
    assert "502" in told


@pytest.mark.parametrize("status", [401, 404])
def test_an_answer_that_will_stay_ends_it(tmp_path: Path, status: int) -> None:
    api = Api([(status, {})])
    code, _, told = run(tmp_path, api)
    assert (code, api.asked) == (1, ["POST run", "GET status/job-1"])
    assert str(status) in told
    assert KEY not in told


@pytest.mark.parametrize(
    "job", [{"image_url": "a.png"}, [1], {"input": {"image_url": "data:image/png;base64," + "A" * 10_000_000}}]
)
def test_what_run_would_refuse_is_not_sent(tmp_path: Path, job: object) -> None:
    api = Api([(200, DONE)])
    code, _, told = run(tmp_path, api, job=job)
    assert (code, api.asked) == (1, [])
    assert "job.json" in told


def test_it_needs_a_key(tmp_path: Path) -> None:
    api = Api([(200, DONE)])
    code, _, told = run(tmp_path, api, key="")
    assert (code, api.asked) == (1, [])
    assert "RUNPOD_API_KEY" in told
