"""It fails where the real server fails, with the same exception and message; and it obeys the windows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.simulator.simulator_process import (
    Graph,
    Outcome,
    Simulator,
    changed,
    ended,
    endless,
    is_tick,
    one_speaker,
    tone,
    two_speakers,
    write_masks,
    write_portrait,
    write_wav,
)

Change = Callable[[Graph, Path], Graph]


def with_voices(count: int, masks: int | None) -> Change:
    """So many speakers, and masks for so many."""

    def change(graph: Graph, folder: Path) -> Graph:
        for number in range(1, count + 1):
            path = write_wav(folder / f"voice{number}.wav", tone(1.0))
            graph[f"audio{number}"] = {"class_type": "LoadAudio", "inputs": {"audio": str(path)}}
            graph["emb"]["inputs"][f"audio_{number}"] = [f"audio{number}", 0]
        if masks is not None:
            boxes = [(64 // masks * n, 16, 64 // masks * (n + 1), 64) for n in range(masks)]
            path = write_masks(folder / "m.png", (64, 64), boxes)
            graph["mimg"] = {"class_type": "LoadImage", "inputs": {"image": str(path)}}
            graph["mask"] = {"class_type": "ImageToMask", "inputs": {"image": ["mimg", 0], "channel": "red"}}
            graph["emb"]["inputs"]["ref_target_masks"] = ["mask", 0]
        return graph

    return change


def with_input(node: str, **inputs: object) -> Change:
    return lambda graph, _: changed(graph, node, **inputs)


def with_audio(seconds: float) -> Change:
    def change(graph: Graph, folder: Path) -> Graph:
        return changed(graph, "audio1", audio=str(write_wav(folder / "short.wav", tone(seconds))))

    return change


def without_negative(graph: Graph, _: Path) -> Graph:
    return changed(changed(graph, "text", negative=None), "sample", cfg=2.0)


def no_wav(graph: Graph, folder: Path) -> Graph:
    (folder / "text.wav").write_text("no sound")
    return changed(graph, "audio1", audio=str(folder / "text.wav"))


def lost_mask(graph: Graph, folder: Path) -> Graph:
    graph = with_voices(2, 2)(graph, folder)
    boxes = [(1, 1, 3, 3), (32, 16, 64, 64)]
    return changed(graph, "mimg", image=str(write_masks(folder / "lost.png", (64, 64), boxes)))


def one_mask(speakers: int) -> Change:
    def change(graph: Graph, folder: Path) -> Graph:
        graph = with_voices(speakers, 2)(graph, folder)
        Image.new("RGB", (64, 64), (255, 255, 255)).save(folder / "one.png")
        return changed(graph, "mimg", image=str(folder / "one.png"))

    return change


def picture_for_voice(graph: Graph, folder: Path) -> Graph:
    return changed(graph, "audio1", audio=str(write_portrait(folder / "voice.png")))


def plain_base(graph: Graph, _: Path) -> Graph:
    graph = changed(graph, "model", model="Wan2_1-I2V-14B-480P_fp8_e4m3fn.safetensors")
    return changed(graph, "talk", model="Wan2_1-InfiniteTalk_Multi_Q8.gguf")


DISTILL = "This scheduler is only for 4 steps"
CAUSVID = "CausVid 1.3B schedule is only for 4 steps"
GGUF_LORA = "GGUF models do not support LoRA merging, please disable merge_loras in the LoRA select node."
GGUF_QUANTIZATION = "Quantization should be disabled when loading GGUF models."
GGUF_TALK = "Multitalk/InfiniteTalk model is a GGUF model, main model also has to be a GGUF model."
NO_BASE = "No patch_embedding weight found, is the selected model a full WanVideo model?"
NO_NEGATIVE = "Negative embeddings must be provided for CFG scale > 1.0"
TOO_SHORT = "Audio must have length greater than the block size."
TALK_FILE = "Wan2_1-InfiniteTalk-Multi_fp16.safetensors"

FAILURES: list[tuple[Change, tuple[str, str, str]]] = [
    (with_voices(2, None), ("sample", "AttributeError", "'NoneType' object has no attribute 'max'")),
    (with_voices(3, None), ("sample", "TypeError", "'NoneType' object is not subscriptable")),
    (with_voices(4, None), ("sample", "TypeError", "'NoneType' object is not subscriptable")),
    (with_input("sample", steps=6), ("sample", "ValueError", DISTILL)),
    (with_input("sample", scheduler="flowmatch_causvid", steps=3), ("sample", "ValueError", CAUSVID)),
    (
        with_input("i2v", width=72),
        ("sample", "RuntimeError", "shape '[16, 5, 8, 8]' is invalid for input of size 5760"),
    ),
    (
        with_input("i2v", height=72),
        ("sample", "RuntimeError", "shape '[16, 5, 8, 8]' is invalid for input of size 5760"),
    ),
    (with_audio(0.3), ("emb", "ValueError", TOO_SHORT)),
    (with_input("emb", num_frames=9), ("emb", "ValueError", TOO_SHORT)),
    (with_input("lora", merge_loras=True), ("model", "ValueError", GGUF_LORA)),
    (with_input("lora", merge_loras=None), ("model", "ValueError", GGUF_LORA)),
    (with_input("model", quantization="fp8_e4m3fn"), ("model", "ValueError", GGUF_QUANTIZATION)),
    (plain_base, ("model", "ValueError", GGUF_TALK)),
    (with_input("model", model=TALK_FILE), ("model", "ValueError", NO_BASE)),
    (without_negative, ("sample", "ValueError", NO_NEGATIVE)),
    (
        with_input("i2v", frame_window_size=17, motion_frame=17),
        ("sample", "ZeroDivisionError", "integer division or modulo by zero"),
    ),
    (one_mask(2), ("sample", "IndexError", "index 1 is out of bounds for dimension 0 with size 1")),
    (one_mask(3), ("sample", "IndexError", "index 1 is out of bounds for dimension 0 with size 1")),
    (picture_for_voice, ("audio1", "ValueError", "No audio stream found in the file.")),
]


@pytest.mark.parametrize(("change", "told"), FAILURES)
def test_a_graph_fails_as_on_the_real_server(
    change: Change, told: tuple[str, str, str], simulator: Simulator, tmp_path: Path
) -> None:
    node, kind, message = told
    outcome = simulator.run(change(one_speaker(tmp_path), tmp_path))
    error = outcome.event("execution_error")
    assert (error["node_id"], error["exception_type"], error["exception_message"]) == (node, kind, f"{message}\n")
    assert set(error["current_inputs"]) == set(outcome.history["prompt"][2][node]["inputs"])
    assert (outcome.history["status"]["completed"], outcome.history["outputs"]) == (False, {})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lost_mask, ("sample", "RuntimeError", "nothing of mask 1 is left")),
        (no_wav, ("audio1", "av.error.InvalidDataError", "Invalid data found when processing input")),
        (with_voices(2, 3), ("sample", "RuntimeError", "2 speakers have 3 masks, background last; there are 4")),
        (
            with_input("sample", multitalk_embeds=None),
            ("sample", "RuntimeError", "only this project's graphs run here"),
        ),
        (with_input("i2v", start_image=None), ("sample", "RuntimeError", "only this project's graphs run here")),
        (with_input("model", multitalk_model=None), ("sample", "RuntimeError", "only this project's graphs run here")),
        (with_input("img", image="/"), ("img", "IsADirectoryError", "Is a directory")),
        (with_input("sample", model="a constant"), ("sample", "TypeError", "model: expected VideoModel")),
        (with_input("sample", modell=["model", 0]), ("sample", "TypeError", "unexpected keyword argument 'modell'")),
    ],
)
def test_a_graph_that_cannot_be_simulated_says_why(
    change: Change, told: tuple[str, str, str], simulator: Simulator, tmp_path: Path
) -> None:
    node, kind, part = told
    error = simulator.run(change(one_speaker(tmp_path), tmp_path)).event("execution_error")
    assert (error["node_id"], error["exception_type"]) == (node, kind)
    assert part in error["exception_message"]


@pytest.mark.parametrize(
    "change",
    [
        with_voices(2, 2),
        with_voices(3, 3),
        with_voices(4, 4),
        with_voices(3, 2),
        with_input("sample", text_embeds=None),
        with_input("sample", cfg=5.0, scheduler="unipc", steps=1),
        with_input("text", negative=None),
        with_input("i2v", colormatch="mkl", tiled_vae=True),
        with_input("i2v", mode="auto"),
        with_input("emb", audio_cfg_scale=2.0),
        with_input("sample", scheduler="flowmatch_causvid"),
        with_input("talk", model="WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors"),
    ],
)
def test_what_ran_on_the_real_server_runs(change: Change, simulator: Simulator, tmp_path: Path) -> None:
    assert simulator.run(change(one_speaker(tmp_path), tmp_path)).succeeded


def test_the_second_run_of_two_speakers_without_masks_has_a_split(simulator: Simulator, tmp_path: Path) -> None:
    graph = with_voices(2, None)(one_speaker(tmp_path), tmp_path)
    assert not simulator.run(graph).succeeded
    assert simulator.run(graph).succeeded


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


def ticks_of(outcome: Outcome) -> list[tuple[float, float]]:
    ticks = [message["data"] for message in outcome.messages if is_tick(message)]
    return [(tick["value"], tick["max"]) for tick in ticks if tick["max"] != 1233]


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


def all_ticks_of(outcome: Outcome) -> list[tuple[float, float]]:
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
    assert all_ticks_of(outcome) == expected
