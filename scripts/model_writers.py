"""Random values for the stand-in model files, and writers that stream them, one tensor after the other.

Every value is finite and of a sensible scale: normal, 1/sqrt(fan in); biases 0, norms 1. Without values (None) a file
has its headers and its size and is otherwise a hole that takes no room on the disk: enough to hold it against a model.
"""

import json
import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType

VALUES_PER_BLOCK = 256
POOL_VALUES, POOL_BLOCKS = 2**22 + 3, 2**16 + 1  # odd: no two rows of a matrix start at the same place
TYPE_NAMES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.uint8: "U8",
}
Shape = tuple[int, ...]
Quantisation: TypeAlias = GGMLQuantizationType


@dataclass(frozen=True)
class Entry:
    """One tensor of a safetensors file. `deviation` replaces 1/sqrt(fan in), `constant` everything."""

    name: str
    shape: Shape
    dtype: torch.dtype
    deviation: float | None = None
    constant: torch.Tensor | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        item: int = self.dtype.itemsize
        return math.prod(self.shape) * item


class Values(Protocol):
    """Where random tensors come from."""

    def normal(self, shape: Shape, dtype: torch.dtype, deviation: float) -> torch.Tensor:
        """Of mean 0."""

    def blocks(self, kind: Quantisation, shape: Shape) -> torch.Tensor:
        """A matrix of mean 0 and deviation 1/sqrt(columns) as raw Q4_K or Q6_K: uint8 [rows, bytes of a row]."""


class Draws:
    """Each value is drawn: the same name, the same values."""

    def __init__(self, name: str) -> None:
        self._generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))

    def normal(self, shape: Shape, dtype: torch.dtype, deviation: float) -> torch.Tensor:
        """As `Values.normal`."""
        return (torch.randn(shape, generator=self._generator) * deviation).to(dtype)

    def blocks(self, kind: Quantisation, shape: Shape) -> torch.Tensor:
        """As `Values.blocks`."""
        count = math.prod(shape) // VALUES_PER_BLOCK
        return random_blocks(kind, count, shape[-1], self._generator).reshape(shape[0], -1)


