"""A job whose ComfyUI dies goes on behind its last finished window: the same frames, none of them made twice."""

import re

from tests.worker.bench import Bench, Run, probe

SIDE = 256
WINDOWS = 4


def _run(bench: Bench, name: str, *faults: str, **more: str) -> Run:
    """Faults of the engines that the job meets, each once."""
    shown = bench.folder / "faults"
    shown.write_text("\n".join(faults))
    job = {
        "image_url": bench.picture(size=(SIDE, SIDE)),
        "audio_urls": [bench.voice("voice.wav", [(1.5, 0.1), (1.0, 0.6), (1.5, 0.3)])],
        **{"mode": "infinitetalk", "width": SIDE, "height": SIDE, "window_frames": 33, "output_key": name},
        "voice": "as_is",
        **more,
    }
    run = bench.run(job, SIMULATOR_FAULTS=f"@{shown}")
    assert run.reply["status"] == "completed", run.reply
    assert run.reply["video_info"]["windows"] == WINDOWS
    return run


def test_the_video_is_that_of_an_undisturbed_job(bench: Bench) -> None:
    plain = _run(bench, "plain.mp4")
    broken = _run(bench, "broken.mp4", "die:window=3,times=1", "die:window=4,times=1")
    assert plain.reply["warnings"] == []
    ended = "ComfyUI ended during the job; the video was made in a second attempt, which went on behind window"
    assert broken.reply["warnings"] == [f"{ended} 2 of 4", f"{ended} 3 of 4"], "two deaths, with a window in between"
    videos = [bench.folder / "output" / name for name in ("plain.mp4", "broken.mp4")]
    assert [probe(video).frames for video in videos] == [100, 100]
    assert videos[0].read_bytes() == videos[1].read_bytes()
    assert re.findall(r"trying once more, which went on behind window (\d)", broken.log) == ["2", "3"]
    assert bench.leftovers() == []


def test_where_nothing_was_kept_the_caller_is_told_what_is_lost(bench: Bench) -> None:
    run = _run(bench, "anew.mp4", "die:window=4,times=1", color_match="hm")
    ended = "ComfyUI ended during the job; the video was made in a second attempt"
    assert run.reply["warnings"] == [f"{ended}, from the beginning: 3 of 4 windows were lost"]
    assert "trying once more, from the beginning: 3 of 4 windows were lost" in run.log
