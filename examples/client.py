"""A small client of the worker on RunPod: submits a job, follows it, and prints the address of its video.

    RUNPOD_API_KEY=... python examples/client.py ENDPOINT_ID job.json

The file is what /run takes: `input`, and beside it `webhook`, `policy` or `s3Config` where they are wanted.
The address goes to standard output, everything else to standard error. The exit code is 0 where there is a video,
1 where there is none, 2 for a wrong command line. Ctrl-C cancels the job.
Needs `requests`. docs/calling.md explains each step.
"""

import argparse
import base64
import itertools
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import requests

API = "https://api.runpod.ai/v2"
LARGEST_REQUEST = 10_000_000  # bytes that /run takes
TIMEOUTS = (10, 60)  # seconds for a connection, and for an answer
SILENT_POLLS = 10  # failed looks at /status, one after the other, until the client gives up
TOO_MANY_REQUESTS = 429
Answer = dict[str, Any]


class JobError(Exception):
    """There is no video; the text says why."""


class BearerKey(requests.auth.AuthBase):
    """Unlike a plain header, this is not replaced by what a .netrc may have for the host."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the key on a request."""
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Endpoint:
    """One endpoint's API. Each method raises `requests.RequestException` where it gets no usable answer."""

    def __init__(self, base_url: str, endpoint_id: str, key: str) -> None:
        self._url = f"{base_url.rstrip('/')}/{endpoint_id}"
        self._session = requests.Session()
        self._session.auth = BearerKey(key)

    def run(self, job: bytes) -> str:
        """Submit a job; returns its id."""
        answer = self._ask("POST", "run", job)
        if "id" not in answer:
            raise JobError(f"the endpoint gave the job no id: {answer.get('error')}")
        return str(answer["id"])

    def status(self, job_id: str) -> Answer:
        """Where the job is, and its reply once it has ended."""
        return self._ask("GET", f"status/{job_id}")

    def retry(self, job_id: str) -> None:
        """Queue a failed job again, with the same id and input."""
        self._ask("POST", f"retry/{job_id}")

    def cancel(self, job_id: str) -> None:
        """End a job that waits or runs."""
        self._ask("POST", f"cancel/{job_id}")

    def _ask(self, method: str, what: str, body: bytes | None = None) -> Answer:
        headers = {"Content-Type": "application/json"} if body else {}
        answer = self._session.request(method, f"{self._url}/{what}", data=body, headers=headers, timeout=TIMEOUTS)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict):
            raise requests.JSONDecodeError("no object", answer.text, 0)
        return found


def say(text: str) -> None:
    """Tell the person in front of it."""
    print(text, file=sys.stderr, flush=True)


def follow(endpoint: Endpoint, job_id: str, pause: float) -> Answer:
    """Poll until the job has ended, showing what is new; returns the last answer of /status."""
    told, silent = "", 0
    while True:
        try:
            answer, silent = endpoint.status(job_id), 0
        except requests.RequestException as error:
            silent += 1
            if silent == SILENT_POLLS or not may_pass(error):
                raise
            time.sleep(pause)
            continue
        state = str(answer.get("status"))
        if state not in ("IN_QUEUE", "IN_PROGRESS", "RUNNING"):
            return answer
        news = progress(state, answer.get("output"))
        if news != told:
            say(news)
        told = news
        time.sleep(pause)


def may_pass(error: requests.RequestException) -> bool:
    """Whether asking again may help: no answer at all, too many requests, or a fault of the server."""
    status = None if error.response is None else error.response.status_code
    return status is None or status == TOO_MANY_REQUESTS or status >= 500


def progress(state: str, output: object) -> str:
    """One line: the worker's own progress, once there is one."""
    if not isinstance(output, dict) or "stage" not in output:
        return state
    window = f", window {output['window']} of {output['windows']}" if output.get("window") else ""
    left = f", about {output['eta_seconds']} s left" if output.get("eta_seconds") is not None else ""
    return f"{output.get('percent')} % {output['stage']}{window}{left}"


