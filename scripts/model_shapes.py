"""The tensors of every model file of the talking-video graphs: names and shapes, at full size and as small as the
loaders take them.

What the loaders insist on, and so every size below: docs/facts/tiny-models.md.
"""

import itertools
from dataclasses import dataclass

Shapes = dict[str, tuple[int, ...]]

AUDIO_LAYERS, AUDIO_DIM, AUDIO_HIDDEN, AUDIO_TOKENS = 12, 768, 512, 32
AUDIO_WINDOW_FIRST_FRAME, AUDIO_WINDOW_LATER_FRAMES = 5, 8
UMT5_LAYERS, UMT5_DIM = 24, 4096
CLIP_DIM, CLIP_LAYER_THAT_MARKS_VIT_H = 1280, 30
VAE_LATENT_CHANNELS = 16


@dataclass(frozen=True)
class Sizes:
    """What differs between the stand-ins and the real models; everything else is the same in both.

    `blocks`, `dim` and `ffn_dim` are WAN's; `umt5_inner` is the width of its attention, `vae_channels` one a stage;
    `separator_channels` those of the first layer of Hybrid Demucs.
    """

    blocks: int
    dim: int
    ffn_dim: int
    lora_rank: int
    umt5_heads: int
    umt5_inner: int
    umt5_ffn_dim: int
    umt5_vocabulary: int
    clip_layers: int
    clip_ffn_dim: int
    vae_channels: tuple[int, ...]
    separator_channels: int


# The node pack derives 30 layers and 12 heads from a dimension that no real 14B or 5B model has.
TINY = Sizes(
    blocks=30,
    dim=768,
    ffn_dim=512,
    lora_rank=4,
    umt5_heads=1,
    umt5_inner=64,
    umt5_ffn_dim=64,
    umt5_vocabulary=512,
    clip_layers=2,
    clip_ffn_dim=64,
    vae_channels=(24, 48, 96, 96),
    separator_channels=4,
)
FULL = Sizes(
    blocks=40,
    dim=5120,
    ffn_dim=13824,
    lora_rank=64,
    umt5_heads=64,
    umt5_inner=4096,
    umt5_ffn_dim=10240,
    umt5_vocabulary=256_384,
    clip_layers=32,
    clip_ffn_dim=5120,
    vae_channels=(96, 192, 384, 384),
    separator_channels=48,
)


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


def base_shapes(sizes: Sizes) -> Shapes:
    """WAN 2.1 I2V: 36 input channels, and `k_img` in the cross attention."""
    dim, ffn_dim = sizes.dim, sizes.ffn_dim
    shapes = layer("patch_embedding", dim, 36, 1, 2, 2)
    shapes |= layer("text_embedding.0", dim, UMT5_DIM) | layer("text_embedding.2", dim, dim)
    shapes |= layer("time_embedding.0", dim, 256) | layer("time_embedding.2", dim, dim)
    shapes |= layer("time_projection.1", 6 * dim, dim)
    shapes |= layer("img_emb.proj.0", CLIP_DIM) | layer("img_emb.proj.1", CLIP_DIM, CLIP_DIM)
    shapes |= layer("img_emb.proj.3", dim, CLIP_DIM) | layer("img_emb.proj.4", dim)
    for block in (f"blocks.{index}" for index in range(sizes.blocks)):
        shapes |= layers(f"{block}.self_attn", "q k v o", dim, dim)
        shapes |= layers(f"{block}.self_attn", "norm_q norm_k", dim, bias=False)
        shapes |= layers(f"{block}.cross_attn", "q k v o k_img v_img", dim, dim)
        shapes |= layers(f"{block}.cross_attn", "norm_q norm_k norm_k_img", dim, bias=False)
        shapes |= layer(f"{block}.norm3", dim)
        shapes |= layer(f"{block}.ffn.0", ffn_dim, dim) | layer(f"{block}.ffn.2", dim, ffn_dim)
        shapes[f"{block}.modulation"] = (1, 6, dim)
    shapes |= layer("head.head", 4 * VAE_LATENT_CHANNELS, dim)
    shapes["head.modulation"] = (1, 2, dim)
    return shapes


def is_block_matrix(name: str, shape: tuple[int, ...]) -> bool:
    """Whether it is one of the matrices that quantisation and LoRA work on."""
    return name.startswith("blocks.") and len(shape) == 2


def talk_shapes(sizes: Sizes) -> Shapes:
    """MultiTalk and InfiniteTalk: the audio projection at full size, an audio cross attention per block."""
    dim, features = sizes.dim, AUDIO_LAYERS * AUDIO_DIM
    shapes = layer("audio_proj.proj1", AUDIO_HIDDEN, AUDIO_WINDOW_FIRST_FRAME * features)
    shapes |= layer("audio_proj.proj1_vf", AUDIO_HIDDEN, AUDIO_WINDOW_LATER_FRAMES * features)
    shapes |= layer("audio_proj.proj2", AUDIO_HIDDEN, AUDIO_HIDDEN)
    shapes |= layer("audio_proj.proj3", AUDIO_TOKENS * AUDIO_DIM, AUDIO_HIDDEN) | layer("audio_proj.norm", AUDIO_DIM)
    for block in (f"blocks.{index}" for index in range(sizes.blocks)):
        shapes |= layers(f"{block}.audio_cross_attn", "q_linear proj", dim, dim)
        shapes |= layer(f"{block}.audio_cross_attn.kv_linear", 2 * dim, AUDIO_DIM) | layer(f"{block}.norm_x", dim)
    return shapes


