"""The library, with and without an event loop: the same jobs, events, results and errors."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from talking_video import (
    AsyncTalkingVideo,
    JobError,
    Progress,
    Request,
    RequestError,
    Result,
    TalkingVideo,
    UnknownJobError,
)
from tests.client.workers import Job, video_of, working
from tests.endpoint.served import Served
from tests.programs import REPOSITORY

VIDEO = os.urandom(2000)


def work(job: Job, endpoint: Served) -> dict[str, Any]:
    if job["input"]["image_url"].endswith("bad.png"):
        return {"error": "it is no picture", "output": {"error_code": "image_invalid", "error_stage": "prepare"}}
    return video_of(endpoint, f"{job['id']}.mp4", VIDEO)


def test_a_program_gets_events_and_a_result(endpoint: Served, tmp_path: Path) -> None:
    with TalkingVideo(endpoint.api) as client:
        job = client.submit(Request("https://a.test/a.png", "https://a.test/a.wav", mode="infinitetalk"))
        first = next(iter(job.events()))
        assert first == Progress("IN_QUEUE")
        with working(endpoint, work):
            found = job.result()
            assert isinstance(found, Result)
            assert (found.seed, found.warnings) == (7, ["the image is animated"])
            assert job.download(tmp_path / "v.mp4").read_bytes() == VIDEO
            with pytest.raises(JobError, match="it is no picture") as failed:
                client.submit(Request("https://a.test/bad.png", "https://a.test/a.wav")).result()
        assert (failed.value.code, failed.value.stage, failed.value.retryable) == ("image_invalid", "prepare", False)
        with pytest.raises(UnknownJobError):
            client.job("nobody").status()


def test_the_same_with_an_event_loop(endpoint: Served, tmp_path: Path) -> None:
    async def program() -> None:
        async with AsyncTalkingVideo(endpoint.api) as client:
            request = Request("https://a.test/a.png", "https://a.test/a.wav")
            jobs = await asyncio.gather(*(client.submit(request) for _ in range(3)))
            found = await asyncio.gather(*(job.result() for job in jobs))
            assert len({one.job_id for one in found}) == 3
            assert (await jobs[0].download(tmp_path / "v.mp4")).read_bytes() == VIDEO
            left = await client.submit(Request("https://a.test/bad.png", "https://a.test/a.wav"))
            with pytest.raises(JobError):
                await left.result()

    with working(endpoint, work):
        asyncio.run(program())


def test_a_request_says_what_is_wrong_with_it() -> None:
    with pytest.raises(RequestError, match="did you mean fps"):
        Request("a.png", "a.wav", fpss=25)  # type: ignore[call-arg]
    with pytest.raises(RequestError, match="given twice"):
        Request("a.png", image_url="b.png")
    with pytest.raises(RequestError, match="beside input"):
        Request.from_job({"input": {}, "priority": 1})


def test_the_types_of_the_fields_are_those_of_the_schema(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from talking_video import Request\n"
        'Request("a.png", "a.wav", mode="infinitetalk", width=480)\n'
        'Request("a.png", "a.wav", mode="other")  # wrong\n'
        'Request("a.png", "a.wav", width="wide")  # wrong\n'
    )
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--no-incremental",
        "--follow-imports=silent",
        "--config-file=",
        str(program),
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    wrong = [line for line in done.stdout.splitlines() if "error:" in line]
    assert [line.split(":")[1] for line in wrong] == ["3", "4"], done.stdout


def test_it_needs_nothing_of_the_worker() -> None:
    allowed = {"talking_video", "httpx", "rich", "typer", "boto3", "botocore", *sys.stdlib_module_names}
    script = (
        "import sys, ast, pathlib\n"
        "for file in pathlib.Path('talking_video').rglob('*.py'):\n"
        "    for node in ast.walk(ast.parse(file.read_text())):\n"
        "        names = [a.name for a in node.names] if isinstance(node, ast.Import) else\\\n"
        "            [node.module] if isinstance(node, ast.ImportFrom) and node.module else []\n"
        "        print(*{name.split('.')[0] for name in names}, sep='\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= allowed
