"""What the caller is told while a job runs: how often, in which order, how true, and never after its end."""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.serverless.records import Post
from tests.serverless.stand import Stand, standing
from tests.serverless.worker import STAGES
from tests.worker.bench import probe

KEYS = {"stage", "percent", "window", "windows", "step", "steps", "eta_seconds"}
VOICE = "several-windows.wav"
STEPS = 12
WINDOWS = {"audio_urls": [VOICE], "steps": STEPS, "window_frames": 33}  # ten of few pictures, which take some time
PAUSE_SECONDS = 2.0
HELD_SECONDS = 8.0  # that one update may take before the job no longer waits for it


@dataclass(frozen=True)
class Told:
    """All posts of a finished job."""

    updates: list[Post]
    result: Post

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [post.body["output"] for post in self.updates]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("progress"), hold_seconds=20, SIMULATOR_SPEED="0.7") as stand:
        stand.bench.voice(VOICE, [(4.0, 0.5)])
        yield stand


@pytest.fixture(scope="module")
def told(stand: Stand) -> list[Told]:
    """Of the first two jobs of a worker, each of about 8 s and several windows."""
    for job_id in ("first", "second"):
        stand.give(job_id, **WINDOWS)
        assert stand.plane.wait_for_result(job_id)["output"]["status"] == "completed"
    return [posts_of(stand, job_id) for job_id in ("first", "second")]


def posts_of(stand: Stand, job_id: str) -> Told:
    """What was posted of a job that is over: its one result, and nothing after it."""
    posts = [post for post in stand.plane.posts if post.job_id == job_id]
    assert [post.is_progress for post in posts] == [True] * (len(posts) - 1) + [False]
    return Told(posts[:-1], posts[-1])


def test_what_is_to_be_warned_of_is_told_before_the_gpu_is_paid_for(told: list[Told]) -> None:
    for job in told:
        warnings = job.result.body["output"]["warnings"]
        assert any("dpm++_sde was chosen" in warning for warning in warnings)
        for update in job.bodies:
            early = update["stage"] in ("validate", "fetch", "prepare")
            assert update.get("warnings") in ([None, warnings] if early else [warnings])


def test_each_update_has_the_same_keys_and_windows_only_while_it_samples(told: list[Told]) -> None:
    windows = told[0].result.body["output"]["video_info"]["windows"]
    assert windows > 5
    for update in [update for job in told for update in job.bodies]:
        assert set(update) - {"warnings"} == KEYS
        places = [update[key] for key in ("window", "windows", "step", "steps")]
        if update["stage"] != "sample":
            assert places == [None] * 4
        else:
            assert 1 <= update["window"] <= update["windows"] == windows
            assert 0 <= update["step"] <= update["steps"] == STEPS


def test_each_new_window_is_shown_once_and_small(stand: Stand) -> None:
    """In a job that asks for it: the last frame of the window, as it is in the video; and nothing after the result."""
    stand.give("looked-at", **WINDOWS, preview=True, height=448)
    params = stand.plane.wait_for_result("looked-at")["output"]["generation_params"]
    job = posts_of(stand, "looked-at")
    shown = [body["preview"] for body in job.bodies if "preview" in body]
    assert all(set(body) - {"preview", "warnings"} == KEYS for body in job.bodies)
    assert len(shown) == len(set(shown)) >= 1
    video = probe(stand.video("looked-at"))
    moves_on = params["window_frames"] - params["overlap_frames"]
    ends = [*range(params["window_frames"] - 1, video.frames, moves_on), video.frames - 1]
    frames = video.gray_frames(sorted(set(ends)))
    for preview in shown:
        assert len(preview) <= 12_000
        picture = Image.open(io.BytesIO(base64.b64decode(preview.removeprefix("data:image/jpeg;base64,"))))
        assert (picture.format, picture.size) == ("JPEG", (183, 320))
        small = picture.convert("L")
        whole = (Image.frombytes("L", video.size, frame).resize(small.size) for frame in frames)
        assert min(ImageStat.Stat(ImageChops.difference(small, frame)).mean[0] for frame in whole) < 4