def lora_shapes(sizes: Sizes) -> Shapes:
    """A low-rank pair for every matrix of the blocks."""
    shapes: Shapes = {}
    for name, shape in base_shapes(sizes).items():
        if is_block_matrix(name, shape):
            module = f"diffusion_model.{name.removesuffix('.weight')}"
            shapes |= layer(f"{module}.lora_down", sizes.lora_rank, shape[1], bias=False)
            shapes |= layer(f"{module}.lora_up", shape[0], sizes.lora_rank, bias=False)
    return shapes


def residual_shapes(name: str, inputs: int, outputs: int) -> Shapes:
    """A residual block of the VAE, with a shortcut where the channels change."""
    shapes: Shapes = {f"{name}.residual.0.gamma": (inputs, 1, 1, 1), f"{name}.residual.3.gamma": (outputs, 1, 1, 1)}
    shapes |= layer(f"{name}.residual.2", outputs, inputs, 3, 3, 3)
    shapes |= layer(f"{name}.residual.6", outputs, outputs, 3, 3, 3)
    return shapes if inputs == outputs else shapes | layer(f"{name}.shortcut", outputs, inputs, 1, 1, 1)


def middle_shapes(name: str, channels: int) -> Shapes:
    """The middle of the VAE's encoder or decoder: attention between two residual blocks."""
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


def vae_shapes(sizes: Sizes) -> Shapes:
    """With a quarter of the channels it is the pruned variant: the node pack knows it by decoder.conv1's 96."""
    channels, latent = sizes.vae_channels, VAE_LATENT_CHANNELS
    shapes = layer("encoder.conv1", channels[0], 3, 3, 3, 3)
    shapes |= stage_shapes("encoder.downsamples", channels[0], channels, residuals=2, factor=1, timed=1)
    shapes |= middle_shapes("encoder.middle", channels[-1]) | layer("encoder.head.2", 2 * latent, channels[-1], 3, 3, 3)
    shapes |= {"encoder.head.0.gamma": (channels[-1], 1, 1, 1), "decoder.head.0.gamma": (channels[0], 1, 1, 1)}
    shapes |= layer("conv1", 2 * latent, 2 * latent, 1, 1, 1) | layer("conv2", latent, latent, 1, 1, 1)
    shapes |= layer("decoder.conv1", channels[-1], latent, 3, 3, 3) | middle_shapes("decoder.middle", channels[-1])
    shapes |= stage_shapes("decoder.upsamples", channels[-1], channels[::-1], residuals=3, factor=2, timed=0)
    return shapes | layer("decoder.head.2", 3, channels[0], 3, 3, 3)


def umt5_shapes(sizes: Sizes) -> Shapes:
    """The text encoder, UMT5-XXL: the encoder alone, a relative position bias in every block."""
    inner, ffn_dim = sizes.umt5_inner, sizes.umt5_ffn_dim
    shapes = layer("shared", sizes.umt5_vocabulary, UMT5_DIM, bias=False)
    shapes |= layer("encoder.final_layer_norm", UMT5_DIM, bias=False)
    for block in (f"encoder.block.{index}.layer" for index in range(UMT5_LAYERS)):
        attention, feed_forward = f"{block}.0.SelfAttention", f"{block}.1.DenseReluDense"
        shapes |= layers(attention, "q k v", inner, UMT5_DIM, bias=False)
        shapes |= layer(f"{attention}.o", UMT5_DIM, inner, bias=False)
        shapes |= layer(f"{attention}.relative_attention_bias", 32, sizes.umt5_heads, bias=False)
        shapes |= layers(feed_forward, "wi_0 wi_1", ffn_dim, UMT5_DIM, bias=False)
        shapes |= layer(f"{feed_forward}.wo", UMT5_DIM, ffn_dim, bias=False)
        shapes |= layers(block, "0.layer_norm 1.layer_norm", UMT5_DIM, bias=False)
    return shapes


def clip_vision_shapes(sizes: Sizes) -> Shapes:
    """ViT-H; where it has fewer layers, a lone norm of layer 30: ComfyUI knows the variant by it."""
    model, encoder = "vision_model", "vision_model.encoder.layers"
    shapes = layer(f"{model}.embeddings.patch_embedding", CLIP_DIM, 3, 14, 14, bias=False)
    shapes |= layer(f"{model}.embeddings.position_embedding", 257, CLIP_DIM, bias=False)
    shapes[f"{model}.embeddings.class_embedding"] = (CLIP_DIM,)
    shapes |= layers(model, "pre_layrnorm post_layernorm", CLIP_DIM)
    shapes |= layer("visual_projection", 1024, CLIP_DIM, bias=False)
    for parent in (f"{encoder}.{index}" for index in range(sizes.clip_layers)):
        shapes |= layers(f"{parent}.self_attn", "q_proj k_proj v_proj out_proj", CLIP_DIM, CLIP_DIM)
        shapes |= layer(f"{parent}.mlp.fc1", sizes.clip_ffn_dim, CLIP_DIM)
        shapes |= layer(f"{parent}.mlp.fc2", CLIP_DIM, sizes.clip_ffn_dim)
        shapes |= layers(parent, "layer_norm1 layer_norm2", CLIP_DIM)
    return shapes | layer(f"{encoder}.{CLIP_LAYER_THAT_MARKS_VIT_H}.layer_norm1", CLIP_DIM)


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
