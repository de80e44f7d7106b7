"""Music under a voice: the model hears the voice alone, and the viewer hears all of it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.media.made_music import RATE, chords, level, speech, write
from tests.programs import REPOSITORY
from tests.worker.bench import Bench, Simulator, Video
from tests.worker.test_road import STILL, finished, motion
from workflows.models import separator_file

SECONDS = 6.0
SPEAKS, PAUSES = (0.5, 2.0), (3.0, 5.5)  # seconds of the made sound
COLUMNS = range(90, 170, 2)
MOVED = 20  # of a small picture's places


@pytest.fixture
def over_music(bench: Bench) -> str:
    """Two and a half seconds of speech, then a pause, over held chords all the way."""
    voice = np.zeros(int(SECONDS * RATE))
    voice[: int(2.4 * RATE)] = speech(2.4, "anna")
    music = chords(SECONDS)
    write(bench.folder / "over.wav", voice + music * 10 ** ((level(voice) - 12 - level(music)) / 20))
    return "over.wav"


def _job(bench: Bench, sound: str, **more: Any) -> dict[str, Any]:
    return {"image_url": bench.picture(size=(256, 256)), "audio_urls": [sound], "width": 256, "height": 256, **more}


def _moves(video: Video, begin: float, end: float) -> float:
    """How much the mouth moves, frame to frame."""
    frames = list(range(int(begin * 25), int(end * 25), 4))
    return max(motion(video, COLUMNS, frames[0], frames[1:]))


def _differ(one: Video, other: Video, seconds: float) -> int:
    """Places of the mouth that look different in two videos."""
    frames = [video.gray_frames([int(seconds * 25)])[0] for video in (one, other)]
    places = [row * 256 + column for row in range(64, 256, 3) for column in COLUMNS]
    return sum(abs(frames[0][place] - frames[1][place]) > 24 for place in places)


def test_the_model_hears_the_voice_and_the_viewer_everything(bench: Bench, over_music: str) -> None:
    parted = bench.run(_job(bench, over_music))
    video = finished(parted)
    assert parted.reply["generation_params"]["voices"] == ["separate"]
    assert parted.reply["warnings"] == [
        "the audio of speaker 1 has music or noise under the voice: the model hears the voice parted from it, the "
        "viewer hears all of it"
    ]
    assert _moves(video, *SPEAKS) > MOVED
    assert _moves(video, *PAUSES) < STILL, "nobody speaks there"
    heard = video.loudness(PAUSES[0], PAUSES[1] - PAUSES[0])
    assert heard > -45, "the viewer hears the music"

    whole = bench.run(_job(bench, over_music, voice="as_is", output_key="whole.mp4"))
    assert (whole.reply["generation_params"]["voices"], whole.reply["warnings"]) == (["as_is"], [])
    assert _differ(finished(whole), video, PAUSES[0] + 1.5) > MOVED, "the mouth stays open for the music"
    assert abs(finished(whole).loudness(PAUSES[0], PAUSES[1] - PAUSES[0]) - heard) < 0.3


def test_each_speaker_has_a_choice_and_keeps_the_place_in_time(bench: Bench, over_music: str) -> None:
    alone = bench.voice("alone.wav", [(1.0, 0.5), (0.4, 0.0)])
    speakers = [{"audio": alone}, {"audio": over_music, "voice": "separate"}]
    sent = _job(bench, "", speakers=speakers, timing="turns", max_audio_duration=7)
    del sent["audio_urls"]
    run = bench.run({**sent, "width": 512, "image_url": bench.picture(size=(512, 256))})
    video = finished(run)
    assert run.reply["generation_params"]["voices"] == ["as_is", "separate"]
    left, right = range(60, 220, 4), range(310, 470, 4)
    first, second, pause, still = 15, 55, 150, 33
    assert motion(video, left, still, [first])[0] > MOVED
    assert motion(video, left, still, [second])[0] < MOVED / 2
    assert motion(video, right, still, [second])[0] > MOVED
    assert motion(video, right, still, [first, pause]) == pytest.approx([0, 0], abs=MOVED / 2)


def test_without_weights_auto_tells_and_separate_is_refused(
    bench: Bench, over_music: str, start_simulator: Callable[..., Simulator]
) -> None:
    server = start_simulator("--models-missing", separator_file().file)
    run = bench.run(_job(bench, over_music), ENGINE="comfyui", COMFYUI_URL=server.url)
    finished(run)
    assert run.reply["generation_params"]["voices"] == ["as_is"]
    assert ["this worker has no weights to part them" in warning for warning in run.reply["warnings"]] == [True]
    refused = bench.run(_job(bench, over_music, voice="separate"), ENGINE="comfyui", COMFYUI_URL=server.url)
    assert (refused.reply["error_code"], refused.reply["error_stage"]) == ("models_missing", "validate")
    assert "send voice 'as_is' or 'auto'" in refused.reply["error"]


def test_the_example_runs(bench: Bench) -> None:
    for media in ("portrait.png", "over-music.mp3"):
        shutil.copy(REPOSITORY / "examples" / media, bench.folder)
    run = bench.run(json.loads(Path(REPOSITORY / "examples" / "over-music.json").read_text())["input"])
    finished(run)
    assert run.reply["generation_params"]["voices"] == ["separate"]
