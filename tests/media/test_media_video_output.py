"""The MP4: counts, lengths, tags, colours, and that a flash and its click come out at the same time at every fps."""

import array
from itertools import pairwise
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from media.audio import LISTENER_RATE
from media.video import FrameEncoder, VideoSpec
from tests.marks import sampled
from tests.media.media_frames import (
    WIDTH,
    boxes_of,
    decoded_frames,
    frame_path,
    frames_folder,
    grey,
    key_frames,
    make_spec,
    png,
    probe,
    write_frames,
)
from tests.media.media_sounds import ffmpeg, onset, read_wav, write_wav

FPS = [10, 12, 24, 25, 30, 50, 60]


def _encode(spec: VideoSpec, parent: Path, tmp_path: Path) -> Path:
    with FrameEncoder(spec, parent, tmp_path / "video.mp4", Cancellation()) as encoder:
        return encoder.result()


@pytest.mark.parametrize("fps", sampled(FPS, 3))
@pytest.mark.parametrize("frames", [13, 38])  # 0.5 s is the shortest video
def test_picture_and_sound_are_as_long_as_the_voices_and_end_together(frames: int, fps: int, tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    write_frames(inner, frames)
    spec = make_spec(tmp_path, frames, fps)
    assert spec.output_frames == -(-frames * fps // 25)
    found = probe(_encode(spec, parent, tmp_path))
    assert found.frames == spec.output_frames
    assert found.picture["avg_frame_rate"] == f"{fps}/1"
    assert found.picture_seconds == pytest.approx(spec.seconds, abs=0.001)
    assert abs(found.picture_seconds - found.sound_seconds) <= 0.040
    voices = frames / 25
    assert found.picture_seconds >= voices - 0.001
    assert found.sound_seconds >= voices - 0.001
    assert float(str(found.picture["start_time"])) == pytest.approx(0, abs=0.001)
    assert float(str(found.sound["start_time"])) == pytest.approx(0, abs=0.001)


def test_what_a_browser_needs(tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    write_frames(inner, 10)
    video = _encode(make_spec(tmp_path, 10), parent, tmp_path)
    found = probe(video)
    wanted_picture = {
        "codec_name": "h264",
        "pix_fmt": "yuv420p",
        "width": 96,
        "height": 64,
        "color_space": "bt709",
        "color_primaries": "bt709",
        "color_transfer": "bt709",
        "color_range": "tv",
    }
    wanted_sound = {"codec_name": "aac", "sample_rate": "48000", "channels": 2}
    assert {key: found.picture.get(key) for key in wanted_picture} == wanted_picture
    assert {key: found.sound.get(key) for key in wanted_sound} == wanted_sound
    boxes = boxes_of(video)
    assert boxes.index("moov") < boxes.index("mdat")


@pytest.mark.parametrize(
    "colour", [(128, 128, 128), (220, 30, 30), (30, 200, 40), (40, 60, 220), (16, 16, 16), (250, 250, 250)]
)
def test_colours_survive(colour: tuple[int, int, int], tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    for number in range(3):
        frame_path(inner, number).write_bytes(png(colour))
    frames = decoded_frames(_encode(make_spec(tmp_path, 3), parent, tmp_path))
    assert len(frames) == 3
    for seen in frames:
        assert all(abs(a - b) <= 4 for a, b in zip(seen, colour, strict=True)), (seen, colour)


@pytest.mark.parametrize("fps", sampled(FPS, 3))
def test_a_flash_and_its_click_come_out_together(fps: int, tmp_path: Path) -> None:
    """Dark, then bright from frame 15 (0.6 s) on, where the tone begins: off by no more than a picture."""
    parent, inner = frames_folder(tmp_path)
    for number in range(30):
        frame_path(inner, number).write_bytes(grey(40 if number < 15 else 200))
    video = _encode(make_spec(tmp_path, 30, fps, click_at=0.6), parent, tmp_path)
    seen = [colour[1] for colour in decoded_frames(video)]
    flash = next(number for number, level in enumerate(seen) if level > 120) / fps
    ffmpeg("-i", str(video), "-f", "wav", "-c:a", "pcm_s16le", str(tmp_path / "heard.wav"))
    click = onset(read_wav(tmp_path / "heard.wav", LISTENER_RATE)[0], 4000) / LISTENER_RATE
    assert click == pytest.approx(0.6, abs=0.005)
    assert abs(flash - click) <= 1 / min(fps, 25) + 0.001
    assert seen == sorted(seen) or max(abs(a - b) for a, b in zip(seen, sorted(seen), strict=True)) < 8


@pytest.mark.parametrize("fps", [10, 24, 30, 60])
def test_the_last_picture_of_another_fps_is_the_last_that_was_made(fps: int, tmp_path: Path) -> None:
    """A brightness ramp: the end must not repeat the beginning or stop early."""
    parent, inner = frames_folder(tmp_path)
    for number in range(26):
        frame_path(inner, number).write_bytes(grey(30 + 8 * number))
    seen = [colour[1] for colour in decoded_frames(_encode(make_spec(tmp_path, 26, fps), parent, tmp_path))]
    assert seen[0] == pytest.approx(30, abs=8)
    assert seen[-1] == pytest.approx(230, abs=8 * 25 / min(fps, 25))
    assert all(b >= a - 4 for a, b in pairwise(seen))
    steps = [30 + 8 * 25 * number / fps for number in range(len(seen))]
    assert all(abs(a - min(b, 230)) <= 16 for a, b in zip(seen, steps, strict=True))


def test_sound_keeps_its_sides(tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    write_frames(inner, 25)
    spec = make_spec(tmp_path, 25)
    left, right = read_wav(spec.audio, LISTENER_RATE)
    silent = array.array("h", bytes(2 * len(right)))
    write_wav(spec.audio, LISTENER_RATE, left, silent)
    video = _encode(spec, parent, tmp_path)
    ffmpeg("-i", str(video), "-f", "wav", "-c:a", "pcm_s16le", str(tmp_path / "heard.wav"))
    heard_left, heard_right = read_wav(tmp_path / "heard.wav", LISTENER_RATE)
    assert max(heard_left) > 8000
    assert max(heard_right) < 300


@pytest.mark.parametrize("crf", [0, 40])
def test_every_crf_is_a_picture_of_420(crf: int, tmp_path: Path) -> None:
    parent, inner = frames_folder(tmp_path)
    write_frames(inner, 5)
    plain = make_spec(tmp_path, 5)
    spec = VideoSpec(WIDTH, plain.height, 5, 25, crf, plain.audio)
    found = probe(_encode(spec, parent, tmp_path))
    assert found.frames == 5
    assert found.picture["pix_fmt"] == "yuv420p"


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_a_player_can_begin_every_two_seconds(fps: int, tmp_path: Path) -> None:
    """Also where nothing moves, so that the encoder sees no reason of its own."""
    parent, inner = frames_folder(tmp_path)
    for number in range(130):
        frame_path(inner, number).write_bytes(grey(90))
    starts = key_frames(_encode(make_spec(tmp_path, 130, fps), parent, tmp_path))
    assert starts == pytest.approx([0, 2, 4], abs=0.001)
