"""Write stand-ins for every model file of the talking-video graphs.

    python scripts/make_tiny_models.py DEST
    python scripts/make_tiny_models.py DEST --full-size          33 GB
    python scripts/make_tiny_models.py DEST --full-size --holes  headers and sizes only, next to nothing on the disk

Promises: DEST gets ComfyUI's models folder layout, each file under its real name, in its real format and with the real
tensor names; every value is finite and of a sensible scale (normal, 1/sqrt(fan in); biases 0, norms 1); the same call
writes the same bytes.

Tiny (1.2 GB), the real ComfyUI runs the real graphs on a CPU with them, and the frames follow the audio, the image and
the seed. UMT5 and CLIP vision are smaller than ComfyUI's own configurations: the server needs the test-only node that
hands it the small ones.

At full size every tensor has the shape and the type of the real one, so that a GPU works as long on them as on the real
files; what it makes is noise.
"""

import argparse
import io
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from model_shapes import (
    FULL,
    TINY,
    Shapes,
    Sizes,
    base_shapes,
    clip_vision_shapes,
    is_block_matrix,
    lora_shapes,
    talk_shapes,
    umt5_shapes,
    vae_shapes,
    wav2vec_shapes,
)
from model_writers import Draws, Entry, Pool, Quantisation, Values, write_gguf, write_safetensors

TOKENIZER_PIECES = 512
FP8 = torch.float8_e4m3fn
LARGEST_DRAW = 6.0  # deviations that a scaled fp8 matrix must be able to hold


def entries(shapes: Shapes, matrices: torch.dtype = torch.float16) -> list[Entry]:
    """Vectors are fp16 whatever the matrices are."""
    return [Entry(name, shape, matrices if len(shape) > 1 else torch.float16) for name, shape in shapes.items()]


def base_tensors(sizes: Sizes) -> dict[str, tuple[tuple[int, ...], Quantisation]]:
    """As city96's Q4_K_M: the blocks' matrices are Q4_K, values and the second of the feed forward Q6_K, other matrices
    F16; vectors, modulations and the patch embedding F32."""
    tensors = {}
    for name, shape in base_shapes(sizes).items():
        if is_block_matrix(name, shape):
            kind = Quantisation.Q6_K if name.endswith((".v.weight", ".ffn.2.weight")) else Quantisation.Q4_K
        else:
            kind = Quantisation.F16 if len(shape) == 2 else Quantisation.F32
        tensors[name] = (shape, kind)
    return tensors


def lora_entries(sizes: Sizes) -> list[Entry]:
    """Alpha is a quarter of the rank, which keeps the pair weaker than its matrix."""
    alpha = torch.tensor(sizes.lora_rank / 4, dtype=torch.bfloat16)
    made = entries(lora_shapes(sizes), torch.bfloat16)
    modules = (entry.name.removesuffix(".lora_up.weight") for entry in made if entry.name.endswith(".lora_up.weight"))
    return made + [Entry(f"{module}.alpha", (), torch.bfloat16, constant=alpha) for module in modules]


def tokenizer_model() -> torch.Tensor:
    """A SentencePiece model, uint8. Falling back to bytes, it spells a prompt in any language with few pieces."""
    model = io.BytesIO()
    options: dict[str, Any] = {"model_type": "char", "vocab_size": TOKENIZER_PIECES, "hard_vocab_limit": False}
    options |= {"byte_fallback": True, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1, "num_threads": 1}
    lines = iter(["a person is talking, singing and smiling", "low quality, blurry"])
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=lines, model_writer=model, minloglevel=2, **options)
    return torch.frombuffer(bytearray(model.getvalue()), dtype=torch.uint8)


def umt5_entries(sizes: Sizes) -> list[Entry]:
    """Scaled fp8: linear layers in float8 beside their scales, the rest fp16; the empty tensor's type is the mark."""
    tokenizer = tokenizer_model()
    made = [Entry("scaled_fp8", (0,), FP8, constant=torch.empty(0, dtype=FP8))]
    made.append(Entry("spiece_model", tuple(tokenizer.shape), torch.uint8, constant=tokenizer))
    for name, shape in umt5_shapes(sizes).items():
        if len(shape) == 1 or "relative_attention_bias" in name or name.startswith("shared"):
            made.append(Entry(name, shape, torch.float16))
            continue
        deviation = torch.finfo(FP8).max / LARGEST_DRAW
        scale = torch.tensor(1 / (deviation * math.sqrt(math.prod(shape[1:]))))
        made.append(Entry(name, shape, FP8, deviation=deviation))
        made.append(Entry(f"{name.removesuffix('.weight')}.scale_weight", (), torch.float32, constant=scale))
    return made


