"""Secrets stay where they are: every one that a worker is given is marked, and whatever it writes is searched.

Two workers get jobs that succeed and every failure that is cheap to provoke. One logs all it can, as JSON, and has
its bucket from the S3_… variables; the other logs as usual, for people, and has it from RunPod's BUCKET_… variables.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.marks import leaks, leaks_of_files, leaks_of_reply, mark
from tests.hostile.secret_jobs import (
    ENGINE_TEXT,
    JOB_KEY_ID,
    JOB_SECRET,
    TOLD,
    Jobs,
    add_bad_engine,
    add_bad_requests,
    add_bad_sources,
    add_bad_stores,
    add_ordinary,
)
from tests.hostile.secret_places import Gossip, gossiping
from tests.serverless.control_plane import API_KEY
from tests.serverless.stand import Stand, standing
from tests.worker.bench import Bench

KEY_ID, SECRET_KEY = mark("KeyId"), mark("SecretKey")
MACHINE = {
    "HF_TOKEN": mark("HfToken"),
    "HUGGING_FACE_HUB_TOKEN": mark("HubToken"),
    "AWS_ACCESS_KEY_ID": mark("AwsKeyId"),
    "AWS_SECRET_ACCESS_KEY": mark("AwsSecret"),
    "AWS_SESSION_TOKEN": mark("AwsSession"),
}
HIDDEN = (*MACHINE.values(), SECRET_KEY, JOB_SECRET, API_KEY)
FAULTS = {"DEBUG": "oom:window=2,times=always", "INFO": "die:window=2,times=always"}
CODES = {"DEBUG": "out_of_memory", "INFO": "engine_crashed"}


def _settings(level: str, url: str) -> dict[str, str]:
    error = f"error:node=ImageToMask,times=always,message={ENGINE_TEXT}"
    own = {"S3_BUCKET": "own", "S3_ENDPOINT_URL": url, "S3_ACCESS_KEY_ID": KEY_ID, "S3_SECRET_ACCESS_KEY": SECRET_KEY}
    if level == "INFO":
        own = {"ENDPOINT_URL": f"{url}/own", "ACCESS_KEY_ID": KEY_ID, "SECRET_ACCESS_KEY": SECRET_KEY}
        own = {f"BUCKET_{name}": value for name, value in own.items()}
    return {
        **MACHINE,
        **own,
        "LOG_LEVEL": level,
        "LOG_FORMAT": "json" if level == "DEBUG" else "text",
        "FETCH_SECONDS": "1",
        "SIMULATOR_SPEED": "0",
        "SIMULATOR_FAULTS": f"{error} {FAULTS[level]}",
    }


@dataclass
class Case:
    """A worker whose jobs are over."""

    level: str
    stand: Stand
    gossip: Gossip
    jobs: Jobs
    replies: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    """Both workers, at the same time."""
    things = Bench(tmp_path_factory.mktemp("things"))
    portrait = things.folder / things.picture(size=(256, 256))
    voice = things.folder / things.voice("voice.wav", [(0.6, 0.5)])
    with ExitStack() as stack:
        found = {}
        for level in CODES:
            gossip, server = stack.enter_context(gossiping(portrait.read_bytes(), voice.read_bytes()))
            stand = standing(tmp_path_factory.mktemp(level), **_settings(level, server.url))  # type: ignore[arg-type]
            found[level] = Case(level, stack.enter_context(stand), gossip, Jobs(server.url), {})
            _give(found[level])
        for case in found.values():
            case.replies |= {name: case.stand.plane.wait_for_result(name) for name in case.jobs.expected}
            case.replies["unexpected"] = _unexpected(case.stand, case.jobs)
        yield found


@pytest.fixture(params=CODES)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


def _give(case: Case) -> None:
    add_ordinary(case.jobs)
    if case.level == "DEBUG":
        add_bad_requests(case.jobs)
        add_bad_sources(case.jobs)
        add_bad_stores(case.jobs)
    add_bad_engine(case.jobs, CODES[case.level])
    case.stand.plane.give(*case.jobs.all)


def _unexpected(stand: Stand, jobs: Jobs) -> dict[str, Any]:
    """The reply of a job whose folder cannot be made: a file is where the folders of jobs are."""
    work, aside = stand.bench.work, stand.bench.folder / "aside"
    stand.plane.wait_until_asked()
    work.rename(aside)
    work.touch()
    jobs.add("unexpected", "internal_error")
    stand.plane.give(jobs.all[-1])
    reply = stand.plane.wait_for_result("unexpected")
    work.unlink()
    aside.rename(work)
    return reply


def test_every_job_ends_as_it_should(case: Case) -> None:
    ends = {name: reply["output"].get("error_code", "") for name, reply in case.replies.items()}
    assert ends == case.jobs.expected


def test_no_reply_tells_a_secret(case: Case) -> None:
    told = {
        name: leaks_of_reply({**reply["output"], "message": reply.get("error", "")}, (KEY_ID, JOB_KEY_ID))
        for name, reply in case.replies.items()
    }
    assert {name: marks for name, marks in told.items() if marks} == {}


def test_nothing_else_that_the_control_plane_hears_tells_one(case: Case) -> None:
    heard = [*(post.body for post in case.stand.plane.posts if post.is_progress), *case.stand.plane.pings]
    assert heard
    assert leaks(repr(heard).encode(), HIDDEN) == set()


def test_the_log_tells_none(case: Case) -> None:
    log = case.stand.worker.log
    assert "completed in" in log
    assert "Traceback" in log
    assert ("[simulator]" in log) == (case.level == "DEBUG")
    assert leaks(log.encode(), HIDDEN) == set()


def test_no_video_tells_one(case: Case) -> None:
    videos = [*case.gossip.videos, *case.gossip.bucket.objects.values()]
    assert len(videos) == 4
    assert all(b"moov" in video for video in videos)
    assert {mark for video in videos for mark in leaks(video, HIDDEN)} == set()


def test_no_file_tells_one(case: Case) -> None:
    """A recorded result has what its caller gets back."""
    case.stand.plane.wait_until_asked()
    assert leaks_of_files(case.stand.bench.folder, TOLD) == {}


def test_the_engine_is_not_given_any(case: Case) -> None:
    with case.stand.worker.engine() as process:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"PATH=" in environment
    assert leaks(environment.replace(ENGINE_TEXT.encode(), b""), HIDDEN) == set()
