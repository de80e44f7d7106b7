"""The whole road: what a caller sends becomes an MP4 in which sound, picture, speakers and length belong together."""

import hashlib
import json
import math
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.programs import REPOSITORY
from tests.worker.bench import Bench, Run, Video, probe
from tests.worker.local_api import api_bench

EXAMPLES = REPOSITORY / "examples"
RUNNABLE = [
    "one-speaker",
    "infinitetalk",
    "scenes",
    "two-together",
    "one-of-two",
    "720p",
    "quality",
    "balanced",
    "fps-30",
    "dub",
    "dub-motion",
]
PRESET_VALUES: dict[str, dict[str, Any]] = {
    "quality": {"steps": 20, "cfg_scale": 5.0, "speed_lora": False, "shift": 7.0, "audio_cfg_scale": 0.8,
                "negative_guidance": "cfg"},
    "balanced": {"steps": 6, "scheduler": "dpm++_sde", "speed_lora": True, "shift": 11.0, "negative_guidance": "nag"},
}  # fmt: skip
LOUD, QUIET = 0.5, 0.0
MOVED, STILL = 50, 5  # places that differ


def shorten(voice: Path, seconds: float = 1.0) -> None:
    """Keep the begin of a WAV."""
    with wave.open(str(voice)) as source:
        form, begin = source.getparams(), source.readframes(round(seconds * source.getframerate()))
    with wave.open(str(voice), "wb") as shorter:
        shorter.setparams(form)
        shorter.writeframes(begin)


