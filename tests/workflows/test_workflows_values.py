"""What a job asks for stands in its graph where it belongs, and nothing of one job in the next."""

import json
from pathlib import Path

import pytest

from contract.fields import Mode
from tests.workflows.graph_checker import Graph, links, problems
from tests.workflows.graph_reading import inputs, titles
from tests.workflows.graph_samples import FOLDER, arguments, by_mode, plan
from workflows.graph import Motion, Precision, References, build_graph
from workflows.models import choose_models

LOADERS = (
    *("CLIPLoader", "CLIPVisionLoader", "WanVideoVAELoader", "Wav2VecModelLoader", "MultiTalkModelLoader"),
    *("WanVideoLoraSelect", "WanVideoBlockSwap", "WanVideoModelLoader"),
)


def loaders(graph: Graph) -> Graph:
    return {node: entry for node, entry in graph.items() if entry["class_type"] in LOADERS}


@by_mode
def test_the_values_stand_where_they_belong(mode: Mode) -> None:
    made = plan(700, mode=mode)
    job = arguments(
        mode,
        2,
        plan=made,
        width=640,
        height=384,
        cfg_scale=5.0,
        steps=20,
        shift=7.0,
        seed=99,
        scheduler="unipc",
        audio_scale=1.5,
        audio_cfg_scale=0.8,
        color_match="hm",
        speed_lora_strength=0.7,
        blocks_to_swap=13,
        tiled_vae=True,
        precision=Precision(base="bf16", attention="sageattn", vae="fp32", wav2vec="fp32"),
    )
    graph = build_graph(**job)
    sampler = {"steps": 20, "cfg": 5.0, "shift": 7.0, "seed": 99, "scheduler": "unipc"}
    assert inputs(graph, "Sampler").items() >= sampler.items()
    windows = inputs(graph, "Windows")
    assert (windows["width"], windows["height"], windows["mode"]) == (640, 384, mode)
    assert (windows["frame_window_size"], windows["motion_frame"]) == (made.window, made.overlap)
    assert (windows["colormatch"], windows["tiled_vae"]) == ("hm", True)
    assert windows["output_path"] == str(FOLDER / "frames")
    voices = inputs(graph, "Voice embeds")
    assert (voices["num_frames"], voices["fps"]) == (made.generated, 25.0)
    assert (voices["audio_scale"], voices["audio_cfg_scale"], voices["multi_audio_type"]) == (1.5, 0.8, "para")
    assert inputs(graph, "Portrait")["image"] == str(FOLDER / "portrait.png")
    assert inputs(graph, "Masks image")["image"] == str(FOLDER / "masks.png")
    assert [inputs(graph, f"Voice {n}")["audio"] for n in (1, 2)] == [str(FOLDER / f"track_{n}.wav") for n in (1, 2)]
    assert inputs(graph, "Positive prompt")["text"] == "A woman speaks"
    assert inputs(graph, "Negative prompt")["text"] == "blurred"
    assert (inputs(graph, "Speed LoRA")["strength"], inputs(graph, "Block swap")["blocks_to_swap"]) == (0.7, 13)
    assert inputs(graph, "VAE")["precision"] == "fp32"
    assert inputs(graph, "Wav2vec2")["base_precision"] == "fp32"
    assert (inputs(graph, "Base model")["base_precision"], inputs(graph, "Base model")["attention_mode"]) == (
        "bf16",
        "sageattn",
    )


def test_each_window_has_its_reference_and_clip_vision_sees_the_first_alone() -> None:
    graph = build_graph(**arguments("infinitetalk", references=References(FOLDER / "scenes.png", 3)))
    assert problems(graph) == []
    assert inputs(graph, "Portrait")["image"] == str(FOLDER / "scenes.png")
    assert inputs(graph, "Windows")["start_image"] == ["portrait", 0]
    (seen,) = links(graph, "clip_embeds") - {"clip_vision"}
    assert graph[seen]["class_type"] == "ImageFromBatch"
    assert graph[seen]["inputs"] == {"image": ["portrait", 0], "batch_index": 0, "length": 1}


def test_a_followed_video_is_what_the_sampler_begins_with() -> None:
    motion = Motion(FOLDER / "source", 2)
    graph = build_graph(**arguments("infinitetalk", motion=motion, tiled_vae=True))
    assert problems(graph) == []
    (windows, source) = inputs(graph, "Windows"), inputs(graph, "Source")
    same = ("width", "height", "frame_window_size", "motion_frame", "tiled_vae", "vae")
    assert {name: source[name] for name in same} == {name: windows[name] for name in same}
    assert source["folder"] == str(FOLDER / "source")
    begins = {"samples": ["source", 0], "start_step": 2, "add_noise_to_samples": True}
    assert inputs(graph, "Sampler").items() >= begins.items()
    assert not begins.keys() & inputs(build_graph(**arguments("infinitetalk")), "Sampler").keys()


def test_no_graph_hands_several_references_to_a_mode_that_dies_of_them() -> None:
    with pytest.raises(ValueError, match="multitalk goes by one reference picture, not 2"):
        build_graph(**arguments("multitalk", references=References(FOLDER / "scenes.png", 2)))


