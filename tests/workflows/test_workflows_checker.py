"""The checker of the other tests catches every mistake that a graph can have: broken copies of the templates fail."""

import copy
import math
from collections.abc import Callable

import pytest

from contract.fields import Mode
from tests.workflows.graph_checker import Graph, problems
from tests.workflows.graph_samples import MODES, arguments
from workflows.graph import build_graph


def setting(node: str, name: str, value: object) -> Callable[[Graph], None]:
    """Puts a value, or a link, into an input."""

    def change(graph: Graph) -> None:
        graph[node]["inputs"][name] = value

    return change


def dropping(node: str, name: str) -> Callable[[Graph], None]:
    """Takes an input away."""

    def change(graph: Graph) -> None:
        del graph[node]["inputs"][name]

    return change


def of_class(node: str, class_type: str) -> Callable[[Graph], None]:
    """Makes a node one of another class."""

    def change(graph: Graph) -> None:
        graph[node]["class_type"] = class_type

    return change


def without(node: str) -> Callable[[Graph], None]:
    """Takes a node away and leaves the links to it."""

    def change(graph: Graph) -> None:
        del graph[node]

    return change


def twice(node: str) -> Callable[[Graph], None]:
    """Adds a copy of a node under another id."""

    def change(graph: Graph) -> None:
        graph["copy"] = copy.deepcopy(graph[node])

    return change


def entitled(node: str, title: str) -> Callable[[Graph], None]:
    """Gives a node another title."""

    def change(graph: Graph) -> None:
        graph[node]["_meta"]["title"] = title

    return change


def in_a_circle(graph: Graph) -> None:
    graph["frames"]["inputs"]["samples"] = ["sampler", 0]
    graph["sampler"]["inputs"]["samples"] = ["sampler", 0]


MISTAKES: dict[str, tuple[Callable[[Graph], None], str]] = {
    "wrong class": (of_class("sampler", "WanVideoSampler2"), "sampler: no class"),
    "class of another node": (of_class("frames_folder", "SaveVideo"), "frames_folder: no input source"),
    "no class": (of_class("vae", ""), "vae: no class"),
    "wrong input name": (setting("windows", "frame_windows_size", 81), "windows: no input frame_windows_size"),
    "hidden input": (setting("lora", "unique_id", "1"), "lora: no input unique_id"),
    "required constant missing": (dropping("windows", "motion_frame"), "windows: required input motion_frame"),
    "required link missing": (dropping("sampler", "model"), "sampler: required input model"),
    "no voice": (dropping("voice_embeds", "audio_1"), "voice_embeds: required input audio_1"),
    "link to no node": (setting("sampler", "model", ["modell", 0]), "sampler: model: no node modell"),
    "node gone": (without("wav2vec"), "voice_embeds: wav2vec_model: no node wav2vec"),
    "link to no output": (setting("frames_folder", "source", ["frames", 2]), "frames has no output 2"),
    "link from a negative output": (setting("frames_folder", "source", ["frames", -1]), "frames has no output -1"),
    "link of the wrong type": (setting("sampler", "text_embeds", ["positive", 0]), "takes WANVIDEOTEXTEMBEDS"),
    "link to the wrong output": (setting("clip_embeds", "image_1", ["portrait", 1]), "takes IMAGE, not MASK"),
    "image for a mask": (setting("voice_embeds", "ref_target_masks", ["masks_image", 0]), "takes MASK, not IMAGE"),
    "link into a list": (setting("sampler", "scheduler", ["frames", 1]), "sampler: scheduler: takes ["),
    "link without output": (setting("sampler", "model", ["model"]), "is no [node, output]"),
    "output as text": (setting("sampler", "model", ["model", "0"]), "is no [node, output]"),
    "constant for a link": (setting("sampler", "model", "model"), "sampler: model: takes a link"),
    "null": (setting("sampler", "model", None), "sampler: model: takes a link"),
    "above its range": (setting("voice_embeds", "num_frames", 10_001), "num_frames: 10001 is out of range"),
    "below its range": (setting("sampler", "steps", 0), "steps: 0 is out of range"),
    "fraction above its range": (setting("sampler", "cfg", 30.01), "cfg: 30.01 is out of range"),
    "not a number": (setting("sampler", "shift", math.nan), "shift: nan is out of range"),
    "negative strength": (setting("voice_embeds", "audio_scale", -0.1), "audio_scale: -0.1 is out of range"),
    "between two steps": (setting("windows", "frame_window_size", 80), "frame_window_size: 80 is between"),
    "no multiple of 8": (setting("windows", "width", 401), "width: 401 is between"),
    "fraction for a whole number": (setting("sampler", "steps", 4.0), "steps: 4.0 is no INT"),
    "text for a number": (setting("sampler", "seed", "1"), "seed: '1' is no INT"),
    "boolean for a number": (setting("sampler", "cfg", True), "cfg: True is no FLOAT"),
    "number for a boolean": (setting("lora", "merge_loras", 0), "merge_loras: 0 is no BOOLEAN"),
    "number for a text": (setting("positive", "text", 1), "text: 1 is no STRING"),
    "path object for a text": (setting("windows", "output_path", object()), "output_path: "),
    "unknown scheduler": (setting("sampler", "scheduler", "ddim"), "scheduler: 'ddim' is not in its list"),
    "unknown model file": (setting("talk", "model", "other.safetensors"), "talk: model: 'other.safetensors'"),
    "number for an upload": (setting("portrait", "image", 7), "portrait: image: 7 is not"),
    "dangling node": (twice("portrait"), "copy: dangles"),
    "dangling branch": (dropping("voice_embeds", "ref_target_masks"), "masks: dangles"),
    "two output nodes": (twice("frames_folder"), "graph: 2 output nodes"),
    "no output node": (without("frames_folder"), "graph: 0 output nodes"),
    "circle": (in_a_circle, "sampler: waits for itself"),
    "title twice": (entitled("voice_2", "Voice 1"), "graph: title Voice 1 stands twice"),
    "no title": (lambda graph: graph["vae"].pop("_meta"), "vae: keys other than"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_graph_is_caught(mode: Mode, mistake: str) -> None:
    graph = build_graph(**arguments(mode, 4, cfg_scale=5.0, blocks_to_swap=20))
    assert problems(graph) == []
    change, told = MISTAKES[mistake]
    change(graph)
    assert any(told in problem for problem in problems(graph)), problems(graph)