def finished(run: Run) -> Video:
    """The MP4 of a completed job, with everything checked that every MP4 must have."""
    assert run.code == 0, run.log
    info = run.reply["video_info"]
    address = urlsplit(run.reply["output_video_url"])
    assert address.scheme == "file"
    video = probe(Path(unquote(address.path)))
    assert video.codecs == {"h264", "aac"}
    assert video.index_first
    assert (*video.size, video.fps, video.frames) == (info["width"], info["height"], info["fps"], info["frames"])
    assert abs(video.picture_end - video.sound_end) < 0.040
    return video


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One worker for all these jobs."""
    with api_bench(tmp_path_factory.mktemp("road")) as bench:
        yield bench


def test_what_is_wrong_is_told_by_the_local_api_too(bench: Bench) -> None:
    run = bench.run({"image_url": bench.picture(), "audio_urls": [bench.voice("v.wav", [(0.6, LOUD)])], "fps": 5})
    assert run.code == 1
    assert "fps" in json.loads(run.printed)["error"]
    assert bench.leftovers() == []


@pytest.mark.parametrize("name", RUNNABLE)
def test_every_example_becomes_a_video(bench: Bench, tmp_path: Path, name: str) -> None:
    """With the first second of its voices; the first one from the command line."""
    first = name == RUNNABLE[0]
    bench = Bench(tmp_path) if first else bench
    for media in (file for kind in ("png", "wav", "mp3", "mp4") for file in EXAMPLES.glob(f"*.{kind}")):
        shutil.copy(media, bench.folder)
    for voice in () if name == "scenes" else bench.folder.glob("*.wav"):  # a scene has its time
        shorten(voice)
    job = json.loads((EXAMPLES / f"{name}.json").read_text())["input"]
    run = bench.run(job)
    video = finished(run)
    assert video.path == bench.folder / "output" / job["output_key"]
    assert run.reply["engine"] == "simulator"
    assert run.reply["warnings"] == []
    params = run.reply["generation_params"]
    assert params["quality"] == job.get("quality")
    if name in PRESET_VALUES:
        assert {key: params[key] for key in PRESET_VALUES[name]} == PRESET_VALUES[name]
    assert bench.leftovers() == []


@pytest.mark.parametrize(
    ("seconds", "mode", "size"),
    [(1.5, "multitalk", (400, 704)), (10.008, "infinitetalk", (256, 256)), (61.0, "multitalk", (256, 256)),
     (0.8, "infinitetalk", (720, 1280)), (0.6, "multitalk", (256, 256))],
)  # fmt: skip
def test_the_picture_never_ends_before_the_sound(
    bench: Bench, seconds: float, mode: str, size: tuple[int, int]
) -> None:
    job = {
        "image_url": bench.picture(size=size),
        "audio_urls": [bench.voice("voice.wav", [(seconds, LOUD)])],
        "width": size[0],
        "height": size[1],
        "mode": mode,
    }
    run = bench.run(job)
    video = finished(run)
    assert video.frames == math.ceil(round(seconds * 25, 3))
    assert video.size == size
    assert video.picture_end >= seconds - 0.001
    assert run.reply["video_info"]["duration_seconds"] == round(video.frames / 25, 3)


def motion(video: Video, columns: range, still: int, moving: list[int]) -> list[int]:
    """How much each frame of `moving` differs from frame `still`, summed over columns below the simulator's mark."""
    width, height = video.size
    first, *others = video.gray_frames([still, *moving])
    rows = range(height // 4, height, 3)
    places = [row * width + column for row in rows for column in columns]
    return [sum(abs(frame[place] - first[place]) > 24 for place in places) for frame in others]


def test_in_turns_each_mouth_moves_only_with_its_own_voice(bench: Bench) -> None:
    """A talks in seconds 0.2 to 1.2, B in 1.6 to 2.6; the picture and the sound must both show exactly that."""
    voices = [
        bench.voice("a.wav", [(0.2, QUIET), (1.0, LOUD), (0.2, QUIET)]),
        bench.voice("b.wav", [(0.2, QUIET), (1.0, LOUD), (0.2, QUIET)]),
    ]
    job = {
        "image_url": bench.picture(size=(512, 512)),
        "audio_urls": voices,
        "timing": "turns",
        "width": 512,
        "height": 512,
    }
    video = finished(bench.run(job))
    left, right = range(40, 220, 4), range(300, 470, 4)
    a_talks, b_talks, silence = 15, 50, 1
    assert video.frames == 70
    moves_left = motion(video, left, silence, [a_talks, b_talks])
    moves_right = motion(video, right, silence, [a_talks, b_talks])
    assert moves_left[0] > MOVED
    assert moves_left[1] < STILL
    assert moves_right[1] > MOVED
    assert moves_right[0] < STILL
    assert video.loudness(0.4, 0.6) > -15
    assert video.loudness(1.25, 0.3) < -60
    assert video.loudness(1.8, 0.6) > -15


def test_together_both_mouths_move_and_both_are_heard(bench: Bench) -> None:
    voices = [bench.voice("a.wav", [(1.0, LOUD), (1.0, QUIET)]), bench.voice("b.wav", [(0.5, QUIET), (0.5, LOUD)])]
    job = {"image_url": bench.picture(size=(512, 512)), "audio_urls": voices, "width": 512, "height": 512}
    video = finished(bench.run(job))
    assert video.frames == 50
    # frames of 1 s and later are still; at frame 18 both talk, at frame 5 only A
    assert all(moved > MOVED for moved in motion(video, range(40, 220, 4), 45, [5, 18]))
    only_a, both = motion(video, range(300, 470, 4), 45, [5, 18])
    assert both > MOVED
    assert only_a < STILL


def test_one_speaker_with_a_region_leaves_the_others_still(bench: Bench) -> None:
    voice = bench.voice("a.wav", [(0.2, QUIET), (1.0, LOUD)])
    speakers = [{"audio": voice, "region": [0.55, 0.3, 0.95, 0.9], "offset_seconds": 0.4}]
    job = {"image_url": bench.picture(size=(512, 512)), "speakers": speakers, "width": 512, "height": 512}
    video = finished(bench.run(job))
    assert video.frames == 40
    right, left = range(300, 470, 4), range(20, 240, 4)
    assert motion(video, right, 10, [25])[0] > MOVED
    assert motion(video, left, 10, [25])[0] < STILL
    assert video.loudness(0.0, 0.5) < -60


@pytest.mark.parametrize("fps", [10, 24, 60])
def test_another_fps_changes_the_count_and_not_the_length(bench: Bench, fps: int) -> None:
    job = {
        "image_url": bench.picture(),
        "audio_urls": [bench.voice("voice.wav", [(2.04, LOUD)])],
        "fps": fps,
        "width": 256,
        "height": 256,
    }
    video = finished(bench.run(job))
    assert video.frames == math.ceil(round(2.04 * fps, 6))


def test_the_reply_has_what_is_published(bench: Bench) -> None:
    job = {
        "image_url": bench.picture(),
        "audio_urls": [bench.voice("voice.wav", [(1.0, LOUD)])],
        "width": 250 + 16,
        "height": 256,
        "steps": 6,
        "seed": 0,
        "metadata": {"order": 7, "tags": ["a", None]},
        "output_key": "shop/7/talk.mp4",
    }
    run = bench.run(job)
    video, reply = finished(run), run.reply
    assert {
        "output_video_url",
        "processing_time_seconds",
        "generation_time_seconds",
        "video_info",
        "generation_params",
        "status",
    } <= set(reply)
    assert set(reply["timings"]) == {"fetch", "prepare", "load", "sample", "encode", "upload"}
    assert reply["status"] == "completed"
    assert reply["generation_params"]["seed"] > 0
    assert reply["generation_params"]["scheduler"] == "dpm++_sde"
    assert len(reply["warnings"]) == 3  # the rounded width, the chosen scheduler, the crop
    assert reply["metadata"] == {"order": 7, "tags": ["a", None]}
    assert video.path == bench.folder / "output/shop/7/talk.mp4"
    assert reply["video_info"]["file_size_mb"] == round(video.path.stat().st_size / 1e6, 3)
    assert _sha256(video.path) == reply["video_info"]["sha256"]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_long_voice_is_cut_where_the_caller_says(bench: Bench) -> None:
    job: dict[str, Any] = {
        "image_url": bench.picture(),
        "audio_urls": [bench.voice("v.wav", [(3.0, LOUD)])],
        "width": 256,
        "height": 256,
    }
    run = bench.run({**job, "max_audio_duration": 1.5})
    assert finished(run).frames == 38
    assert any("cut" in warning for warning in run.reply["warnings"])


def test_a_small_portrait_is_told_with_its_size(bench: Bench) -> None:
    job = {
        "image_url": bench.picture(size=(100, 100)),
        "audio_urls": [bench.voice("v.wav", [(0.6, LOUD)])],
        "width": 256,
        "height": 256,
    }
    run = bench.run(job)
    assert finished(run).size == (256, 256)
    (told,) = run.reply["warnings"]
    assert "100x100" in told
    assert "2.6 times" in told
