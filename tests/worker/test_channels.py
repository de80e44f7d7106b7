"""A conversation in one file: the example's channels move two mouths in turn, and both are heard."""

import json
import shutil

from tests.programs import REPOSITORY
from tests.worker.bench import Bench
from tests.worker.test_road import MOVED, finished, motion

EXAMPLES = REPOSITORY / "examples"


def test_a_speaker_on_each_channel_of_one_file(bench: Bench) -> None:
    for media in ("duo.png", "call.mp3"):
        shutil.copy(EXAMPLES / media, bench.folder)
    job = json.loads((EXAMPLES / "two-channels.json").read_text())["input"]
    del job["resolution"]
    run = bench.run({**job, "width": 416, "height": 288})
    video = finished(run)
    assert run.reply["warnings"] == []
    assert run.reply["video_info"]["audio_files_used"] == 2
    width = video.size[0]
    columns = range(width // 10, width * 4 // 10, 4), range(width * 6 // 10, width * 9 // 10, 4)
    anna_talks, ben_talks, silence = [15, 20, 25], [video.frames - back for back in (45, 40, 35)], 0
    anna, ben = (motion(video, part, silence, [*anna_talks, *ben_talks]) for part in columns)
    assert max(anna[:3]) > MOVED
    assert max(anna[3:]) < max(anna[:3]) / 8
    assert max(ben[3:]) > MOVED
    assert max(ben[:3]) < max(ben[3:]) / 8
    assert video.loudness(0.3, 1.0) > -30
    assert video.loudness(video.frames / 25 - 2, 1.0) > -30


def test_a_mono_file_has_no_channel_to_choose(bench: Bench) -> None:
    speakers = [{"audio": bench.voice("a.wav", [(1.0, 0.5)]), "channel": side} for side in ("left", "right")]
    run = bench.run({"image_url": bench.picture(), "speakers": speakers})
    assert (run.reply["error_code"], run.reply["error_stage"]) == ("audio_invalid", "prepare")
    assert "speaker 1 cannot be used: it has one channel (mono): send it without channel" in run.reply["error"]
