"""Fills a graph template for one job.

The templates are plain API-format graphs, one a mode, with every part present: four voices, masks,
speed LoRA, block swap. What a job does not need is taken out; values go in by node title. Loader
nodes keep their ids and inputs from job to job, so that ComfyUI keeps the models loaded.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflows.models import ModelSet
from workflows.plan import Plan

FOLDER = Path(__file__).parent
VOICES = 4
Graph = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Precision:
    """What suits the GPU: number formats and the attention kernel, as the loader nodes name them.

    `force_offload` takes the weights off the GPU after each job; without it the next job starts sooner, where
    VAE and text encoder fit beside them.
    """

    base: str = "fp16_fast"
    attention: str = "sdpa"
    vae: str = "bf16"
    wav2vec: str = "fp16"
    force_offload: bool = True


@dataclass(frozen=True)
class GraphValues:
    """Everything that a job puts into the graph. Paths are absolute, of files that ComfyUI can read.

    `voices` are 16 kHz mono WAVs as long as the generated frames, speakers in order; `masks` is a PNG
    with a frame for each voice and one for the background, None for one voice; ComfyUI makes a folder
    of its own below `frames_parent`. `negative_prompt` is used where cfg is not 1. `speed_lora` is the
    strength, None for none; `blocks_to_swap` None keeps every block on the GPU.
    """

    mode: str
    plan: Plan
    width: int
    height: int
    portrait: Path
    voices: tuple[Path, ...]
    masks: Path | None
    frames_parent: Path
    positive_prompt: str
    negative_prompt: str
    steps: int
    cfg: float
    shift: float
    seed: int
    scheduler: str
    audio_scale: float
    audio_cfg_scale: float
    color_match: str
    speed_lora: float | None
    blocks_to_swap: int | None
    models: ModelSet
    precision: Precision
    tiled_vae: bool = False


def build_graph(values: GraphValues) -> Graph:
    """The graph of one job, ready to be posted."""
    template = _Template(_text(values.mode))
    template.fill("Voice embeds", num_frames=values.plan.asked)
    template.fill("Voice embeds", audio_scale=values.audio_scale, audio_cfg_scale=values.audio_cfg_scale)
    template.fill("Portrait", image=str(values.portrait))
    template.fill("Positive prompt", text=_literal(values.positive_prompt))
    _fill_models(template, values.models, values.precision)
    _fill_speed(template, values)
    _fill_sampling(template, values)
    for number in range(1, VOICES + 1):
        if number <= len(values.voices):
            template.fill(f"Voice {number}", audio=str(values.voices[number - 1]))
        else:
            template.take_out(f"Voice {number}")
    if values.masks is None:
        template.take_out("Masks", "Masks image")
    else:
        template.fill("Masks image", image=str(values.masks))
    if values.cfg == 1.0:
        template.take_out("Negative prompt")  # the server would encode it and never use it
    else:
        template.fill("Negative prompt", text=_literal(values.negative_prompt))
    return template.graph


def _literal(prompt: str) -> str:
    """The prompt for CLIPTextEncode, so that brackets are brackets.

    There "(word:1.2)" weighs a word, "(word)" by 1.1, and "(word:nan)" makes every frame empty; a backslash takes the
    meaning away. "embedding:name" is text to the tokenizer of UMT5, which knows no folder of embeddings.
    """
    return prompt.replace("(", r"\(").replace(")", r"\)")


def template_graph(mode: str, models: ModelSet, precision: Precision) -> Graph:
    """A mode's template with its model files and number formats: everything that a server must have for it."""
    template = _Template(_text(mode))
    _fill_models(template, models, precision)
    return template.graph


def workflow_version(mode: str) -> str:
    """Names the template: changes when, and only when, it does."""
    return f"{mode}-{hashlib.sha256(_text(mode).encode()).hexdigest()[:12]}"


def output_node(graph: Graph) -> str:
    """The id of the node that shows the frames folder."""
    return next(node for node, entry in graph.items() if entry["_meta"]["title"] == "Frames folder")


def sampler_node(graph: Graph) -> str:
    """The id of the node that reports the steps."""
    return next(node for node, entry in graph.items() if entry["_meta"]["title"] == "Sampler")


def _fill_models(template: "_Template", models: ModelSet, precision: Precision) -> None:
    template.fill("Text encoder", clip_name=models.text_encoder)
    template.fill("CLIP vision", clip_name=models.clip_vision)
    template.fill("VAE", model_name=models.vae, precision=precision.vae)
    template.fill("Wav2vec2", model=models.wav2vec, base_precision=precision.wav2vec)
    template.fill("Talk model", model=models.talk)
    template.fill("Base model", model=models.base, base_precision=precision.base, attention_mode=precision.attention)
    template.fill("Speed LoRA", lora=models.speed_lora)
    template.fill("Sampler", force_offload=precision.force_offload)


def _fill_speed(template: "_Template", values: GraphValues) -> None:
    if values.speed_lora is None:
        template.take_out("Speed LoRA")
    else:
        template.fill("Speed LoRA", strength=values.speed_lora)
    if values.blocks_to_swap is None:
        template.take_out("Block swap")
    else:
        template.fill("Block swap", blocks_to_swap=values.blocks_to_swap)


def _fill_sampling(template: "_Template", values: GraphValues) -> None:
    plan = values.plan
    template.fill(
        "Windows",
        width=values.width,
        height=values.height,
        frame_window_size=plan.window,
        motion_frame=plan.overlap,
        colormatch=values.color_match,
        tiled_vae=values.tiled_vae,
        mode=values.mode,
        output_path=str(values.frames_parent),
    )
    template.fill(
        "Sampler",
        steps=values.steps,
        cfg=values.cfg,
        shift=values.shift,
        seed=values.seed,
        scheduler=values.scheduler,
    )


def _text(mode: str) -> str:
    return (FOLDER / f"{mode}.json").read_text(encoding="utf-8")


class _Template:
    """A graph whose nodes are found by title."""

    def __init__(self, text: str) -> None:
        self.graph: Graph = json.loads(text)
        self._ids = {entry["_meta"]["title"]: node for node, entry in self.graph.items()}

    def fill(self, title: str, **inputs: str | float) -> None:
        """Set constants of a node; each must be in the template, so that a slip of a name shows."""
        present = self.graph[self._ids[title]]["inputs"]
        for name, value in inputs.items():
            if name not in present:
                raise KeyError(f"the template's node '{title}' has no input '{name}'")
            present[name] = value

    def take_out(self, *titles: str) -> None:
        """Remove nodes, and every input that is linked to one of them."""
        gone = {self._ids[title] for title in titles}
        for node in gone:
            del self.graph[node]
        for entry in self.graph.values():
            entry["inputs"] = {name: value for name, value in entry["inputs"].items() if not _links_to(value, gone)}


def _links_to(value: object, nodes: set[str]) -> bool:
    return isinstance(value, list) and value[0] in nodes
