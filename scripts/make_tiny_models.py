"""Write tiny stand-ins for every model file of the talking-video graphs.

    python scripts/make_tiny_models.py DEST

Promises: DEST gets ComfyUI's models folder layout, each file under its real name, in its real format and with the real
tensor names, 1.2 GB in all; every value is finite and of a sensible scale (normal, 1/sqrt(fan in); biases 0, norms 1);
the same call writes the same bytes. With them the real ComfyUI runs the real graphs on a CPU, and the frames follow the
audio, the image and the seed. UMT5 and CLIP vision are smaller than ComfyUI's own configurations: the server needs the
test-only node that hands it the small ones.

What the loaders insist on, and so every size below: docs/facts/tiny-models.md.
"""

import argparse
import io
import itertools
import math
import zlib
from pathlib import Path
from typing import Any

import gguf
import sentencepiece
import torch
from safetensors.torch import save_file

Shapes = dict[str, tuple[int, ...]]
Tensors = dict[str, torch.Tensor]

# The node pack derives 30 layers and 12 heads from a dimension that no real 14B or 5B model has.
BLOCKS, DIM, FFN_DIM, LORA_RANK = 30, 768, 512, 4
AUDIO_LAYERS, AUDIO_DIM, AUDIO_HIDDEN, AUDIO_TOKENS = 12, 768, 512, 32
AUDIO_WINDOW_FIRST_FRAME, AUDIO_WINDOW_LATER_FRAMES = 5, 8
UMT5_LAYERS, UMT5_DIM, UMT5_INNER, UMT5_VOCABULARY = 24, 4096, 64, 512
CLIP_LAYERS, CLIP_DIM, CLIP_FFN_DIM = 2, 1280, 64
VAE_CHANNELS, VAE_LATENT_CHANNELS = (24, 48, 96, 96), 16
Q4_K_VALUES_PER_BLOCK = 256


def layer(name: str, *shape: int, bias: bool = True) -> Shapes:
    """A linear layer (out, in), a convolution (out, in, *kernel), a norm (dim) or an embedding (entries, dim)."""
    weight: Shapes = {f"{name}.weight": shape}
    return weight | {f"{name}.bias": shape[:1]} if bias else weight


def layers(parent: str, names: str, *shape: int, bias: bool = True) -> Shapes:
    """The same layer under each of the names, which spaces separate."""
    shapes: Shapes = {}
    for name in names.split():
        shapes |= layer(f"{parent}.{name}", *shape, bias=bias)
    return shapes


def generator_for(path: Path) -> torch.Generator:
    return torch.Generator().manual_seed(zlib.crc32(path.name.encode()))