@by_mode
@pytest.mark.parametrize("voices", [1, 2, 3, 4])
@pytest.mark.parametrize("masked", [True, False])
def test_voices_and_masks_are_linked_exactly_as_given(mode: Mode, voices: int, masked: bool) -> None:
    graph = build_graph(**arguments(mode, voices, masks=FOLDER / "masks.png" if masked else None))
    linked = inputs(graph, "Voice embeds")
    audios = {f"audio_{number}" for number in range(1, voices + 1)}
    assert {name for name in linked if name.startswith("audio_") and name[-1].isdigit()} == audios
    for number in range(1, voices + 1):
        assert graph[linked[f"audio_{number}"][0]]["_meta"]["title"] == f"Voice {number}"
    assert ("ref_target_masks" in linked) is masked
    assert ({"Masks", "Masks image"} <= titles(graph)) is masked


@by_mode
@pytest.mark.parametrize(("cfg", "works_by"), [(1.0, None), (0.9, "cfg"), (5.0, "cfg"), (1.0, "nag")])
def test_the_negative_prompt_is_encoded_only_where_it_counts(mode: Mode, cfg: float, works_by: str | None) -> None:
    graph = build_graph(**arguments(mode, cfg_scale=cfg, negative_guidance=works_by))
    assert ("Negative prompt" in titles(graph)) is (works_by is not None)
    assert ("negative" in inputs(graph, "Text embeds")) is (works_by == "cfg")
    used = graph[inputs(graph, "Sampler")["text_embeds"][0]]["_meta"]["title"]
    assert used == ("NAG" if works_by == "nag" else "Text embeds")
    assert ({"NAG", "Negative embeds"} & titles(graph) != set()) is (works_by == "nag")


@by_mode
def test_the_lora_and_block_swap_are_there_exactly_where_asked_for(mode: Mode) -> None:
    bare, full = (
        build_graph(**arguments(mode, speed_lora_strength=None)),
        build_graph(**arguments(mode, blocks_to_swap=0)),
    )
    assert not titles(bare) & {"Speed LoRA", "Block swap"}
    assert not set(inputs(bare, "Base model")) & {"lora", "block_swap_args"}
    assert titles(full) >= {"Speed LoRA", "Block swap"}
    assert inputs(full, "Speed LoRA")["merge_loras"] is False  # true raises with a GGUF base model
    assert set(inputs(full, "Base model")) >= {"lora", "block_swap_args", "multitalk_model"}


@by_mode
@pytest.mark.parametrize("base", ["q4_k_m", "q8_0", "fp8"])
@pytest.mark.parametrize("voices", [1, 2, 4])
def test_the_model_files_are_those_chosen(mode: Mode, base: str, voices: int) -> None:
    graph, chosen = build_graph(**arguments(mode, voices, base=base)), choose_models(mode, voices, base)
    assert inputs(graph, "Base model")["model"] == chosen.base
    assert inputs(graph, "Talk model")["model"] == chosen.talk
    assert inputs(graph, "Speed LoRA")["lora"] == chosen.speed_lora
    assert inputs(graph, "VAE")["model_name"] == chosen.vae
    assert inputs(graph, "Text encoder")["clip_name"] == chosen.text_encoder
    assert inputs(graph, "CLIP vision")["clip_name"] == chosen.clip_vision
    assert inputs(graph, "Wav2vec2")["model"] == chosen.wav2vec
    assert problems(graph) == []


@by_mode
def test_loader_nodes_are_the_same_in_every_job_of_a_mode(mode: Mode) -> None:
    one = build_graph(**arguments(mode, 2))
    other = build_graph(
        **arguments(
            mode,
            4,
            plan=plan(900, mode=mode),
            width=1280,
            height=704,
            references=References(Path("/other/face.png")),
            frames_parent=Path("/other/frames"),
            positive_prompt="Four people speak",
            steps=20,
            cfg_scale=5.0,
            seed=8,
            shift=5.0,
            scheduler="unipc",
            color_match="disabled",
            audio_cfg_scale=2.0,
        )
    )
    assert loaders(one) == loaders(other)
    assert {entry["class_type"] for entry in loaders(one).values()} == set(LOADERS) - {"WanVideoBlockSwap"}
    assert set(one) <= set(other)


@by_mode
def test_one_and_two_voices_share_every_loader_but_the_talk_model(mode: Mode) -> None:
    one, two = loaders(build_graph(**arguments(mode, 1))), loaders(build_graph(**arguments(mode, 2)))
    different = {node for node in one if one[node] != two[node]}
    assert {one[node]["class_type"] for node in different} == (
        set() if mode == "multitalk" else {"MultiTalkModelLoader"}
    )


@by_mode
def test_building_a_graph_leaves_no_trace_in_the_next(mode: Mode) -> None:
    first = json.dumps(build_graph(**arguments(mode, 1, speed_lora_strength=None)))
    build_graph(**arguments(mode, 4, blocks_to_swap=20, cfg_scale=5.0))
    assert json.dumps(build_graph(**arguments(mode, 1, speed_lora_strength=None))) == first
