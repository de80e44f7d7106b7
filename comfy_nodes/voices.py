"""MultiTalkWav2VecEmbeds for an hour of sound: more frames, and the same embeds with about a seventh of the memory.

Upstream's node takes 10 000 frames and runs the convolutions of wav2vec2 over the whole sound at once: 15.6 MB a second
in fp32. Blocks alone would change the result, as the first layer's group norm sees the whole. So its mean and variance
are taken over all blocks first, then the convolutions run block by block; interpolation and attention are upstream's.
"""

import copy
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

UPSTREAM = "MultiTalkWav2VecEmbeds"
MOST_FRAMES = 100_000  # an hour and a window
BLOCK_FRAMES = 500  # of wav2vec2, 50 a second: 10 s of sound, 66 MB in fp32 behind the first layer


def _upstream() -> Any:
    """Looked up when it is needed: ComfyUI may load this pack before that one."""
    return sys.modules["nodes"].NODE_CLASS_MAPPINGS[UPSTREAM]


class VoiceEmbeds:
    """The node: inputs and outputs are those of MultiTalkWav2VecEmbeds, `num_frames` goes further."""

    RETURN_TYPES = ("MULTITALK_EMBEDS", "AUDIO", "INT")
    RETURN_NAMES = ("multitalk_embeds", "audio", "num_frames")
    FUNCTION = "embed"
    CATEGORY = "talking-video"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """As upstream's. Raises KeyError where that is not loaded: ComfyUI then tells nothing of this node."""
        inputs: dict[str, Any] = copy.deepcopy(_upstream().INPUT_TYPES())
        inputs["required"]["num_frames"][1]["max"] = MOST_FRAMES
        return inputs

    def embed(self, wav2vec_model: dict[str, Any], **inputs: Any) -> Any:
        """Upstream's `process`, with the encoder in blocks."""
        encoder = BlockEncoder(wav2vec_model["model"], _progress)
        return _upstream()().process(wav2vec_model={**wav2vec_model, "model": encoder}, **inputs)


def _progress(steps: int) -> Callable[[], None]:
    """A bar of ComfyUI: without a sign of life the worker would take an hour of sound for a hang."""
    bar = sys.modules["comfy.utils"].ProgressBar(steps)
    return lambda: bar.update(1)


class Layer(NamedTuple):
    """What one convolution does to lengths."""

    kernel: int
    stride: int


class BlockEncoder:
    """Upstream's Wav2Vec2Model as its node uses it.

    Args:
        model: upstream's.
        progress: takes the number of steps, and returns what is called after each.
    """

    def __init__(self, model: Any, progress: Callable[[int], Callable[[], None]]) -> None:
        self._model, self._progress = model, progress

    def to(self, *arguments: Any) -> "BlockEncoder":
        """As the model's."""
        self._model.to(*arguments)
        return self

    def __call__(self, sound: torch.Tensor, seq_len: int, **options: Any) -> Any:
        """Embeds of `sound`, [1, samples] at 16 kHz, one for each of `seq_len` frames; as the model's own to 4e-6."""
        extractor = self._model.feature_extractor
        if not _is_known(extractor):
            return self._model(sound, seq_len=seq_len, **options)
        blocks = len(list(_blocks(frames_of(extractor, sound.shape[1]), BLOCK_FRAMES)))
        layers = self._model.encoder.layers
        done = self._progress(2 * blocks + len(layers))
        features = extract(extractor, sound, BLOCK_FRAMES, done).transpose(1, 2)
        interpolate = sys.modules[type(self._model).__module__].linear_interpolation
        watched = [layer.register_forward_hook(lambda *_: done()) for layer in layers]
        try:
            return self._model.encode(interpolate(features, seq_len=seq_len), **options)
        finally:
            for hook in watched:
                hook.remove()


def _is_known(extractor: Any) -> bool:
    """Whether it is built as wav2vec2-base: a norm of each channel behind the first convolution, none behind others."""
    first, *others = extractor.conv_layers
    norm = getattr(first, "layer_norm", None)
    each = isinstance(norm, torch.nn.GroupNorm) and norm.num_groups == norm.num_channels
    return each and not any(hasattr(layer, "layer_norm") for layer in others)


def frames_of(extractor: Any, samples: int) -> int:
    """How many frames the convolutions make of so many samples."""
    for layer in _layers(extractor):
        samples = (samples - layer.kernel) // layer.stride + 1
    return samples


def extract(extractor: Any, sound: torch.Tensor, block: int, done: Callable[[], None]) -> torch.Tensor:
    """What `extractor(sound)` is, [1, channels, frames], made of `block` frames at a time.

    Args:
        extractor: Wav2Vec2FeatureEncoder with a group norm in its first layer.
        sound: [1, samples].
        done: called after each block of either pass.
    """
    first, *others = extractor.conv_layers
    layers = _layers(extractor)
    frames = frames_of(extractor, sound.shape[1])
    scale, shift = _norm(first, sound, block, frames, done)
    parts = []
    for begin, end in _blocks(frames, block):
        values = first.conv(_samples(sound, layers, begin, end)[:, None])
        values = first.activation((values.float() * scale + shift).to(values.dtype))
        for layer in others:
            values = layer(values)
        parts.append(values)
        done()
    return torch.cat(parts, dim=2)


def _norm(
    first: Any, sound: torch.Tensor, block: int, frames: int, done: Callable[[], None]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The group norm of the whole, as a factor and an addend of each channel [1, channels, 1]."""
    layer = _layer(first)
    total = (sound.shape[1] - layer.kernel) // layer.stride + 1
    count, mean, spread = 0, 0.0, 0.0
    parts = len(list(_blocks(frames, block)))
    for begin, end in _blocks(total, -(-total // parts)):
        values = first.conv(_samples(sound, [layer], begin, end)[:, None]).float()
        part_variance, part_mean = (one.double() for one in torch.var_mean(values, dim=2, correction=0, keepdim=True))
        here = end - begin
        away = part_mean - mean
        mean = mean + away * (here / (count + here))
        spread = spread + part_variance * here + away**2 * (count * here / (count + here))
        count += here
        done()
    norm = first.layer_norm
    scale = torch.rsqrt(spread / count + norm.eps) * norm.weight.double()[:, None]
    shift = norm.bias.double()[:, None] - mean * scale
    return scale.float(), shift.float()


def _blocks(total: int, size: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, total, size):
        yield begin, min(begin + size, total)


def _samples(sound: torch.Tensor, layers: list[Layer], begin: int, end: int) -> torch.Tensor:
    """What these layers need to make the frames from `begin` to `end`."""
    last = end - 1
    for layer in reversed(layers):
        begin, last = begin * layer.stride, last * layer.stride + layer.kernel - 1
    return sound[:, begin : last + 1]


def _layer(layer: Any) -> Layer:
    return Layer(layer.conv.kernel_size[0], layer.conv.stride[0])


def _layers(extractor: Any) -> list[Layer]:
    return [_layer(layer) for layer in extractor.conv_layers]