class Pool:
    """Cuts every tensor out of a few million draws, as fast as memory is copied; large matrices repeat themselves."""

    def __init__(self, name: str) -> None:
        self._generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        self._drawn = torch.randn(POOL_VALUES, generator=self._generator)
        self._normal: dict[tuple[torch.dtype, float], torch.Tensor] = {}
        self._blocks: dict[tuple[Quantisation, int], torch.Tensor] = {}

    def normal(self, shape: Shape, dtype: torch.dtype, deviation: float) -> torch.Tensor:
        """As `Values.normal`."""
        key = (dtype, deviation)
        if key not in self._normal:
            self._normal[key] = (self._drawn * deviation).to(dtype).view(torch.uint8).reshape(POOL_VALUES, -1)
        return self._cut(self._normal[key], math.prod(shape)).view(dtype).reshape(shape)

    def blocks(self, kind: Quantisation, shape: Shape) -> torch.Tensor:
        """As `Values.blocks`."""
        key = (kind, shape[-1])
        if key not in self._blocks:
            self._blocks[key] = random_blocks(kind, POOL_BLOCKS, shape[-1], self._generator)
        return self._cut(self._blocks[key], math.prod(shape) // VALUES_PER_BLOCK).reshape(shape[0], -1)

    def _cut(self, pool: torch.Tensor, count: int) -> torch.Tensor:
        start = int(torch.randint(len(pool), (1,), generator=self._generator))
        pieces, left = [], count
        while left:
            pieces.append(pool[start : start + left])
            left, start = left - len(pieces[-1]), 0
        return torch.cat(pieces)


def random_blocks(kind: Quantisation, count: int, columns: int, generator: torch.Generator) -> torch.Tensor:
    """uint8 [count, bytes of a block]. The gguf package does not quantise to K types itself.

    Q4_K: scale 2, minimum 15 and dmin = d make each value d * (2q - 15) for a nibble q: mean 0, deviation d * sqrt(85).
    Q6_K: scales of 4 and -4 make it d * 4 * (q - 32) for six bits q, the sign changing from 16 values to the next.
    """

    def draw(size: int) -> torch.Tensor:
        return torch.randint(256, (count, size), generator=generator, dtype=torch.uint8)

    def half(value: float, times: int) -> torch.Tensor:
        return torch.full((count, times), value, dtype=torch.float16).view(torch.uint8)

    if kind is Quantisation.Q4_K:
        scales = torch.tensor([2] * 4 + [15] * 4 + [15 << 4 | 2] * 4, dtype=torch.uint8).expand(count, 12)
        return torch.cat([half(1 / math.sqrt(85 * columns), 2), scales, draw(VALUES_PER_BLOCK // 2)], dim=1)
    signs = (draw(VALUES_PER_BLOCK // 16) % 2).to(torch.int8) * 8 - 4
    deviation = math.sqrt((64**2 - 1) / 12 + 0.25)
    low_and_high_bits = draw(VALUES_PER_BLOCK // 2 + VALUES_PER_BLOCK // 4)
    d = half(1 / (4 * deviation * math.sqrt(columns)), 1)
    return torch.cat([low_and_high_bits, signs.view(torch.uint8), d], dim=1)


def initial_value(entry: Entry, values: Values) -> torch.Tensor:
    """The tensor of an entry."""
    if entry.constant is not None:
        return entry.constant
    if entry.name.endswith(".bias"):
        return torch.zeros(entry.shape, dtype=entry.dtype)
    if len(entry.shape) == 1 or entry.name.endswith((".gamma", ".weight_g")):
        return torch.ones(entry.shape, dtype=entry.dtype)
    deviation = entry.deviation or 1 / math.sqrt(math.prod(entry.shape[1:]))
    return values.normal(entry.shape, entry.dtype, deviation)


def write_safetensors(path: Path, entries: Iterable[Entry], values: Values | None) -> None:
    """A safetensors file: 8 bytes of header length, a JSON header, the tensors one after the other."""
    header, end, wanted = {}, 0, tuple(entries)
    for entry in wanted:
        places = [end, end + entry.size]
        header[entry.name] = {"dtype": TYPE_NAMES[entry.dtype], "shape": entry.shape, "data_offsets": places}
        end += entry.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for entry in wanted if values else ():
            assert values  # noqa: S101 - it is not None in this loop
            file.write(initial_value(entry, values).reshape(-1).view(torch.uint8).numpy().data)
        file.truncate(8 + len(text) + end)


def write_gguf(
    path: Path, architecture: str, tensors: dict[str, tuple[Shape, Quantisation]], values: Values | None
) -> None:
    """A GGUF file of mostly Q4_K_M; each tensor has its shape and type (F32, F16, Q4_K or Q6_K)."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    plain = {Quantisation.F32: np.float32, Quantisation.F16: np.float16}
    for name, (shape, kind) in tensors.items():
        per_block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        size = math.prod(shape) // per_block * block_bytes
        if kind in plain:
            writer.add_tensor_info(name, shape, np.dtype(plain[kind]), size)
        else:
            in_bytes = (*shape[:-1], shape[-1] // per_block * block_bytes)
            writer.add_tensor_info(name, in_bytes, np.dtype(np.uint8), size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    if values is None:
        _leave_a_hole(writer, path, tensors)
        return
    for name, (shape, kind) in tensors.items():
        if kind in plain:
            dtype = torch.float32 if kind is Quantisation.F32 else torch.float16
            value = initial_value(Entry(name, shape, dtype), values)
        else:
            value = values.blocks(kind, shape)
        writer.write_tensor_data(value.numpy())
    writer.close()


def _leave_a_hole(writer: gguf.GGUFWriter, path: Path, tensors: dict[str, tuple[Shape, Quantisation]]) -> None:
    writer.close()
    end, step = path.stat().st_size, writer.data_alignment
    for shape, kind in tensors.values():
        per_block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        end += -end % step + math.prod(shape) // per_block * block_bytes
    with path.open("r+b") as file:
        file.truncate(end + -end % step)
