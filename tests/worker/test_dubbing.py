"""A video in place of a picture: each window goes by what the video shows where it begins."""

import subprocess
from collections.abc import Callable

import pytest

from tests.media.films import brightness_at, make_film
from tests.worker.bench import Bench, Run, Simulator
from tests.worker.test_road import finished

LOUD, QUIET = 0.5, 0.0
SIZE = {"width": 256, "height": 256}


def shown(run: Run) -> list[int]:
    """The brightness of the lower right corner of every frame, where the simulator draws nothing."""
    video = finished(run)
    corner = f"format=gray,crop=1:1:{video.size[0] - 6}:{video.size[1] - 6}"
    command = ["ffmpeg", "-v", "error", "-i", str(video.path), "-vf", corner]
    return list(subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout)


def starts(run: Run) -> list[int]:
    """Of each frame: the frame at which its window begins, overlap included, as the window sees it."""
    params, info = run.reply["generation_params"], run.reply["video_info"]
    step, first = params["window_frames"] - params["overlap_frames"], params["window_frames"]
    return [0 if frame < first else ((frame - first) // step + 1) * step for frame in range(info["frames"])]


def test_the_background_follows_the_keyframes_and_holds_the_last(bench: Bench) -> None:
    make_film(bench.folder / "film.mp4", 5.0, sound=True)
    voice = bench.voice("voice.wav", [(1.0, LOUD), (1.0, QUIET), (6.0, LOUD)])
    run = bench.run({"video_url": "film.mp4", "audio_urls": [voice], **SIZE})
    seen, begins = shown(run), starts(run)
    assert run.reply["video_info"]["windows"] == 3
    assert run.reply["video_info"]["mode"] == "infinitetalk"
    for level, start in zip(seen, begins, strict=True):
        assert level == pytest.approx(brightness_at(min(start / 25, 4.97)), abs=3)
    assert len(set(begins)) == 3
    source = run.reply["video_info"]["source"]
    assert (source["width"], source["height"], source["fps"], source["codec"]) == (256, 256, 30, "h264")
    assert (source["duration_seconds"], source["keyframes"], source["high_dynamic_range"]) == (5.0, 3, False)
    assert (source["follow"], source["start_step"]) == ("keyframes", 0)
    assert run.reply["warnings"] == [
        "mode infinitetalk was chosen: video_url needs it",
        "the sound is longer than the video, whose last picture is held from 5.00 s on",
    ]
    video = finished(run)
    assert video.loudness(1.2, 0.6) < -60, "the video's own sound is replaced"
    assert bench.leftovers() == []


def test_the_own_sound_stays_under_the_voices_where_that_is_asked_for(bench: Bench) -> None:
    make_film(bench.folder / "film.mp4", 3.0, sound=True)
    voice = bench.voice("voice.wav", [(1.0, LOUD), (1.0, QUIET)])
    job = {"video_url": "film.mp4", "audio_urls": [voice], **SIZE, "mode": "infinitetalk", "keep_sound": "under"}
    loudness = {}
    for level in (0, -20):
        run = bench.run({**job, "keep_sound_level": level})
        video = finished(run)
        assert run.reply["warnings"] == []
        assert run.reply["video_info"]["duration_seconds"] == 2.0, "a video ends with the voices"
        loudness[level] = video.loudness(1.2, 0.6)
        assert video.loudness(0.2, 0.6) == pytest.approx(-9, abs=2)
    assert loudness[0] == pytest.approx(-21, abs=2)
    assert loudness[0] - loudness[-20] == pytest.approx(20, abs=1)


def test_motion_is_followed_frame_by_frame_with_fewer_steps(bench: Bench) -> None:
    make_film(bench.folder / "film.mp4", 3.0)
    voice = bench.voice("voice.wav", [(4.0, LOUD)])
    run = bench.run({"video_url": "film.mp4", "audio_urls": [voice], **SIZE, "follow": "motion"})
    params = run.reply["generation_params"]
    assert (params["mode"], params["scheduler"], params["steps"]) == ("infinitetalk", "dpm++_sde", 4)
    assert "scheduler dpm++_sde was chosen: follow motion was published with it" in run.reply["warnings"]
    seen = shown(run)
    assert run.reply["video_info"]["windows"] > 1
    assert seen == pytest.approx([brightness_at(min(frame / 25, 2.97)) for frame in range(100)], abs=4)
    source = run.reply["video_info"]["source"]
    assert (source["follow"], source["start_step"]) == ("motion", 2)
    assert "window 2 of 2" in run.log


def test_without_our_pack_motion_is_refused_before_anything_is_fetched(
    bench: Bench, start_simulator: Callable[..., Simulator]
) -> None:
    server = start_simulator("--nodes-missing", "TalkingVideoSource")
    job = {"video_url": "absent.mp4", "audio_urls": ["absent.wav"], "follow": "motion"}
    run = bench.run(job, COMFYUI_URL=server.url, ENGINE="comfyui")
    assert (run.reply["error_code"], run.reply["error_stage"]) == ("invalid_input", "validate")
    assert "send follow keyframes" in run.reply["error"]


def test_a_silent_video_has_no_sound_to_keep_and_says_so(bench: Bench) -> None:
    make_film(bench.folder / "film.mp4", 1.0)
    voice = bench.voice("voice.wav", [(0.8, LOUD)])
    run = bench.run({"video_url": "film.mp4", "audio_urls": [voice], **SIZE, "keep_sound": "under"})
    finished(run)
    assert "the video's own sound cannot be kept: the file has no sound track" in run.reply["warnings"]


@pytest.mark.parametrize(
    ("field", "name", "code", "says"),
    [
        ("video_url", "portrait.png", "video_invalid", "it is a PNG picture; send a JPEG"),
        ("image_url", "film.mp4", "image_invalid", "to dub a video, send it as video_url"),
        ("video_url", "big.mp4", "source_too_large", "The video could not be taken: A source is larger than 1 MB"),
        ("video_url", "film.mp4", "video_too_long", "send max_audio_duration 0.5 or less"),
    ],
)
def test_what_cannot_be_dubbed_is_refused_with_what_to_send(
    bench: Bench, field: str, name: str, code: str, says: str
) -> None:
    bench.picture()
    bench.voice("voice.wav", [(0.8, LOUD)])
    make_film(bench.folder / "film.mp4", 1.0, size="64x64")
    (bench.folder / "big.mp4").write_bytes(bytes(1_000_001))
    run = bench.run({field: name, "audio_urls": ["voice.wav"]}, VIDEO_MAX_MB="1", VIDEO_MAX_SECONDS="0.5")
    assert (run.reply["error_code"], run.code) == (code, 1)
    assert says in run.reply["error"]
