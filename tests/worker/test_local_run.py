"""`python handler.py` without RunPod: its help, the job from a file, and the reply of a run that a signal ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.programs import HANDLER, REPOSITORY, FreshProgram, Program
from tests.worker.bench import LONGEST_SECONDS, Bench

Start = type[Program] | type[FreshProgram]


def _job(bench: Bench) -> dict[str, Any]:
    voice = bench.voice("v.wav", [(0.6, 0.5)])
    return {"input": {"image_url": bench.picture(size=(256, 256)), "audio_urls": voice, "resolution": "256x256"}}


@dataclass(frozen=True)
class Ended:
    """What a run left on its streams."""

    returncode: int
    stdout: str
    stderr: str


def _run(bench: Bench, *arguments: str, start: Start = Program, **environment: str) -> Ended:
    with (bench.folder / "out").open("w") as out, (bench.folder / "errors").open("w") as errors:
        settings = {**bench.environment, **environment}
        program = start(HANDLER, *arguments, environment=settings, stdout=out, stderr=errors, folder=bench.folder)
        try:
            code = program.wait(LONGEST_SECONDS)
        finally:
            program.kill()
    return Ended(code, *((bench.folder / name).read_text() for name in ("out", "errors")))


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_needs_no_engine(bench: Bench, option: str) -> None:
    run = _run(bench, option, ENGINE="comfyui", S3_PRESIGN_SECONDS="soon")
    assert (run.returncode, run.stderr) == (0, "")
    assert "--test_input FILE.json" in run.stdout


def test_a_job_comes_from_a_file(bench: Bench) -> None:
    (bench.folder / "job.json").write_text("\ufeff" + json.dumps(_job(bench)), encoding="utf-8")
    run = _run(bench, "--test_input", "job.json", start=FreshProgram, S3_BUKET="videos")
    assert run.returncode == 0, run.stderr
    reply = json.loads(run.stdout)
    assert (reply["status"], reply["video_info"]["width"], reply["video_info"]["height"]) == ("completed", 256, 256)
    assert "S3_BUKET is no setting; did you mean S3_BUCKET?" in run.stderr
    assert "videos" not in run.stderr


def test_the_sdks_own_file_is_taken_and_its_voices_are_compared(bench: Bench) -> None:
    job = _job(bench)
    (bench.folder / "copy.wav").write_bytes((bench.folder / "v.wav").read_bytes())
    job["input"]["audio_urls"] = ["v.wav", "copy.wav"]
    (bench.folder / "test_input.json").write_text(json.dumps({"id": "mine", **job}), encoding="utf-8")
    run = _run(bench)
    assert run.returncode == 0, run.stderr
    reply = json.loads(run.stdout)
    assert (reply["status"], reply["job_id"]) == ("completed", "mine")
    assert len([warning for warning in reply["warnings"] if "speakers 1 and 2 have the same sound" in warning]) == 1


def test_a_preview_of_the_newest_window_lies_beside_the_video(bench: Bench) -> None:
    """Whole, in place of the one before, and told in the log; a job that does not ask has none."""
    voice = bench.voice("long.wav", [(6.0, 0.5)])
    job = {"image_url": bench.picture(size=(256, 448)), "audio_urls": [voice], "width": 256, "height": 448}
    text = json.dumps({"input": {**job, "preview": "yes", "output_key": "a/b.mp4"}})
    run = _run(bench, "--test_input", text, SIMULATOR_SPEED="4")
    assert run.returncode == 0, run.stderr
    preview = bench.folder / "output/local_test.preview.jpg"
    assert f"preview of the newest window: {preview}" in run.stderr
    with Image.open(preview) as picture:
        assert (picture.format, picture.size) == ("JPEG", (183, 320))
    assert [path.name for path in (bench.folder / "output").iterdir() if path.is_file()] == [preview.name]


def test_without_a_job_nothing_is_started(bench: Bench) -> None:
    run = _run(bench, ENGINE="comfyui")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("no job: there is no test_input.json here\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("missing.json", "names a file that cannot be read: No such file or directory: missing.json"),
        (".", "names a file that cannot be read"),
        ("broken.json", "takes a JSON object"),
        ("[1]", "takes a JSON object"),
        ("", "takes a JSON object"),
    ],
)
def test_what_is_no_job_is_told_before_anything_starts(bench: Bench, text: str, words: str) -> None:
    (bench.folder / "broken.json").write_text('{"input": ', encoding="utf-8")
    run = _run(bench, f"--test_input={text}", ENGINE="comfyui")
    reply = json.loads(run.stdout)
    assert (run.returncode, reply["error_code"], reply["job_id"]) == (1, "invalid_input", "local_test")
    assert words in reply["error"]


@pytest.mark.parametrize(
    ("sent", "code", "ends_as"), [(signal.SIGTERM, 143, "interrupted"), (signal.SIGINT, 130, "cancelled")]
)
def test_a_run_that_a_signal_ends_has_a_reply(bench: Bench, sent: signal.Signals, code: int, ends_as: str) -> None:
    job = json.dumps(_job(bench))
    command = [sys.executable, str(HANDLER), "--test_input", job]
    environment = {**bench.environment, "SIMULATOR_SPEED": "0.01"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=bench.folder, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert process.stderr
        log = ""
        while " load" not in log:
            line = process.stderr.readline()
            assert line, log
            log += line
        os.kill(process.pid, sent)
        printed, more = process.communicate(timeout=120)
    reply = json.loads(printed)
    assert (process.returncode, reply["error_code"], reply["status"]) == (code, ends_as, "failed"), log + more
    assert "Traceback" not in more
    assert [path for path in bench.work.rglob("*") if path.name.startswith("job-")] == []


def test_nothing_is_asked_of_the_folder_on_runpod(tmp_path: Path) -> None:
    """Images of users often hold such a file."""
    from worker.local_run import LocalRun  # noqa: PLC0415

    (tmp_path / "test_input.json").write_text('{"input": {"a": 1}}', encoding="utf-8")
    assert LocalRun.asked_for([], None) is None
    assert LocalRun.asked_for([], tmp_path) is not None


def test_a_root_that_cannot_be_written_is_told_in_a_sentence(bench: Bench, tmp_path: Path) -> None:
    """As `docker run --read-only` without a place for temporary files."""
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("a file system of our own cannot be had here")
    root = tmp_path / "root"
    root.mkdir()
    mounts = (
        "mount --bind / $0 && mount -o remount,bind,ro $0 && mount -t proc proc $0/proc && mount --bind /dev $0/dev"
    )
    job = json.dumps({"input": {"image_url": "a.png", "audio_urls": ["a.wav"]}})
    inside = [
        str(shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin")),
        str(root),
        "env",
        "-C",
        str(REPOSITORY),
        sys.executable,
        "handler.py",
        "--test_input",
        job,
    ]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', str(root), *inside],
        env={name: value for name, value in bench.environment.items() if name != "WORK_DIR"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (
        "Read-only file system: /tmp/talking-video, by user 0 of group 0. Mount something that can be written at "
        in (done.stdout)
    )
    assert "Traceback" not in done.stderr
