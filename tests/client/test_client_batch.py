"""Many jobs: bounded in flight, gone on with after a kill; and variants side by side."""

import json
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.client.commands import PATIENCE, command, ran
from tests.client.workers import Job, video_of, working
from tests.endpoint.served import Served

NAMES = ["one", "two", "three", "four"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a portrait, a voice, and two files of jobs."""
    (tmp_path / "me.jpg").write_bytes(b"a portrait")
    (tmp_path / "me.m4a").write_bytes(b"a voice")
    rows = [
        {"image_url": "me.jpg", "audio_urls": ["me.m4a"], "metadata": {"n": n}, "output": f"{n}.mp4"} for n in NAMES
    ]
    (tmp_path / "jobs.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    (tmp_path / "jobs.csv").write_text(
        "image_url,audio_urls,steps,output\nme.jpg,me.m4a;me.m4a,8,\nme.jpg,me.m4a,,b.mp4\n"
    )
    return tmp_path


def named(job: Job, endpoint: Served) -> dict[str, Any]:
    name = str(job["input"]["metadata"]["n"])
    return video_of(endpoint, f"{job['id']}.mp4", name.encode())


def wait_for_submitted(state: Path, jobs: int) -> None:
    """Until so many ids are on the disk: a kill before that would submit the job twice, as docs/client.md says."""
    looked = threading.Event()
    for _ in range(round(PATIENCE / 0.01)):
        if state.read_text().count('"submitted"') >= jobs:
            return
        looked.wait(0.01)
    raise AssertionError(state.read_text())


def test_a_batch_goes_on_after_a_kill_where_it_was(endpoint: Served, folder: Path) -> None:
    waits, held = threading.Event(), threading.Event()

    def work(job: Job, endpoint: Served) -> dict[str, Any]:
        if job["input"]["metadata"]["n"] == "two":
            waits.set()
            held.wait(PATIENCE)
        return named(job, endpoint)

    arguments = ["batch", "jobs.jsonl", "-e", endpoint.api, "-p", "1"]
    with working(endpoint, work) as jobs:
        process = command(folder, *arguments)
        assert waits.wait(PATIENCE)
        wait_for_submitted(folder / "jobs-videos" / "batch.state.jsonl", 2)
        process.kill()
        process.communicate()
        assert (folder / "jobs-videos" / "one.mp4").read_bytes() == b"one"
        held.set()
        code, printed, told = ran(folder, *arguments, TALKING_VIDEO_USD_PER_HOUR="3.6")
    assert (code, printed) == (0, "jobs-videos\n"), told
    assert [job["input"]["metadata"]["n"] for job in jobs] == NAMES  # each once
    assert "4 of 4 made" in told
    assert "$0." in told
    assert {file.stem: file.read_text() for file in (folder / "jobs-videos").glob("*.mp4")} == {n: n for n in NAMES}
    again = ran(folder, *arguments)
    assert (again[0], len(jobs)) == (0, 4)


def test_a_table_and_its_failures(endpoint: Served, folder: Path) -> None:
    def work(job: Job, endpoint: Served) -> dict[str, Any]:
        if "steps" in job["input"]:
            return {"error": "no such steps", "output": {"error_code": "invalid_input", "retryable": False}}
        return video_of(endpoint, f"{job['id']}.mp4", b"b")

    with working(endpoint, work) as jobs:
        code, _, told = ran(folder, "batch", "jobs.csv", "-e", endpoint.api)
    assert (code, "1 of 2 made, 1 failed" in told, "no such steps" in told) == (1, True, True), told
    first = next(job for job in jobs if "steps" in job["input"])
    assert (first["input"]["steps"], len(first["input"]["audio_urls"])) == ("8", 2)
    assert (folder / "jobs-videos" / "b.mp4").read_bytes() == b"b"
    with working(endpoint, lambda job, served: video_of(served, f"{job['id']}.mp4", b"a")):
        assert ran(folder, "batch", "jobs.csv", "-e", endpoint.api)[0] == 1  # what failed stays so
        assert ran(folder, "batch", "jobs.csv", "-e", endpoint.api, "--retry-failed")[0] == 0


def test_ctrl_c_cancels_what_runs_and_begins_nothing_more(endpoint: Served, folder: Path) -> None:
    waits = threading.Event()

    def work(job: Job, endpoint: Served) -> dict[str, Any]:
        waits.set()
        return {}

    with working(endpoint, work) as jobs:
        process = command(folder, "batch", "jobs.jsonl", "-e", endpoint.api, "-p", "1")
        assert process.stderr is not None
        assert waits.wait(PATIENCE)
        process.stderr.readline()  # it follows the job
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert [endpoint.status(job["id"])["status"] for job in jobs] == ["CANCELLED"]


def test_a_file_that_is_missing_is_told_before_the_first_job(endpoint: Served, folder: Path) -> None:
    (folder / "jobs.jsonl").open("a").write('{"image_url": "me.jpg", "audio_urls": ["nobody.wav"]}\n')
    code, _, told = ran(folder, "batch", "jobs.jsonl", "-e", endpoint.api)
    assert (code, "nobody.wav" in told) == (2, True)
    assert endpoint.ask("GET", "health").json()["jobs"]["inQueue"] == 0


def test_variants_stand_side_by_side_with_one_seed(endpoint: Served, folder: Path) -> None:
    def work(job: Job, endpoint: Served) -> dict[str, Any]:
        file, colour = folder / f"{job['id']}.mp4", "red" if job["input"]["shift"] == "5" else "blue"
        source = ["-f", "lavfi", "-i", f"color={colour}:size=64x96:rate=25:duration=0.4", "-f", "lavfi"]
        sound = ["-i", "sine=frequency=300:duration=0.4", "-shortest", "-pix_fmt", "yuv420p", str(file)]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *sound], check=True)
        return video_of(endpoint, f"{job['id']}.mp4", file.read_bytes())

    with working(endpoint, work) as jobs:
        arguments = ["compare", "me.jpg", "me.m4a", "--vary", "shift=5,11", "--crf", "20", "-o", "both.mp4"]
        code, printed, told = ran(folder, *arguments, "-e", endpoint.api)
    assert (code, printed) == (0, "both.mp4\n"), told
    assert "shift=5" in told
    assert "shift=11" in told
    assert len({job["input"]["seed"] for job in jobs}) == 1
    shown = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(folder / "both.mp4"),
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    frame = subprocess.run(shown, capture_output=True, check=True).stdout
    assert len(frame) == 128 * 136 * 3  # two of 64x96, 40 rows for the labels below
    left, right = (frame[(40 * 128 + x) * 3 : (40 * 128 + x) * 3 + 3] for x in (32, 96))
    assert (left[0] > 200, left[2] < 60) == (True, True)
    assert (right[2] > 200, right[0] < 60) == (True, True)
    labels = frame[100 * 128 * 3 :]
    assert max(labels) > 150  # something is written there
