"""What a frame shows, and that every decoder reads it."""

import subprocess
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.simulator.simulator_process import (
    Graph,
    Simulator,
    changed,
    one_speaker,
    room_tone,
    tone,
    two_speakers,
    write_masks,
    write_portrait,
)

SIZE = (160, 240)
LEFT, RIGHT = (8, 80, 72, 224), (88, 80, 152, 224)
LINE_ROWS = 13
MOUTH = (40, 90, 120, 170)  # of a picture in which no face is found
BAR = (3, 146, 6, 238)


def at_size(graph: Graph, folder: Path) -> Graph:
    """The graph with frames of `SIZE`, where a mark can be read, and regions left and right."""
    graph["img"]["inputs"]["image"] = str(write_portrait(folder / "large.png", SIZE))
    if "mimg" in graph:
        graph["mimg"]["inputs"]["image"] = str(write_masks(folder / "large_masks.png", SIZE, [LEFT, RIGHT]))
    for node in ("scale", "i2v"):
        graph = changed(graph, node, width=SIZE[0], height=SIZE[1])
    return changed(graph, "emb", num_frames=50)


def pictures(paths: list[Path]) -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in paths]


def same(first: Image.Image, second: Image.Image, box: tuple[int, int, int, int]) -> bool:
    return ImageChops.difference(first.crop(box), second.crop(box)).getbbox() is None


def moves(frames: list[Image.Image], box: tuple[int, int, int, int]) -> list[bool]:
    """Per frame: whether the box differs from what it is in silence (the last frame is past the audio)."""
    return [not same(frame, frames[-1], box) for frame in frames]