def separator_entries(sizes: Sizes) -> list[Entry]:
    """Hybrid Demucs as torchaudio builds it for 44.1 kHz (hdemucs_high), fp32 throughout."""
    from torchaudio.models import HDemucs  # noqa: PLC0415 - half a second, for this file alone

    with torch.device("meta"):
        model = HDemucs(["drums", "bass", "other", "vocals"], channels=sizes.separator_channels)
    return [Entry(name, tuple(tensor.shape), torch.float32) for name, tensor in model.state_dict().items()]


def writers(sizes: Sizes) -> dict[str, Callable[[Path, Values | None], None]]:
    """What writes each file, the largest first."""

    def safetensors(made: Callable[[], list[Entry]]) -> Callable[[Path, Values | None], None]:
        return lambda path, values: write_safetensors(path, made(), values)

    return {
        "diffusion_models/wan2.1-i2v-14b-480p-Q4_K_M.gguf": lambda path, values: write_gguf(
            path, "wan", base_tensors(sizes), values
        ),
        "text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors": safetensors(lambda: umt5_entries(sizes)),
        "diffusion_models/Wan2_1-InfiniTetalk-Single_fp16.safetensors": safetensors(
            lambda: entries(talk_shapes(sizes))
        ),
        "diffusion_models/Wan2_1-InfiniteTalk-Multi_fp16.safetensors": safetensors(lambda: entries(talk_shapes(sizes))),
        "diffusion_models/WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors": safetensors(
            lambda: entries(talk_shapes(sizes), FP8)
        ),
        "clip_vision/clip_vision_h.safetensors": safetensors(lambda: entries(clip_vision_shapes(sizes))),
        "loras/lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors": safetensors(
            lambda: lora_entries(sizes)
        ),
        "vae/wan_2.1_vae.safetensors": safetensors(lambda: entries(vae_shapes(sizes))),
        "wav2vec2/wav2vec2-chinese-base_fp16.safetensors": safetensors(lambda: entries(wav2vec_shapes())),
        "voice_separation/hdemucs_high_trained.safetensors": safetensors(lambda: separator_entries(sizes)),
    }


def write_all(
    models: Path, sizes: Sizes, source: Callable[[str], Values | None], threads: int = 1, only: str = ""
) -> None:
    """Every file below ComfyUI's models folder whose name begins with `only`, several at a time."""

    def write(name: str, writer: Callable[[Path, Values | None], None]) -> None:
        path, begun = models / name, time.monotonic()
        path.parent.mkdir(parents=True, exist_ok=True)
        writer(path, source(path.name))
        print(f"{path.stat().st_size / 1e9:6.2f} GB in {time.monotonic() - begun:5.1f} s  {name}", flush=True)

    with ThreadPoolExecutor(threads) as pool:
        chosen = {name: writer for name, writer in writers(sizes).items() if name.startswith(only)}
        for done in [pool.submit(write, name, writer) for name, writer in chosen.items()]:
            done.result()


def main() -> None:
    """Write the files that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, metavar="DEST", help="ComfyUI's models folder")
    parser.add_argument("--full-size", action="store_true", help="the shapes of the real models, 33 GB")
    parser.add_argument("--holes", action="store_true", help="write headers and sizes, and no values")
    parser.add_argument("--only", default="", metavar="FOLDER", help="the files of this folder alone")
    parser.add_argument("--threads", type=int, default=4, help="files written at a time")
    asked = parser.parse_args()
    random: Callable[[str], Values | None] = Pool if asked.full_size else Draws
    sizes = FULL if asked.full_size else TINY
    write_all(asked.models, sizes, (lambda _: None) if asked.holes else random, asked.threads, asked.only)


if __name__ == "__main__":
    main()