def video_of(answer: Answer, job_id: str) -> str | None:
    """The address of the video, or the file to which one that came inside the reply was written."""
    output = answer.get("output")
    if not isinstance(output, dict):
        return None
    if answer.get("status") == "COMPLETED" and "output_video_url" in output:
        for warning in output.get("warnings", []):
            say(f"warning: {warning}")
        return str(output["output_video_url"])
    if "video_base64" in output:  # it could not be stored, and the next attempt would have to make it again
        file = Path(re.sub(r"[^A-Za-z0-9._-]", "-", job_id) + ".mp4")
        file.write_bytes(base64.b64decode(output["video_base64"]))
        return str(file)
    return None


def submit(endpoint: Endpoint, job: bytes, pause: float) -> str:
    """Hand the job in; returns its id. Only a 429 is tried again: after any other fault the job may be in already."""
    for _ in range(SILENT_POLLS):
        try:
            return endpoint.run(job)
        except requests.HTTPError as error:
            if error.response.status_code != TOO_MANY_REQUESTS:
                raise
            time.sleep(pause)
    raise JobError("the endpoint takes no more requests at present (429)")


def make(endpoint: Endpoint, job_id: str, pause: float, retries: int) -> str:
    """Follow a job to its video, with another attempt where the worker calls the failure retryable.

    Raises:
        JobError: it failed for good.
    """
    for attempt in itertools.count():
        answer = follow(endpoint, job_id, pause)
        video = video_of(answer, job_id)
        if video is not None:
            return video
        output = answer.get("output")
        details = output if isinstance(output, dict) else {}
        reason = f"{answer.get('status')}, {details.get('error_code')}: {answer.get('error')}"
        if "kept_video" in details:
            reason += f" (kept: {details['kept_video']})"
        if details.get("retryable") is not True or attempt >= retries:
            raise JobError(reason)
        say(f"{reason}\ntrying again: {attempt + 1} of {retries}")
        time.sleep(pause * 2 ** (attempt + 1))
        try:
            endpoint.retry(job_id)
        except requests.RequestException as error:
            if not may_pass(error):
                raise
    raise AssertionError


def cancel(endpoint: Endpoint, job_id: str) -> None:
    """End the job: nobody waits for it any more."""
    say(f"cancelling {job_id}")
    try:
        endpoint.cancel(job_id)
    except requests.RequestException as error:
        say(f"it may still run: {error}")


def read_job(file: Path) -> bytes:
    """The body for /run. Raises JobError for a file that /run would refuse."""
    try:
        job = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JobError(f"{file}: {error}") from error
    if not isinstance(job, dict) or not isinstance(job.get("input"), dict):
        raise JobError(f'{file}: send an object like {{"input": {{"image_url": …}}}}')
    body = json.dumps(job).encode()
    if len(body) > LARGEST_REQUEST:
        raise JobError(f"{file}: {len(body)} bytes are too many for /run; send URLs in place of data: sources")
    return body


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Submit a job to a talking-video endpoint and follow it.")
    parser.add_argument("endpoint", help="id of the endpoint")
    parser.add_argument("job", type=Path, help="JSON file with the job")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds between two looks at the job (5)")
    parser.add_argument("--retries", type=int, default=3, help="further attempts after a retryable failure (3)")
    parser.add_argument("--base-url", default=os.environ.get("RUNPOD_BASE_URL", API), help="where the API is")
    return parser.parse_args()


def main() -> int:
    """One job from its file to its video."""
    options, key = read_arguments(), os.environ.get("RUNPOD_API_KEY")
    if not key:
        say("RUNPOD_API_KEY is not set")
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    endpoint, job_id = Endpoint(options.base_url, options.endpoint, key), None
    try:
        job_id = submit(endpoint, read_job(options.job), options.pause)
        say(f"job {job_id}")
        print(make(endpoint, job_id, options.pause, options.retries))
    except KeyboardInterrupt:
        if job_id is None:
            say("stopped before the job had an id: look at the endpoint's requests")
        else:
            cancel(endpoint, job_id)
        return 1
    except (JobError, requests.RequestException) as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
