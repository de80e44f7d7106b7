"""More sound than upstream's node takes: with our node pack it becomes a video, without it is refused in words."""

from collections.abc import Callable

import pytest

from tests.worker.bench import Bench, Run, Simulator, probe

JUST_LONGER = 400.2  # seconds of silence before a voice of half a second


def _job(bench: Bench, **environment: str) -> Run:
    speaker = {"audio": bench.voice("late.wav", [(0.5, 0.5)]), "offset_seconds": JUST_LONGER}
    sent = {"image_url": bench.picture(size=(256, 256)), "speakers": [speaker], "width": 256, "height": 256}
    return bench.run({**sent, "mode": "infinitetalk", "output_key": "long.mp4"}, **environment)


def test_without_our_pack_10_000_frames_are_the_limit(bench: Bench, start_simulator: Callable[..., Simulator]) -> None:
    server = start_simulator("--nodes-missing", "TalkingVideoVoiceEmbeds")
    run = _job(bench, COMFYUI_URL=server.url, ENGINE="comfyui", AUDIO_MAX_SECONDS="3600")
    assert (run.reply["error_code"], run.reply["retryable"]) == ("audio_too_long", False)
    assert "400 s (10000 frames). Send max_audio_duration 400" in run.reply["error"]
    assert "the server lacks nodes of ours: TalkingVideoVoiceEmbeds" in run.log


@pytest.mark.slow
def test_with_it_the_video_is_as_long_as_the_sound(bench: Bench) -> None:
    run = _job(bench, AUDIO_MAX_SECONDS="3600")
    assert run.reply["status"] == "completed", run.reply
    video = probe(bench.folder / "output" / "long.mp4")
    assert video.frames == run.reply["video_info"]["frames"] == 10_018
    assert abs(video.picture_end - video.sound_end) < 0.040
    silent, loud = video.loudness(399, 1), video.loudness(400.25, 0.4)
    assert loud > silent + 30