@pytest.fixture(scope="module")
def dialogue(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> list[Image.Image]:
    """Two speakers, 49 frames in 3 windows: the first speaks for 20 frames, then the second for 25; then it is over."""
    folder = tmp_path_factory.mktemp("dialogue")
    first = tone(0.8) + room_tone(1.0)
    second = room_tone(0.8) + tone(1.0)
    graph = changed(at_size(two_speakers(folder, first, second), folder), "i2v", frame_window_size=17, motion_frame=1)
    return pictures(simulator.run(graph).frames)


def test_each_region_moves_while_its_speaker_talks_and_only_then(dialogue: list[Image.Image]) -> None:
    assert len(dialogue) == 49
    assert moves(dialogue, LEFT) == [True] * 20 + [False] * 29
    assert moves(dialogue, RIGHT) == [False] * 20 + [True] * 25 + [False] * 4


def test_nothing_else_moves(dialogue: list[Image.Image]) -> None:
    between = (LEFT[2], LINE_ROWS, RIGHT[0], SIZE[1])
    below = (0, LEFT[3], SIZE[0], SIZE[1])
    assert not any(moves(dialogue, between) + moves(dialogue, below))


def test_each_window_shows_its_reference_and_the_last_serves_the_rest(simulator: Simulator, tmp_path: Path) -> None:
    graph = at_size(one_speaker(tmp_path, audio=room_tone(2.0)), tmp_path)
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    scenes = [Image.new("RGB", SIZE, colour) for colour in colours]
    scenes[0].save(tmp_path / "scenes.png", save_all=True, append_images=scenes[1:])
    graph["img"]["inputs"]["image"] = str(tmp_path / "scenes.png")
    graph["first"] = {"class_type": "ImageFromBatch", "inputs": {"image": ["scale", 0], "batch_index": 0, "length": 1}}
    outcome = simulator.run(changed(graph, "cve", image_1=["first", 0]))
    seen = [frame.getpixel((5, SIZE[1] - 5)) for frame in pictures(outcome.frames)]
    assert seen == [colours[0]] * 17 + [colours[1]] * 8 + [colours[2]] * 32


def test_louder_is_wider_and_higher(simulator: Simulator, tmp_path: Path) -> None:
    """The mouth opens, and the bar at the left edge grows; neither is there in silence."""
    heights: list[list[int]] = [[], []]
    for dbfs in (-45.0, -30.0, -12.0):
        folder = tmp_path / f"{dbfs}"  # a job of its own: in one folder the next would go on behind the last window
        folder.mkdir()
        graph = at_size(one_speaker(folder, audio=tone(2.0, dbfs)), folder)
        frames = pictures(simulator.run(graph).frames)
        for found, area in zip(heights, (MOUTH, BAR), strict=True):
            box = ImageChops.difference(frames[5], frames[-1]).crop(area).getbbox()
            assert box is not None
            found.append(box[3] - box[1])
    for found in heights:
        assert found == sorted(set(found))


def test_the_mouths_that_open_are_those_of_the_faces(simulator: Simulator, tmp_path: Path) -> None:
    """Of the picture with two drawn people: each in its own region, where the lips are."""
    size, top_rows = (624, 432), 40
    graph = two_speakers(tmp_path, tone(0.8) + room_tone(1.0), room_tone(0.8) + tone(1.0))
    graph = changed(graph, "i2v", frame_window_size=17, motion_frame=1)
    graph["img"]["inputs"]["image"] = str(Path(__file__).resolve().parents[2] / "examples/duo.png")
    halves = [(20, 40, 300, 400), (324, 40, 604, 400)]
    graph["mimg"]["inputs"]["image"] = str(write_masks(tmp_path / "halves.png", size, halves))
    for node in ("scale", "i2v"):
        graph = changed(graph, node, width=size[0], height=size[1])
    frames = pictures(simulator.run(changed(graph, "emb", num_frames=50)).frames)
    for frame, middle in ((frames[10], 0.25), (frames[30], 0.75)):
        # Without the bars, which stand at the left edge of a region, below.
        moved = ImageChops.difference(frame, frames[-1]).crop((0, top_rows, size[0], 250)).convert("L")
        left, top, right, bottom = moved.point([0] * 24 + [255] * 232).getbbox() or (0, 0, 0, 0)
        assert abs((left + right) / 2 / size[0] - middle) < 0.02
        assert 0.5 < (top_rows + top) / size[1] < (top_rows + bottom) / size[1] < 0.65
        assert right - left < 0.12 * size[0]


@pytest.mark.parametrize("silence", [room_tone, lambda seconds: tone(seconds, -60.0)])
def test_a_silent_speaker_stays_still(
    silence: "Callable[[float], array[int]]", simulator: Simulator, tmp_path: Path
) -> None:
    frames = pictures(simulator.run(at_size(one_speaker(tmp_path, audio=silence(2.0)), tmp_path)).frames)
    portrait = Image.open(tmp_path / "large.png").convert("RGB")
    assert all(same(frame, portrait, (0, LINE_ROWS + 10, *SIZE)) for frame in frames)


def test_one_after_the_other_moves_one_after_the_other(simulator: Simulator, tmp_path: Path) -> None:
    graph = at_size(two_speakers(tmp_path, tone(0.6), tone(0.8)), tmp_path)
    graph = changed(changed(graph, "emb", multi_audio_type="add"), "i2v", frame_window_size=33, motion_frame=1)
    frames = pictures(simulator.run(graph).frames)
    assert moves(frames, LEFT)[:36] == [True] * 15 + [False] * 21
    assert moves(frames, RIGHT)[:36] == [False] * 15 + [True] * 20 + [False]


def whites(picture: Image.Image, box: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    return picture.crop(box).convert("L").point([0] * 200 + [255] * 56).getbbox()


def test_every_frame_says_simulated_and_counts(dialogue: list[Image.Image]) -> None:
    """White letters at the left of the dark line at the top; what stands behind them differs in all frames."""
    mark = (0, 0, 48, LINE_ROWS)
    box = whites(dialogue[0], mark)
    assert box is not None
    assert (box[3] - box[1], box[2] - box[0]) >= (5, 30)
    assert all(same(frame, dialogue[0], mark) for frame in dialogue)
    lines = {frame.crop((48, 0, SIZE[0], LINE_ROWS)).tobytes() for frame in dialogue}
    assert len(lines) == len(dialogue)


def test_a_region_is_outlined_lightly_and_the_rest_is_the_portrait(simulator: Simulator, tmp_path: Path) -> None:
    """A single voice without a region has no outline; what is drawn of one lets the portrait through."""
    graph = at_size(two_speakers(tmp_path, room_tone(2.0), room_tone(2.0)), tmp_path)
    frame = pictures(simulator.run(graph).frames)[0]
    portrait = Image.open(tmp_path / "large.png").convert("RGB")
    drawn = ImageChops.difference(frame, portrait).convert("L").point([0] + [255] * 255)
    expected = Image.new("L", SIZE, 0)
    for left, top, right, bottom in (LEFT, RIGHT):
        expected.paste(255, (left, top, right, bottom))
        expected.paste(0, (left + 1, top + 1, right - 1, bottom - 1))
    below = (0, LINE_ROWS + 10, *SIZE)
    assert same(drawn.convert("RGB"), expected.convert("RGB"), below)
    strong = ImageChops.difference(frame, portrait).crop(below).convert("L").point([0] * 128 + [255] * 128)
    assert strong.getbbox() is None


def test_a_region_inside_the_bounds_of_another_stays_its_own(simulator: Simulator, tmp_path: Path) -> None:
    """The first region is an angle around the second, and only its speaker talks."""
    graph = at_size(two_speakers(tmp_path, tone(2.0), room_tone(2.0)), tmp_path)
    inner, masks = (60, 120, 140, 210), [Image.new("RGB", SIZE) for _ in range(3)]
    for box in ((8, 80, 40, 220), (8, 80, 150, 100)):
        masks[0].paste((255, 255, 255), box)
    masks[1].paste((255, 255, 255), inner)
    masks[2].paste((255, 255, 255), (0, 0, 8, SIZE[1]))
    masks[0].save(tmp_path / "angle.png", save_all=True, append_images=masks[1:], duration=40)
    frames = pictures(simulator.run(changed(graph, "mimg", image=str(tmp_path / "angle.png"))).frames)
    assert any(moves(frames, (8, 80, 40, 220)))
    assert not any(moves(frames, (44, 104, SIZE[0], SIZE[1])))


@pytest.mark.parametrize("size", [(64, 64), (400, 704), (1280, 720)])
def test_every_decoder_reads_a_frame(size: tuple[int, int], simulator: Simulator, tmp_path: Path) -> None:
    graph = one_speaker(tmp_path)
    for node in ("scale", "i2v"):
        graph = changed(graph, node, width=size[0], height=size[1])
    frames = simulator.run(graph).frames
    with Image.open(frames[3]) as checked:
        checked.verify()
    with Image.open(frames[3]) as read:
        assert (read.size, read.mode, read.format) == (size, "RGB", "PNG")
        expected = read.tobytes()
    command = ["ffmpeg", "-v", "error", "-xerror", "-i", str(frames[3]), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run(command, capture_output=True, check=True, timeout=30)
    assert decoded.stderr == b""
    assert decoded.stdout == expected
