"""Scenes in the MP4: picture and prompt change with their windows, and the reply tells where."""

import subprocess
from pathlib import Path

from PIL import Image

from tests.worker.bench import Bench, probe

SIDE = 256
STRIP_ROW = 2  # of the simulator's line at the top, whose colour is the prompt's
BELOW = 200  # a row of the picture, at its edge
Colour = tuple[int, int, int]


def colours(path: Path, numbers: list[int], row: int) -> list[Colour]:
    """Of these frames, near the left edge."""
    chosen = "+".join(f"eq(n,{number})" for number in numbers)
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-vf",
        f"select='{chosen}',format=rgb24",
        "-fps_mode",
        "passthrough",
    ]
    raw = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    place, area = (row * SIDE + 3) * 3, SIDE * SIDE * 3
    return [(raw[n + place], raw[n + place + 1], raw[n + place + 2]) for n in range(0, len(raw), area)]


def strongest(colour: Colour) -> str:
    return "rgb"[colour.index(max(colour))]


def test_picture_and_prompt_change_where_their_windows_begin(bench: Bench) -> None:
    for name, colour in (("red", (200, 30, 30)), ("green", (30, 160, 30)), ("blue", (30, 30, 200))):
        Image.new("RGB", (300, 400), colour).save(bench.folder / f"{name}.png")
    job = {
        "image_url": "red.png",
        "audio_urls": [bench.voice("voice.wav", [(4.0, 0.3)])],
        **{"mode": "infinitetalk", "width": SIDE, "height": SIDE, "window_frames": 33, "output_key": "scenes.mp4"},
        "scenes": [
            {"at": 2.2, "prompt": "second", "image_url": "green.png"},
            {"at": 1.4, "prompt": "first"},
            {"at": 3.9, "image_url": "blue.png"},
        ],
    }
    run = bench.run(job)
    assert run.reply["status"] == "completed", run.reply
    assert run.reply["scenes"] == [
        {"at": 2.2, "begins_at": 2.28, "window": 3, "shows": ["prompt", "image"]},
        {"at": 1.4, "begins_at": 1.32, "window": 2, "shows": ["prompt"]},
        {"at": 3.9, "begins_at": 3.24, "window": 4, "shows": ["image"]},
    ]
    path = bench.folder / "output" / "scenes.mp4"
    assert probe(path).frames == 100
    seen = [0, 32, 33, 56, 57, 80, 81, 99]  # the first and the last frame of each window
    assert "".join(map(strongest, colours(path, seen, BELOW))) == "rrrrggbb"
    assert "".join(map(strongest, colours(path, seen, STRIP_ROW))) == "bbrrgggg", "the prompts' colours: 1, 2, 3, 3"


def test_a_scenes_picture_that_cannot_be_had_is_named(bench: Bench) -> None:
    base = {
        "image_url": bench.picture(),
        "audio_urls": [bench.voice("voice.wav", [(4.0, 0.3)])],
        "mode": "infinitetalk",
    }
    (bench.folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    missing = bench.run({**base, "scenes": [{"at": 1, "prompt": "x"}, {"at": 2, "image_url": "gone.png"}]})
    assert missing.reply["error_code"] == "source_refused"
    assert missing.reply["error"].startswith("The image of scene 2 could not be taken")
    broken = bench.run({**base, "window_frames": 33, "scenes": [{"at": 2, "image_url": "broken.png"}]})
    assert broken.reply["error_code"] == "image_invalid"
    assert broken.reply["error"].startswith("The image of scene 1: ")
