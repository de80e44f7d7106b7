"""From `GET /object_info` of a real server to `simulator/object_info.json`.

Kept are the classes that the project's graphs use; every input, type, range, default and output stays as recorded,
prose goes. Replaced are the lists of model files: a simulated server has all the files the project knows.
"""

from typing import Any

from tests.simulator.simulator_process import Graph
from workflows.graph import Precision, template_graph
from workflows.models import choose_models, read_models
from workflows.modes import MODES
from workflows.separation import separation_graph

EXTRA_CLASSES = ("ImageBatch",)  # in graphs that the simulator's tests build
PROSE = ("description", "category", "display_name", "output_tooltips")
REPEATED = ("input_order",)
FLAGS = ("deprecated", "experimental", "api_node")  # some classes say no, others nothing
MODEL_LISTS = {
    ("WanVideoModelLoader", "model"): "diffusion_models",
    ("MultiTalkModelLoader", "model"): "diffusion_models",
    ("WanVideoLoraSelect", "lora"): "loras",
    ("WanVideoVAELoader", "model_name"): "vae",
    ("CLIPLoader", "clip_name"): "text_encoders",
    ("CLIPVisionLoader", "clip_name"): "clip_vision",
    ("Wav2VecModelLoader", "model"): "wav2vec2",
    ("TalkingVideoSeparatorLoader", "model_name"): "voice_separation",
}
UPLOADS = {("LoadImage", "image"), ("LoadAudio", "audio")}


def node_facts(object_info: dict[str, Any], graphs: list[Graph]) -> dict[str, Any]:
    """The facts of every class in `graphs` and in the worker's templates.

    Raises:
        LookupError: naming the classes that the server lacks.
    """
    templates = [template_graph(mode, choose_models(mode, 2, "q4_k_m"), Precision()) for mode in MODES]
    templates.append(separation_graph())
    wanted = {node["class_type"] for graph in (*graphs, *templates) for node in graph.values()} | set(EXTRA_CLASSES)
    if lacking := sorted(wanted - set(object_info)):
        raise LookupError(f"the server has no node {', '.join(lacking)}")
    facts = {name: without_prose(object_info[name]) for name in sorted(wanted)}
    for (class_name, input_name), folder in MODEL_LISTS.items():
        files = sorted(model.file for model in read_models() if model.folder == folder)
        facts[class_name]["input"]["required"][input_name][0] = files
    for class_name, input_name in UPLOADS:
        facts[class_name]["input"]["required"][input_name][0] = []
    return facts


def without_prose(info: dict[str, Any]) -> dict[str, Any]:
    """The facts of a class that count."""
    left_out = {*PROSE, *REPEATED, *(flag for flag in FLAGS if not info.get(flag))}
    kept = {name: value for name, value in info.items() if name not in left_out}
    inputs = {group: {name: _spec(spec) for name, spec in members.items()} for group, members in info["input"].items()}
    return {**kept, "input": inputs}


def _spec(spec: Any) -> Any:
    """Type and options of an input, without the tooltip and without options where none are left."""
    if not isinstance(spec, list):
        return spec
    kind, *options = spec
    kept = [{name: value for name, value in members.items() if name != "tooltip"} for members in options]
    return [kind, *filter(None, kept)]
