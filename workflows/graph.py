"""Fills a graph template for one job.

The templates are plain API-format graphs, one a mode, with every part present: four voices, masks,
speed LoRA, block swap. What a job does not need is taken out; values go in by node title. Loader
nodes keep their ids and inputs from job to job, so that ComfyUI keeps the models loaded.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contract.fields import Mode
from contract.request import Request
from workflows.models import ModelSet
from workflows.modes import MODES
from workflows.own_nodes import PROMPTS, SOURCE, VOICE_EMBEDS
from workflows.plan import Plan
from workflows.scenes import WindowPrompts
from workflows.separation import SeparatedVoice, separate_voices
from workflows.template import Graph, Template

FOLDER = Path(__file__).parent
VOICES = 4


@dataclass(frozen=True)
class Precision:
    """What suits the GPU: number formats and the attention kernel, as the loader nodes name them.

    `force_offload` takes the weights off the GPU after each job; without it the next job starts sooner, where they are
    no GGUF, and VAE and text encoder fit beside them (docs/facts/talk-models.md#precision-and-memory).
    """

    base: str = "fp16_fast"
    attention: str = "sdpa"
    vae: str = "bf16"
    wav2vec: str = "fp16"
    force_offload: bool = True


@dataclass(frozen=True)
class MemoryOptions:
    """How a graph saves GPU memory. `blocks_to_swap` of the base model's 40 wait in RAM for their turn; None: no block
    swap."""

    blocks_to_swap: int | None
    tiled_vae: bool = False


@dataclass(frozen=True)
class References:
    """The pictures that the windows go by, of the plan's size, in one PNG: frame k is for window k, the last one for
    every window after it. CLIP vision sees the first alone.

    Attributes:
        file: absolute path; ComfyUI reads it as a batch.
        count: its frames.
    """

    file: Path
    count: int = 1


@dataclass(frozen=True)
class Motion:
    """A video that the sampler begins with, in place of noise.

    Attributes:
        folder: its pictures at 25 a second, of the plan's size, in the order of their names; the last one is held.
        start_step: how many steps are left out.
    """

    folder: Path
    start_step: int


@dataclass(frozen=True)
class GraphInputs:
    """What was prepared for a graph: its files, its windows, and what of the request depends on these.

    Attributes:
        references: what the windows look like. All paths are absolute, of files that ComfyUI can read.
        voices: 16 kHz mono WAVs as long as the generated frames, speakers in order.
        masks: a PNG with a frame for each voice and one for the background; None for one voice.
        plan: the windows and their size.
        shift: the flow shift.
        color_match: how the node pack matches the colours of a window to the portrait's.
        separated: the speakers, counted from 1, whose voices ComfyUI parts from music; their tracks are room tone.
        prompts: of the windows, where they are not all the request's own.
        motion: a video whose motion is followed.
    """

    references: References
    voices: tuple[Path, ...]
    masks: Path | None
    plan: Plan
    shift: float
    color_match: str
    separated: Mapping[int, SeparatedVoice] = field(default_factory=dict, kw_only=True)
    prompts: WindowPrompts | None = field(default=None, kw_only=True)
    motion: Motion | None = field(default=None, kw_only=True)


def build_graph(
    request: Request,
    inputs: GraphInputs,
    *,
    frames_parent: Path,
    memory: MemoryOptions,
    models: ModelSet,
    precision: Precision,
) -> Graph:
    """The graph of one job, ready to be posted.

    Args:
        frames_parent: where ComfyUI makes the folder of the frames.
        memory: its block swap counts, not the request's.

    Raises:
        ValueError: several references in a mode whose windows share one: the graph would end ComfyUI's prompt thread.
    """
    if inputs.references.count > 1 and not MODES[request.mode].reference_per_window:
        raise ValueError(f"{request.mode} goes by one reference picture, not {inputs.references.count}")
    template = Template(_text(request.mode))
    _fill_text(template, request, inputs.prompts or WindowPrompts((request.positive_prompt,), (0,)))
    _fill_models(template, models, precision)
    _fill_portrait_and_voices(template, request, inputs)
    _fill_speed(template, request.speed_lora_strength, memory.blocks_to_swap)
    _fill_windows(template, request.mode, inputs, frames_parent, memory)
    if inputs.motion is not None:
        _fill_motion(template, inputs.plan, inputs.motion, memory)
    template.fill(
        "Sampler",
        steps=request.steps,
        cfg=request.cfg_scale,
        shift=inputs.shift,
        seed=request.seed,
        scheduler=request.scheduler,
    )
    separate_voices(template.graph, inputs.separated)
    return template.graph


def _fill_text(template: Template, request: Request, prompts: WindowPrompts) -> None:
    """The prompts; of the negative one only the way that it works by (`Request.negative_guidance`)."""
    _fill_prompts(template, prompts)
    template.fill("Negative prompt", text=_literal(request.negative_prompt))
    if request.negative_guidance == "nag":
        template.unlink("Text embeds", "negative")  # the server would keep it and never use it
        return
    template.take_out("NAG", "Negative embeds")
    template.link("Sampler", "text_embeds", "Text embeds")
    if request.negative_guidance is None:
        template.take_out("Negative prompt")  # the server would encode it and never use it


def _literal(prompt: str) -> str:
    """The prompt for CLIPTextEncode, so that brackets are brackets.

    There "(word:1.2)" weighs a word, "(word)" by 1.1, and "(word:nan)" makes every frame empty; a backslash takes the
    meaning away. "embedding:name" is text to the tokenizer of UMT5, which knows no folder of embeddings.
    """
    return prompt.replace("(", r"\(").replace(")", r"\)")


def template_graph(mode: Mode, models: ModelSet, precision: Precision) -> Graph:
    """A mode's template with its model files and number formats: everything that a server must have for it."""
    template = Template(_text(mode))
    _fill_models(template, models, precision)
    return template.graph


def workflow_version(mode: Mode) -> str:
    """Names the template: changes when, and only when, it does."""
    return f"{mode}-{hashlib.sha256(_text(mode).encode()).hexdigest()[:12]}"


def output_node(graph: Graph) -> str:
    """The id of the node that shows the frames folder."""
    return next(node for node, entry in graph.items() if entry["_meta"]["title"] == "Frames folder")


def sampler_node(graph: Graph) -> str:
    """The id of the node that reports the steps."""
    return next(node for node, entry in graph.items() if entry["_meta"]["title"] == "Sampler")


def _fill_prompts(template: Template, prompts: WindowPrompts) -> None:
    """Each text is encoded once. For several our node stands in the place of upstream's bridge, which takes one."""
    first, *others = prompts.texts
    template.fill("Positive prompt", text=_literal(first))
    if not others:
        return
    links = {"prompt_1": template.output_of("Positive prompt")}
    for number, text in enumerate(others, 2):
        links[f"prompt_{number}"] = template.copy("Positive prompt", str(number), text=_literal(text))
    windows = ",".join(str(number + 1) for number in prompts.windows)
    template.change_class("Text embeds", PROMPTS, drop="positive", windows=windows, **links)


def _fill_models(template: Template, models: ModelSet, precision: Precision) -> None:
    template.fill("Text encoder", clip_name=models.text_encoder)
    template.fill("CLIP vision", clip_name=models.clip_vision)
    template.fill("VAE", model_name=models.vae, precision=precision.vae)
    template.fill("Wav2vec2", model=models.wav2vec, base_precision=precision.wav2vec)
    template.fill("Talk model", model=models.talk)
    template.fill("Base model", model=models.base, base_precision=precision.base, attention_mode=precision.attention)
    template.fill("Speed LoRA", lora=models.speed_lora)
    template.fill("Sampler", force_offload=precision.force_offload)


def _fill_portrait_and_voices(template: Template, request: Request, inputs: GraphInputs) -> None:
    template.fill("Portrait", image=str(inputs.references.file))
    if inputs.plan.is_long:
        template.change_class("Voice embeds", VOICE_EMBEDS)
    template.fill("Voice embeds", num_frames=inputs.plan.asked)
    template.fill("Voice embeds", audio_scale=request.audio_scale, audio_cfg_scale=request.audio_cfg_scale)
    for number in range(1, VOICES + 1):
        if number <= len(inputs.voices):
            template.fill(f"Voice {number}", audio=str(inputs.voices[number - 1]))
        else:
            template.take_out(f"Voice {number}")
    if inputs.masks is None:
        template.take_out("Masks", "Masks image")
    else:
        template.fill("Masks image", image=str(inputs.masks))


def _fill_speed(template: Template, speed_lora_strength: float | None, blocks_to_swap: int | None) -> None:
    if speed_lora_strength is None:
        template.take_out("Speed LoRA")
    else:
        template.fill("Speed LoRA", strength=speed_lora_strength)
    if blocks_to_swap is None:
        template.take_out("Block swap")
    else:
        template.fill("Block swap", blocks_to_swap=blocks_to_swap)


def _fill_windows(
    template: Template, mode: Mode, inputs: GraphInputs, frames_parent: Path, memory: MemoryOptions
) -> None:
    template.fill(
        "Windows",
        width=inputs.plan.width,
        height=inputs.plan.height,
        frame_window_size=inputs.plan.window,
        motion_frame=inputs.plan.overlap,
        colormatch=inputs.color_match,
        tiled_vae=memory.tiled_vae,
        mode=mode,
        output_path=str(frames_parent),
    )


def _fill_motion(template: Template, plan: Plan, motion: Motion, memory: MemoryOptions) -> None:
    source = {
        "vae": template.output_of("VAE"),
        "folder": str(motion.folder),
        "width": plan.width,
        "height": plan.height,
        "frame_window_size": plan.window,
        "motion_frame": plan.overlap,
        "tiled_vae": memory.tiled_vae,
    }
    samples = template.add("source", "Source", SOURCE, source)
    template.extend("Sampler", samples=samples, start_step=motion.start_step, add_noise_to_samples=True)


def _text(mode: Mode) -> str:
    return (FOLDER / MODES[mode].graph).read_text(encoding="utf-8")
