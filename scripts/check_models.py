"""Hold model files against the structures that ComfyUI and its node pack build for them, without running anything.

    $COMFYUI_PYTHON scripts/check_models.py COMFYUI_DIR MODELS

The node pack's own loader reads the base, each talk file and the LoRA, as in a job; what it builds lies on the device
"meta", and the files are mapped, so that 33 GB take neither memory nor a GPU. Every parameter must be in a file, in its
shape; so must those of the VAE, UMT5, CLIP vision and wav2vec2. Ends with 1 and the list of what is wrong.
"""

import argparse
import asyncio
import importlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PACK = "ComfyUI-WanVideoWrapper"
BASE = "wan2.1-i2v-14b-480p-Q4_K_M.gguf"
TALK = (
    "WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors",
    "Wan2_1-InfiniTetalk-Single_fp16.safetensors",
    "Wan2_1-InfiniteTalk-Multi_fp16.safetensors",
)
LORA = "lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors"
LORA_MATRICES_PER_BLOCK = 12  # self attention 4, cross attention 6, feed forward 2


def start(comfyui: Path, models: Path) -> Mapping[str, Any]:
    """ComfyUI's node classes, in this process and on the CPU."""
    sys.path.insert(0, str(comfyui))
    importlib.import_module("utils.install_util")  # before `nodes` lets comfy/utils.py take the name
    import comfy.cli_args  # noqa: PLC0415 - it exists only below that folder, here and below

    comfy.cli_args.args.cpu = True
    import folder_paths  # noqa: PLC0415
    import nodes  # noqa: PLC0415

    for folder in ("diffusion_models", "loras", "vae", "text_encoders", "clip_vision", "wav2vec2"):
        folder_paths.add_model_folder_path(folder, str(models / folder), is_default=True)
    folder_paths.add_model_folder_path("unet_gguf", str(models / "diffusion_models"))
    importlib.import_module("server").PromptServer(asyncio.new_event_loop())  # the node pack asks for it
    asyncio.run(nodes.load_custom_node(str(comfyui / "custom_nodes" / PACK)))
    found: Mapping[str, Any] = nodes.NODE_CLASS_MAPPINGS
    return found


def map_gguf(path: str) -> tuple[dict[str, Any], Any]:
    """As the node pack's load_gguf, each quantised matrix in the shape that it stands for.

    There it has that of its raw bytes until the weights are loaded, and the model is built with widths to match.
    """
    import gguf  # noqa: PLC0415
    import torch  # noqa: PLC0415

    reader = gguf.GGUFReader(path)
    shapes = {tensor.name: [int(length) for length in reversed(tensor.shape)] for tensor in reader.tensors}
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}, reader


