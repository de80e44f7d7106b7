"""It fails where the real server fails, with the same exception and message, and runs what ran there."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.simulator.simulator_process import (
    Graph,
    Simulator,
    changed,
    one_speaker,
    tone,
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
