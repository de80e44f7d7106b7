"""Its windows, frames and ticks are those of the real loop."""

from pathlib import Path
from typing import Any

import pytest

from tests.simulator.simulator_process import (
    Outcome,
    Simulator,
    changed,
    ended,
    endless,
    is_tick,
    one_speaker,
    tone,
    two_speakers,
    write_wav,
)


def test_the_endless_window_ends_by_an_interrupt_only(simulator: Simulator, tmp_path: Path) -> None:
    client = simulator.connect("endless")
    simulator.queue(endless(one_speaker(tmp_path)), "endless", prompt_id="endless")
    ticks: list[dict[str, Any]] = []
    while len(ticks) < 60:
        ticks += [m["data"] for m in client.until(is_tick) if is_tick(m) and m["data"]["max"] != 1233]
    assert {tick["value"] for tick in ticks} == {(50 // -8 + 1) * 4}
    assert simulator.get("/history/endless").json() == {}
    simulator.post("/interrupt", {"prompt_id": "endless"})
    assert client.until(ended("endless"))[-3]["type"] == "execution_interrupted"
    client.close()
    (folder,) = (path for path in (tmp_path / "frames").iterdir() if path.is_dir())
    assert len(list(folder.iterdir())) == 17


def test_a_window_shorter_than_its_overlap_is_enough_for_short_audio(simulator: Simulator, tmp_path: Path) -> None:
    graph = changed(one_speaker(tmp_path), "i2v", frame_window_size=33, motion_frame=40)
    outcome = simulator.run(graph)
    assert len(outcome.frames) == 33
    assert ticks_of(outcome) == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("clip", "expected"),
    [
        ((5.0, 81, 9), (153, 2, 2)),
        ((10.0, 81, 9), (297, 4, 4)),
        ((5.0, 81, 25), (137, 2, 3)),
        ((10.0, 81, 25), (305, 5, 5)),
        ((1.0, 81, 9), (81, 1, 1)),
        ((3.24, 81, 9), (81, 1, 1)),
        ((3.28, 84, 9), (153, 2, 2)),
        ((6.12, 81, 9), (153, 2, 3)),
    ],
)
def test_the_windows_are_those_of_the_real_loop(
    clip: tuple[float, int, int], expected: tuple[int, int, int], simulator: Simulator, tmp_path: Path
) -> None:
    """Seconds, window and overlap; frames, windows and the windows the progress bar is set to."""
    (seconds, window, overlap), (frames, windows, estimated) = clip, expected
    graph = changed(one_speaker(tmp_path, seconds), "i2v", frame_window_size=window, motion_frame=overlap)
    outcome = simulator.run(changed(graph, "emb", num_frames=10000))
    assert [path.name for path in outcome.frames] == [f"frame_{number:05d}.png" for number in range(frames)]
    assert ticks_of(outcome) == [(value, estimated * 4) for value in range(1, windows * 4 + 1)]


@pytest.mark.parametrize(("together", "frames"), [("para", 49), ("add", 65)])
def test_voices_run_together_or_one_after_the_other(
    together: str, frames: int, simulator: Simulator, tmp_path: Path
) -> None:
    """1.4 s and 1.0 s are 35 and 25 frames: 35 together, 60 one after the other, in windows of 17 that overlap by 1."""
    graph = two_speakers(tmp_path, tone(1.4), tone(1.0))
    graph = changed(changed(graph, "emb", multi_audio_type=together), "i2v", motion_frame=1)
    assert len(simulator.run(graph).frames) == frames


def test_num_frames_cuts_the_audio(simulator: Simulator, tmp_path: Path) -> None:
    graph = changed(one_speaker(tmp_path, 3.0), "emb", num_frames=17)
    assert len(simulator.run(graph).frames) == 17


@pytest.mark.parametrize(("asked", "per_window"), [(("multitalk", 9), 4), (("rcm", 1), 4), (("unipc", 3), 3)])
def test_some_schedulers_ignore_the_steps(
    asked: tuple[str, int], per_window: int, simulator: Simulator, tmp_path: Path
) -> None:
    scheduler, steps = asked
    outcome = simulator.run(changed(one_speaker(tmp_path), "sample", scheduler=scheduler, steps=steps))
    assert ticks_of(outcome)[-1] == (2 * per_window, 4 * per_window)


def test_a_48_khz_stereo_voice_is_as_long_as_it_sounds(simulator: Simulator, tmp_path: Path) -> None:
    graph = one_speaker(tmp_path)
    sound = write_wav(tmp_path / "stereo.wav", tone(3.0 * 2 * 48 / 16), rate=48_000, channels=2)
    outcome = simulator.run(changed(changed(graph, "audio1", audio=str(sound)), "emb", num_frames=10000))
    assert len(outcome.frames) == 17 + 8 * 8


def ticks_of(outcome: Outcome) -> list[tuple[float, float]]:
    """Of the sampler, from the last weight on."""
    ticks = [message["data"] for message in outcome.messages if is_tick(message) and message["data"]["max"] != 1233]
    return [(tick["value"], tick["max"]) for tick in ticks]


@pytest.mark.parametrize(("mode", "motion"), [("infinitetalk", [1, 3]), ("multitalk", [])])
def test_a_tiled_vae_tells_its_own_progress_beside_the_steps(
    mode: str, motion: list[int], simulator: Simulator, tmp_path: Path
) -> None:
    """Two windows of 33 pictures, 9 in the VAE: nine tiles are encoded, one is decoded at 64x64."""
    graph = changed(one_speaker(tmp_path, 2.0), "i2v", frame_window_size=33, motion_frame=9, tiled_vae=True, mode=mode)
    outcome = simulator.run(changed(graph, "emb", num_frames=57))

    def runs(most: int, tiles: int) -> list[tuple[int, int]]:
        return [(value, most) for value in (*range(1, most + 1), 0)] * tiles

    expected: list[tuple[int, int]] = []
    for window in (1, 2):
        before = runs(motion[window - 1], 9) if motion else []
        steps = [((window - 1) * 4 + step, 12) for step in range(1, 5)]
        expected += [*runs(9, 9), *before, *steps, *runs(9, 1)]
    assert ticks_of(outcome) == expected