def test_there_is_at_most_one_in_two_seconds(told: list[Told]) -> None:
    """From the arrival of one, before its answer, to that of the next: on a busy machine this only grows."""
    for job in told:
        moments = [post.moment for post in job.updates]
        assert len(moments) >= 3
        assert min(later - earlier for earlier, later in pairwise(moments)) >= PAUSE_SECONDS


def test_percent_rises_and_the_stages_come_in_order(told: list[Told]) -> None:
    for job in told:
        stages = [STAGES.index(update["stage"]) for update in job.bodies]
        assert stages == sorted(stages)
        percents = [update["percent"] for update in job.bodies]
        assert percents == sorted(percents)
        assert 0 <= percents[0] < 10
        assert 30 < percents[-1] <= 100  # at most one in two seconds: the last one may be early


def test_the_time_left_falls_to_nothing_and_is_known_early_by_the_second_job(told: list[Told]) -> None:
    first, second = told
    assert first.bodies[0]["eta_seconds"] is None
    for job in told:
        etas = [(post.body["output"]["eta_seconds"], job.result.moment - post.moment) for post in job.updates]
        known = [(eta, left) for eta, left in etas if eta is not None]
        # It rises only where the machine has become slower: what is told then is not much more than what it takes.
        assert all(later[0] <= max(earlier[0], 1.5 * later[1] + 1) for earlier, later in pairwise(known)), known
        assert all(left / 3 < eta + 1 for eta, left in known), known
        assert known[-1][0] <= 5
    assert all(update["eta_seconds"] is not None for update in second.bodies if update["stage"] in ("load", "sample"))


def test_nothing_is_told_of_a_job_that_is_over(stand: Stand, told: list[Told]) -> None:
    stand.break_engine("error:window=2,message=no luck")
    stand.give("failing", audio_urls=["long.wav"], steps=STEPS)
    assert stand.plane.wait_for_result("failing")["output"]["error_code"] == "generation_failed"
    stand.give("cancelled", audio_urls=["long.wav"], steps=STEPS)
    stand.worker.wait_for_stage("cancelled", "sample")
    stand.plane.stop("cancelled")
    stand.assert_stopped("cancelled")
    heard = len(stand.plane.progress("cancelled"))
    stand.assert_next_works()
    assert len(stand.plane.progress("cancelled")) == heard > 0
    for job_id in ("first", "second", "failing"):
        assert posts_of(stand, job_id).updates


def test_a_control_plane_that_refuses_updates_gets_its_result(stand: Stand) -> None:
    """The SDK repeats each update twice; the newest one waits meanwhile."""
    stand.plane.answer_progress(500)
    stand.give("refused")
    stand.plane.wait_for_result("refused")
    stand.plane.answer_progress(200)
    stand.assert_next_works()
    percents = [update["percent"] for update in posts_of(stand, "refused").bodies]
    assert len(percents) >= 3
    assert percents == sorted(percents)


def test_a_control_plane_that_does_not_answer_updates_gets_one_and_the_result(stand: Stand) -> None:
    """The job takes longer than it waits for an answer, so that there is time for a second update."""
    with stand.plane.holding_progress():
        stand.give("unheard", audio_urls=[VOICE], steps=50, cfg_scale=5, audio_cfg_scale=2)
        output = stand.plane.wait_for_result("unheard")["output"]
        assert output["processing_time_seconds"] > HELD_SECONDS + PAUSE_SECONDS
        assert len(posts_of(stand, "unheard").updates) == 1
    stand.assert_next_works()
    posts_of(stand, "unheard")


def test_a_socket_that_is_cut_ten_times_changes_nothing(stand: Stand) -> None:
    stand.break_engine("drop-socket:times=10")
    stand.give("cut", **WINDOWS, scheduler="dpm++_sde")
    output = stand.plane.wait_for_result("cut")["output"]
    stand.assert_broken()
    assert (output["status"], output["warnings"]) == ("completed", [])
    assert max(body["window"] or 0 for body in posts_of(stand, "cut").bodies) > 5
    stand.assert_next_works()
