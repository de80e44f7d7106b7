"""The command `talking-video` against a served endpoint: from local files to a checked video, and each way to fail."""

import base64
import fcntl
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endpoint.limits import MEGABYTE
from talking_video import local
from tests.client.commands import PATIENCE, command, ran
from tests.client.workers import Job, video_of, working
from tests.endpoint.served import Served, served
from tests.programs import REPOSITORY

VIDEO = os.urandom(3000)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("store"), largest=40 * MEGABYTE) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a portrait and a voice."""
    (tmp_path / "me.jpg").write_bytes(b"a portrait")
    (tmp_path / "me.m4a").write_bytes(b"a voice")
    return tmp_path


def fine(job: Job, endpoint: Served) -> dict[str, Any]:
    return video_of(endpoint, f"{job['id']}.mp4", VIDEO)


def test_two_files_become_a_checked_video(endpoint: Served, folder: Path) -> None:
    def work(job: Job, endpoint: Served) -> dict[str, Any]:
        endpoint.tell(
            job["id"],
            {"status": "IN_PROGRESS", "output": {"stage": "sample", "percent": 41, "window": 2, "windows": 4}},
        )
        return {} if not shown.wait(PATIENCE) else fine(job, endpoint)

    import threading  # noqa: PLC0415

    shown = threading.Event()
    with working(endpoint, work) as jobs:
        arguments = ["run", "me.jpg", "me.m4a", "--mode", "infinitetalk", "--set", "crf=20", "--timeout", "60"]
        process = command(folder, *arguments, "-e", endpoint.api, "-o", "out.mp4")
        assert process.stderr is not None
        assert process.stdout is not None
        told = []
        for line in process.stderr:
            told.append(line.strip())
            if "41 % sample, window 2 of 4" in line:
                shown.set()
        assert (process.stdout.read(), process.wait(PATIENCE)) == ("out.mp4\n", 0), told
    assert "warning: the image is animated" in told
    assert (folder / "out.mp4").read_bytes() == VIDEO
    assert jobs[0]["policy"] == {"executionTimeout": 60_000}
    assert jobs[0]["input"] == {
        "image_url": f"data:image/jpeg;base64,{base64.b64encode(b'a portrait').decode()}",
        "audio_urls": [f"data:audio/mp4;base64,{base64.b64encode(b'a voice').decode()}"],
        "mode": "infinitetalk",
        "crf": "20",
    }


def test_a_large_file_goes_through_the_store_and_files_stand_wherever_the_schema_has_sources(
    endpoint: Served, folder: Path
) -> None:
    large = os.urandom(12_000_000)
    (folder / "long.wav").write_bytes(large)
    speakers: list[dict[str, Any]] = [
        {"audio": "long.wav", "region": "left"},
        {"audio": "me.m4a", "region": [0.5, 0, 1, 1]},
    ]
    (folder / "job.json").write_text(json.dumps({"input": {"image": "me.jpg", "speakers": speakers}}))
    with working(endpoint, fine) as jobs:
        code, printed, told = ran(
            folder.parent, "run", str(folder / "job.json"), "-e", endpoint.api, "--json", "-o", str(folder / "v.mp4")
        )
    assert code == 0, told
    assert json.loads(printed)["file"] == str(folder / "v.mp4")
    sent = jobs[0]["input"]
    assert sent["image"].startswith("data:image/jpeg;base64,")
    assert sent["speakers"][1] == {
        **speakers[1],
        "audio": f"data:audio/mp4;base64,{base64.b64encode(b'a voice').decode()}",
    }
    assert endpoint.ask("GET", sent["speakers"][0]["audio"]).content == large


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "me.jpg", "me.m4a"], 2, "--endpoint"),
        (["run", "me.jpg", "me.m4a", "-e", "abc"], 3, "RUNPOD_API_KEY"),
        (["run", "me.jpg", "me.m4a", "-e", "127.0.0.1:8000"], 3, "begins with http://"),
        (["run", "me.jpg", "nobody.wav", "-e", "API"], 2, "nobody.wav is not there"),
        (["run", "me.jpg", "-e", "API"], 2, "at least one voice"),
        (["run", "me.jpg", "me.m4a", "--set", "stepps=4", "-e", "API"], 2, "did you mean steps"),
        (["run", "me.jpg", "me.m4a", "--speakers", "[1", "-e", "API"], 2, "JSON"),
        (["run", "me.jpg", "me.m4a", "--volume", "11", "-e", "API"], 2, "--volume"),
        (
            ["run", "me.jpg", "me.m4a", "-e", "ORIGIN/v2/another"],
            3,
            "(run: 404): `make endpoint` tells",
        ),
        (["status", "nobody", "-e", "API"], 3, "no job 'nobody'"),
        (["status", "nobody", "-e", "ORIGIN"], 3, "no job 'nobody'"),
        (["status", "nobody", "-e", "ORIGIN/playground/"], 3, "no job 'nobody'"),
        (["batch", "nothing.jsonl", "-e", "API"], 2, "nothing.jsonl cannot be read: No such file or directory\n"),
        (["compare", "me.jpg", "me.m4a", "--vary", "steps=4", "-e", "API"], 2, "2 to 16"),
    ],
)
def test_what_cannot_be_is_said_in_words(
    endpoint: Served, folder: Path, arguments: list[str], code: int, said: str
) -> None:
    words = [one.replace("API", endpoint.api).replace("ORIGIN", endpoint.base) for one in arguments]
    ended, printed, told = ran(folder, *words)
    assert (ended, printed) == (code, "")
    assert said in told
    assert "Traceback" not in told


def test_a_failed_job_says_why_and_a_retryable_one_is_tried_again(endpoint: Served, folder: Path) -> None:
    def work(job: Job, endpoint: Served) -> dict[str, Any]:
        details = {"error_code": "storage_failed", "error_stage": "upload", "retryable": len(jobs) == 1}
        return {"error": "the bucket is full", "output": details}

    with working(endpoint, work) as jobs:
        code, printed, told = ran(folder, "run", "me.jpg", "me.m4a", "-e", endpoint.api)
    assert (code, printed, told.count("the bucket is full")) == (1, "", 2), told
    assert len({job["id"] for job in jobs}) == 1
    assert not list(folder.glob("*.mp4*"))


def test_a_video_that_is_not_the_one_of_the_reply_is_not_kept(endpoint: Served, folder: Path) -> None:
    def work(job: Job, endpoint: Served) -> dict[str, Any]:
        body = fine(job, endpoint)
        (endpoint.store.results / f"{job['id']}.mp4").write_bytes(VIDEO[::-1])
        return body

    with working(endpoint, work):
        code, _, told = ran(folder, "run", "me.jpg", "me.m4a", "-e", endpoint.api)
    assert (code, "sha256" in told) == (1, True)
    assert not list(folder.glob("*.mp4*"))


def test_a_key_that_is_not_accepted_is_not_tried_again(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with served(tmp_path_factory.mktemp("locked"), token="the right one") as locked:
        api = locked.api
        code, _, told = ran(folder, "run", "me.jpg", "me.m4a", "-e", api, TALKING_VIDEO_TOKEN="a wrong one")
        assert (code, "TALKING_VIDEO_TOKEN" in told) == (3, True)
        runpod = {"RUNPOD_BASE_URL": f"{locked.base}/v2", "RUNPOD_API_KEY": "the right one"}
        with working(locked, fine) as jobs:
            assert ran(folder, "run", "me.jpg", "me.m4a", "-e", "ep-1", "-d", **runpod)[0] == 0
    assert len(jobs) <= 1
    code, _, told = ran(folder, "cancel", "x", "-e", api)
    assert (code, "does not answer" in told, "make endpoint" in told) == (4, True, True)


def test_ctrl_c_cancels_the_job(endpoint: Served, folder: Path) -> None:
    process = command(folder, "run", "me.jpg", "me.m4a", "-e", endpoint.api)
    assert process.stderr is not None
    job_id = process.stderr.readline().split()[-1]
    while "waiting for a worker" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    printed, told = process.communicate(timeout=PATIENCE)
    assert (process.returncode, printed) == (130, ""), told
    assert endpoint.status(job_id)["status"] == "CANCELLED"


def test_a_job_that_was_left_is_watched_fetched_and_tried_again(endpoint: Served, folder: Path) -> None:
    code, printed, _ = ran(folder, "run", "me.jpg", "me.m4a", "-e", endpoint.api, "--detach")
    job_id = printed.strip()
    assert (code, endpoint.status(job_id)["status"]) == (0, "IN_QUEUE")
    assert ran(folder, "download", job_id, "-e", endpoint.api)[0] == 2
    with working(endpoint, fine):
        assert ran(folder, "watch", job_id, "-e", endpoint.api, "-o", "w.mp4")[:2] == (0, "w.mp4\n")
    assert json.loads(ran(folder, "status", job_id, "-e", endpoint.api)[1])["status"] == "COMPLETED"
    assert (folder / "w.mp4").read_bytes() == VIDEO


def test_a_quote_is_a_table_and_a_picture(endpoint: Served, folder: Path) -> None:
    told_by_worker = {
        "status": "dry_run",
        "work": {"frames": 101, "width": 480, "height": 832, "windows": 2, "steps": 4},
        "duration_seconds": 4.0,
        "forecast": {"seconds": 130.0, "gpu": "RTX 4090", "basis": "measured", "cost_usd": 0.0312},
        "preview": f"data:image/jpeg;base64,{base64.b64encode(b'a picture').decode()}",
        "warnings": ["the crop loses half"],
    }

    def work(job: Job, _: Served) -> dict[str, Any]:
        return {"output": told_by_worker} if job["input"]["dry_run"] is True else {"error": "no dry run"}

    with working(endpoint, work):
        code, printed, told = ran(folder, "quote", "me.jpg", "me.m4a", "-e", endpoint.api)
    assert (code, printed) == (0, "me-quote.jpg\n"), told
    assert (folder / "me-quote.jpg").read_bytes() == b"a picture"
    for part in (
        "480x832",
        "101 frames in 2 windows",
        "2:10 min on RTX 4090 (measured on this kind of GPU)",
        "$0.0312",
        "the crop loses half",
    ):
        assert part in told


def test_an_endpoint_that_is_started_leaves_the_files_of_another_one_alone(tmp_path: Path) -> None:
    """Of one that runs on another port than the usual one."""
    for part in REPOSITORY.iterdir():
        if not part.name.startswith(".") and part.name != "output":
            (tmp_path / part.name).symlink_to(part)
    taken = tmp_path / "output" / "endpoint"
    taken.mkdir(parents=True)
    with (taken / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with local.started(tmp_path) as address:
            assert local.about(address.split("/v2/")[0]) is not None
    assert [path.name for path in taken.iterdir()] == ["lock"]