def compared(what: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the tensors of a model."""
    for name, parameter in wanted.items():
        if name not in found:
            yield f"{what}: {name} is missing"
        elif parameter.shape != found[name].shape:
            yield f"{what}: {name} is {tuple(found[name].shape)}, not {tuple(parameter.shape)}"


def transformer(classes: Mapping[str, Any], talk: str) -> Iterator[str]:
    """Base, talk file and LoRA by the node pack's loader: every parameter in a file, a LoRA for every matrix."""
    loader = classes["WanVideoModelLoader"]
    sys.modules[f"{loader.__module__.rpartition('.')[0]}.gguf.gguf"].load_gguf = map_gguf  # type: ignore[attr-defined]
    talk_model = classes["MultiTalkModelLoader"]().loadmodel(talk)[0]
    lora = classes["WanVideoLoraSelect"]().getlorapath(LORA, 1.0, {}, merge_loras=False)[0]
    patcher = loader().loadmodel(BASE, "fp16", "offload_device", "disabled", lora=lora, multitalk_model=talk_model)[0]
    model = patcher.model.diffusion_model
    yield from compared(f"{BASE} with {talk}", dict(model.named_parameters()), patcher.model["sd"])
    wanted = LORA_MATRICES_PER_BLOCK * len(model.blocks)
    if len(patcher.patches) != wanted:
        yield f"{LORA}: it changes {len(patcher.patches)} matrices, not {wanted}"


def text_encoder(comfyui: Path, models: Path) -> Iterator[str]:
    """UMT5 as ComfyUI's own configuration describes it."""
    import comfy.ops  # noqa: PLC0415
    import comfy.text_encoders.t5  # noqa: PLC0415
    import comfy.utils  # noqa: PLC0415
    import torch  # noqa: PLC0415

    config = json.loads((comfyui / "comfy/text_encoders/umt5_config_xxl.json").read_text())
    (file,) = (models / "text_encoders").glob("*.safetensors")
    built = comfy.text_encoders.t5.T5(config, torch.float16, "meta", comfy.ops.manual_cast)
    yield from compared(file.name, built.state_dict(), comfy.utils.load_torch_file(str(file)))


def vision(comfyui: Path, models: Path) -> Iterator[str]:
    """CLIP ViT-H likewise."""
    import comfy.clip_model  # noqa: PLC0415
    import comfy.ops  # noqa: PLC0415
    import comfy.utils  # noqa: PLC0415
    import torch  # noqa: PLC0415

    config = json.loads((comfyui / "comfy/clip_vision_config_h.json").read_text())
    (file,) = (models / "clip_vision").glob("*.safetensors")
    built = comfy.clip_model.CLIPVisionModelProjection(config, torch.float16, "meta", comfy.ops.manual_cast)
    yield from compared(file.name, built.state_dict(), comfy.utils.load_torch_file(str(file)))


def small_ones(classes: Mapping[str, Any]) -> Iterator[str]:
    """VAE and wav2vec2 are small enough to be loaded as in a job, which raises where a tensor does not fit."""
    loads: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("WanVideoVAELoader", "wan_2.1_vae.safetensors", ("bf16",)),
        ("Wav2VecModelLoader", "wav2vec2-chinese-base_fp16.safetensors", ("fp16", "offload_device")),
    )
    for name, file, options in loads:
        try:
            classes[name]().loadmodel(file, *options)
        except (KeyError, RuntimeError, ValueError) as error:
            yield f"{file}: {error}"


def separator(models: Path) -> Iterator[str]:
    """Hybrid Demucs as torchaudio builds it for 44.1 kHz."""
    import comfy.utils  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from torchaudio.models import hdemucs_high  # noqa: PLC0415

    (file,) = (models / "voice_separation").glob("*.safetensors")
    with torch.device("meta"):
        built = hdemucs_high(["drums", "bass", "other", "vocals"])
    yield from compared(file.name, built.state_dict(), comfy.utils.load_torch_file(str(file)))


def missing(models: Path) -> list[str]:
    """Of the files that are looked at, those that are not there."""
    listed = json.loads((Path(__file__).resolve().parent.parent / "workflows/models.json").read_text(encoding="utf-8"))
    read = [one for one in listed["models"] if one.get("variant") in (None, "default", "q4_k_m")]
    return [f"{one['folder']}/{one['file']}" for one in read if not (models / one["folder"] / one["file"]).is_file()]


def main() -> int:
    """Print what does not fit; the exit status is 1 where anything does not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("comfyui", type=Path, metavar="COMFYUI_DIR")
    parser.add_argument("models", type=Path, metavar="MODELS", help="ComfyUI's models folder")
    asked = parser.parse_args()
    comfyui, models = asked.comfyui.resolve(), asked.models.resolve()
    if not (comfyui / "custom_nodes" / PACK).is_dir():
        parser.error(f"{comfyui} is no ComfyUI with {PACK} in it")
    if absent := missing(models):
        parser.error(f"{models} lacks {', '.join(absent)}: scripts/download_models.sh --separation --dest {models}")
    classes = start(comfyui, models)
    wrong = [line for talk in TALK for line in transformer(classes, talk)]
    wrong += [*text_encoder(comfyui, models), *vision(comfyui, models), *small_ones(classes), *separator(models)]
    print("\n".join(wrong) or "every file fits the structure that is built for it", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