def initial_value(name: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    if name.endswith(".bias"):
        return torch.zeros(shape)
    if len(shape) == 1 or name.endswith((".gamma", ".weight_g")):
        return torch.ones(shape)
    return torch.randn(shape, generator=generator) / math.sqrt(math.prod(shape[1:]))


def initialise(shapes: Shapes, generator: torch.Generator) -> Tensors:
    return {name: initial_value(name, shape, generator) for name, shape in shapes.items()}


def write_safetensors(path: Path, shapes: Shapes, matrices: torch.dtype = torch.float16) -> None:
    """Vectors are fp16 whatever the matrices are."""
    values = initialise(shapes, generator_for(path)).items()
    save_file({name: value.to(matrices if value.dim() > 1 else torch.float16) for name, value in values}, path)


def base_shapes() -> Shapes:
    """WAN 2.1 I2V: 36 input channels, and `k_img` in the cross attention."""
    shapes = layer("patch_embedding", DIM, 36, 1, 2, 2)
    shapes |= layer("text_embedding.0", DIM, UMT5_DIM) | layer("text_embedding.2", DIM, DIM)
    shapes |= layer("time_embedding.0", DIM, 256) | layer("time_embedding.2", DIM, DIM)
    shapes |= layer("time_projection.1", 6 * DIM, DIM)
    shapes |= layer("img_emb.proj.0", CLIP_DIM) | layer("img_emb.proj.1", CLIP_DIM, CLIP_DIM)
    shapes |= layer("img_emb.proj.3", DIM, CLIP_DIM) | layer("img_emb.proj.4", DIM)
    for block in (f"blocks.{index}" for index in range(BLOCKS)):
        shapes |= layers(f"{block}.self_attn", "q k v o", DIM, DIM)
        shapes |= layers(f"{block}.self_attn", "norm_q norm_k", DIM, bias=False)
        shapes |= layers(f"{block}.cross_attn", "q k v o k_img v_img", DIM, DIM)
        shapes |= layers(f"{block}.cross_attn", "norm_q norm_k norm_k_img", DIM, bias=False)
        shapes |= layer(f"{block}.norm3", DIM)
        shapes |= layer(f"{block}.ffn.0", FFN_DIM, DIM) | layer(f"{block}.ffn.2", DIM, FFN_DIM)
        shapes[f"{block}.modulation"] = (1, 6, DIM)
    shapes |= layer("head.head", 4 * VAE_LATENT_CHANNELS, DIM)
    shapes["head.modulation"] = (1, 2, DIM)
    return shapes


def random_q4_k(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """A random matrix as raw Q4_K, uint8 [rows, blocks * 144]: the gguf package does not quantise to K types itself.

    Scale 2, minimum 15 and dmin = d make each value d * (2q - 15) for a nibble q: mean 0, deviation d * sqrt(85).
    """
    rows, columns = shape
    blocks = rows * columns // Q4_K_VALUES_PER_BLOCK
    d_and_dmin = torch.full((blocks, 2), 1 / math.sqrt(85 * columns), dtype=torch.float16).view(torch.uint8)
    scales = torch.tensor([2] * 4 + [15] * 4 + [15 << 4 | 2] * 4, dtype=torch.uint8).expand(blocks, 12)
    nibbles = torch.randint(256, (blocks, Q4_K_VALUES_PER_BLOCK // 2), generator=generator, dtype=torch.uint8)
    return torch.cat([d_and_dmin, scales, nibbles], dim=1).reshape(rows, -1)


def write_base(path: Path) -> None:
    """The blocks' matrices are Q4_K, other matrices F16; vectors, modulations and the patch embedding F32."""
    generator = generator_for(path)
    writer = gguf.GGUFWriter(path, "wan")
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    for name, shape in base_shapes().items():
        if name.startswith("blocks.") and len(shape) == 2:
            raw = random_q4_k(shape, generator).numpy()
            writer.add_tensor(name, raw, raw_dtype=gguf.GGMLQuantizationType.Q4_K)
        else:
            value = initial_value(name, shape, generator)
            writer.add_tensor(name, (value.half() if len(shape) == 2 else value).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def talk_shapes() -> Shapes:
    """MultiTalk and InfiniteTalk: the audio projection at full size, an audio cross attention per block."""
    features = AUDIO_LAYERS * AUDIO_DIM
    shapes = layer("audio_proj.proj1", AUDIO_HIDDEN, AUDIO_WINDOW_FIRST_FRAME * features)
    shapes |= layer("audio_proj.proj1_vf", AUDIO_HIDDEN, AUDIO_WINDOW_LATER_FRAMES * features)
    shapes |= layer("audio_proj.proj2", AUDIO_HIDDEN, AUDIO_HIDDEN)
    shapes |= layer("audio_proj.proj3", AUDIO_TOKENS * AUDIO_DIM, AUDIO_HIDDEN) | layer("audio_proj.norm", AUDIO_DIM)
    for block in (f"blocks.{index}" for index in range(BLOCKS)):
        shapes |= layers(f"{block}.audio_cross_attn", "q_linear proj", DIM, DIM)
        shapes |= layer(f"{block}.audio_cross_attn.kv_linear", 2 * DIM, AUDIO_DIM) | layer(f"{block}.norm_x", DIM)
    return shapes


def write_lora(path: Path) -> None:
    """A low-rank pair for every matrix of the blocks; alpha 1 over rank 4 keeps it weaker than that matrix."""
    shapes: Shapes = {}
    alphas: Tensors = {}
    for name, shape in base_shapes().items():
        if name.startswith("blocks.") and len(shape) == 2:
            module = f"diffusion_model.{name.removesuffix('.weight')}"
            shapes |= layer(f"{module}.lora_down", LORA_RANK, shape[1], bias=False)
            shapes |= layer(f"{module}.lora_up", shape[0], LORA_RANK, bias=False)
            alphas[f"{module}.alpha"] = torch.tensor(1.0)
    values = initialise(shapes, generator_for(path)) | alphas
    save_file({name: value.bfloat16() for name, value in values.items()}, path)


def residual_shapes(name: str, inputs: int, outputs: int) -> Shapes:
    shapes: Shapes = {f"{name}.residual.0.gamma": (inputs, 1, 1, 1), f"{name}.residual.3.gamma": (outputs, 1, 1, 1)}
    shapes |= layer(f"{name}.residual.2", outputs, inputs, 3, 3, 3)
    shapes |= layer(f"{name}.residual.6", outputs, outputs, 3, 3, 3)
    return shapes if inputs == outputs else shapes | layer(f"{name}.shortcut", outputs, inputs, 1, 1, 1)


def middle_shapes(name: str, channels: int) -> Shapes:
    shapes = residual_shapes(f"{name}.0", channels, channels) | residual_shapes(f"{name}.2", channels, channels)
    shapes |= {f"{name}.1.norm.gamma": (channels, 1, 1)} | layer(f"{name}.1.to_qkv", 3 * channels, channels, 1, 1)
    return shapes | layer(f"{name}.1.proj", channels, channels, 1, 1)


def stage_shapes(name: str, inputs: int, stages: tuple[int, ...], *, residuals: int, factor: int, timed: int) -> Shapes:
    """Stages of residual blocks, a resampling between them; `timed` is the first of the two that resample time as well.

    factor: 1 on the way down; 2 on the way up, where a resampling halves the channels.
    """
    shapes: Shapes = {}
    names = (f"{name}.{index}" for index in itertools.count())
    for stage, outputs in enumerate(stages):
        for _ in range(residuals):
            shapes |= residual_shapes(next(names), inputs, outputs)
            inputs = outputs
        if stage < len(stages) - 1:
            resampling, inputs = next(names), outputs // factor
            shapes |= layer(f"{resampling}.resample.1", inputs, outputs, 3, 3)
            if timed <= stage < timed + 2:
                shapes |= layer(f"{resampling}.time_conv", factor * outputs, outputs, 3, 1, 1)
    return shapes


def vae_shapes() -> Shapes:
    """The pruned variant, a quarter of the channels: the node pack knows it by decoder.conv1's 96."""
    channels, latent = VAE_CHANNELS, VAE_LATENT_CHANNELS
    shapes = layer("encoder.conv1", channels[0], 3, 3, 3, 3)
    shapes |= stage_shapes("encoder.downsamples", channels[0], channels, residuals=2, factor=1, timed=1)
    shapes |= middle_shapes("encoder.middle", channels[-1]) | layer("encoder.head.2", 2 * latent, channels[-1], 3, 3, 3)
    shapes |= {"encoder.head.0.gamma": (channels[-1], 1, 1, 1), "decoder.head.0.gamma": (channels[0], 1, 1, 1)}
    shapes |= layer("conv1", 2 * latent, 2 * latent, 1, 1, 1) | layer("conv2", latent, latent, 1, 1, 1)
    shapes |= layer("decoder.conv1", channels[-1], latent, 3, 3, 3) | middle_shapes("decoder.middle", channels[-1])
    shapes |= stage_shapes("decoder.upsamples", channels[-1], channels[::-1], residuals=3, factor=2, timed=0)
    return shapes | layer("decoder.head.2", 3, channels[0], 3, 3, 3)


def tokenizer_model() -> torch.Tensor:
    """A SentencePiece model, uint8. Falling back to bytes, it spells a prompt in any language with few pieces."""
    model = io.BytesIO()
    options: dict[str, Any] = {"model_type": "char", "vocab_size": UMT5_VOCABULARY, "hard_vocab_limit": False}
    options |= {"byte_fallback": True, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1, "num_threads": 1}
    lines = iter(["a person is talking, singing and smiling", "low quality, blurry"])
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=lines, model_writer=model, minloglevel=2, **options)
    return torch.frombuffer(bytearray(model.getvalue()), dtype=torch.uint8)


def umt5_shapes() -> Shapes:
    shapes = layer("shared", UMT5_VOCABULARY, UMT5_DIM, bias=False)
    shapes |= layer("encoder.final_layer_norm", UMT5_DIM, bias=False)
    for block in (f"encoder.block.{index}.layer" for index in range(UMT5_LAYERS)):
        attention, feed_forward = f"{block}.0.SelfAttention", f"{block}.1.DenseReluDense"
        shapes |= layers(attention, "q k v", UMT5_INNER, UMT5_DIM, bias=False)
        shapes |= layer(f"{attention}.o", UMT5_DIM, UMT5_INNER, bias=False)
        shapes |= layer(f"{attention}.relative_attention_bias", 32, 1, bias=False)
        shapes |= layers(feed_forward, "wi_0 wi_1", UMT5_INNER, UMT5_DIM, bias=False)
        shapes |= layer(f"{feed_forward}.wo", UMT5_DIM, UMT5_INNER, bias=False)
        shapes |= layers(block, "0.layer_norm 1.layer_norm", UMT5_DIM, bias=False)
    return shapes


def write_umt5(path: Path) -> None:
    """Scaled fp8: linear layers in float8 beside their scales, the rest fp16; the empty tensor's type is the mark."""
    fp8 = torch.float8_e4m3fn
    tensors: Tensors = {"scaled_fp8": torch.empty(0, dtype=fp8), "spiece_model": tokenizer_model()}
    for name, value in initialise(umt5_shapes(), generator_for(path)).items():
        if value.dim() == 1 or "relative_attention_bias" in name or name.startswith("shared"):
            tensors[name] = value.half()
        else:
            scale = value.abs().max() / torch.finfo(fp8).max
            tensors[name] = (value / scale).to(fp8)
            tensors[f"{name.removesuffix('.weight')}.scale_weight"] = scale
    save_file(tensors, path)


def clip_vision_shapes() -> Shapes:
    """Two layers of ViT-H, and a lone norm of layer 30: ComfyUI knows the variant by it."""
    model, encoder = "vision_model", "vision_model.encoder.layers"
    shapes = layer(f"{model}.embeddings.patch_embedding", CLIP_DIM, 3, 14, 14, bias=False)
    shapes |= layer(f"{model}.embeddings.position_embedding", 257, CLIP_DIM, bias=False)
    shapes[f"{model}.embeddings.class_embedding"] = (CLIP_DIM,)
    shapes |= layers(model, "pre_layrnorm post_layernorm", CLIP_DIM)
    shapes |= layer("visual_projection", 1024, CLIP_DIM, bias=False)
    for parent in (f"{encoder}.{index}" for index in range(CLIP_LAYERS)):
        shapes |= layers(f"{parent}.self_attn", "q_proj k_proj v_proj out_proj", CLIP_DIM, CLIP_DIM)
        shapes |= layer(f"{parent}.mlp.fc1", CLIP_FFN_DIM, CLIP_DIM)
        shapes |= layer(f"{parent}.mlp.fc2", CLIP_DIM, CLIP_FFN_DIM)
        shapes |= layers(parent, "layer_norm1 layer_norm2", CLIP_DIM)
    return shapes | layer(f"{encoder}.30.layer_norm1", CLIP_DIM)


def wav2vec_shapes() -> Shapes:
    """wav2vec 2.0 base, full size as the node pack fixes it. The positional convolution has a weight norm."""
    channels, extractor, position = 512, "feature_extractor.conv_layers", "encoder.pos_conv_embed.conv"
    shapes: Shapes = {"masked_spec_embed": (AUDIO_DIM,), f"{position}.bias": (AUDIO_DIM,)}
    shapes |= {f"{position}.weight_g": (1, 1, 128), f"{position}.weight_v": (AUDIO_DIM, AUDIO_DIM // 16, 128)}
    for index, kernel in enumerate((10, 3, 3, 3, 3, 2, 2)):
        shapes |= layer(f"{extractor}.{index}.conv", channels, channels if index else 1, kernel, bias=False)
    shapes |= layer(f"{extractor}.0.layer_norm", channels) | layer("encoder.layer_norm", AUDIO_DIM)
    shapes |= layer("feature_projection.layer_norm", channels)
    shapes |= layer("feature_projection.projection", AUDIO_DIM, channels)
    for parent in (f"encoder.layers.{index}" for index in range(AUDIO_LAYERS)):
        shapes |= layers(f"{parent}.attention", "q_proj k_proj v_proj out_proj", AUDIO_DIM, AUDIO_DIM)
        shapes |= layer(f"{parent}.feed_forward.intermediate_dense", 4 * AUDIO_DIM, AUDIO_DIM)
        shapes |= layer(f"{parent}.feed_forward.output_dense", AUDIO_DIM, 4 * AUDIO_DIM)
        shapes |= layers(parent, "layer_norm final_layer_norm", AUDIO_DIM)
    return {f"wav2vec2.{name}": shape for name, shape in shapes.items()}


def write_all(models: Path) -> None:
    for folder in ("diffusion_models", "loras", "vae", "text_encoders", "clip_vision", "wav2vec2"):
        (models / folder).mkdir(parents=True, exist_ok=True)
    diffusion = models / "diffusion_models"
    write_base(diffusion / "wan2.1-i2v-14b-480p-Q4_K_M.gguf")
    multitalk = diffusion / "WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors"
    write_safetensors(multitalk, talk_shapes(), matrices=torch.float8_e4m3fn)
    write_safetensors(diffusion / "Wan2_1-InfiniTetalk-Single_fp16.safetensors", talk_shapes())
    write_safetensors(diffusion / "Wan2_1-InfiniteTalk-Multi_fp16.safetensors", talk_shapes())
    write_lora(models / "loras/lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors")
    write_safetensors(models / "vae/wan_2.1_vae.safetensors", vae_shapes())
    write_umt5(models / "text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors")
    write_safetensors(models / "clip_vision/clip_vision_h.safetensors", clip_vision_shapes())
    write_safetensors(models / "wav2vec2/wav2vec2-chinese-base_fp16.safetensors", wav2vec_shapes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, metavar="DEST", help="ComfyUI's models folder")
    write_all(parser.parse_args().models)


if __name__ == "__main__":
    main()
