"""Weights that are where they belong are not loaded again; everything else is."""

from dataclasses import dataclass
from typing import Any

import pytest

from comfy_nodes.weights import keep_weights


@dataclass
class Parameter:
    """As far as a loader's result shows in it."""

    name: str
    size: int = 4

    @property
    def device(self) -> "Parameter":
        """Itself: it looks like a torch.device."""
        return self

    @property
    def type(self) -> str:
        """As torch.device's."""
        return self.name.split(":")[0]

    def __str__(self) -> str:
        return self.name

    def numel(self) -> int:
        """Elements."""
        return self.size


class Transformer:
    """A model of a few weights, and of a LoRA that comes and goes."""

    def __init__(self) -> None:
        names = ("blocks.0.weight", "head.weight", "multitalk_audio_proj.proj1.weight")
        self.parameters = {name: Parameter("meta") for name in names}

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        """As torch's."""
        return list(self.parameters.items())


class Loader:
    """Upstream's load_weights: puts every weight on the GPU, and counts how often."""

    def __init__(self) -> None:
        self.loads = 0

    def __call__(self, transformer: Transformer, sd: Any = None, **_: Any) -> None:  # noqa: ARG002 - upstream's
        """Load."""
        self.loads += 1
        transformer.parameters = {name: Parameter("cuda:0") for name in transformer.parameters}


SD, READER = {"blocks.0.weight": 1}, [object()]
USUAL: dict[str, Any] = {"gguf": True, "reader": READER, "base_dtype": "fp16", "block_swap_args": None}


@pytest.fixture
def loader() -> Loader:
    return Loader()


def test_a_second_job_finds_the_weights_in_place(loader: Loader) -> None:
    load, transformer = keep_weights(loader), Transformer()
    for job in range(3):
        load(transformer, SD, patcher=object(), **USUAL)
        transformer.parameters[f"blocks.0.loras.{job}"] = Parameter("cpu")  # set anew by each job
        transformer.parameters["multitalk_audio_proj.proj1.weight"] = Parameter("cpu")  # as each step leaves it
    assert loader.loads == 1


def test_offloaded_weights_are_loaded_again(loader: Loader) -> None:
    load, transformer = keep_weights(loader), Transformer()
    load(transformer, SD, **USUAL)
    transformer.parameters["head.weight"] = Parameter("meta")
    load(transformer, SD, **USUAL)
    transformer.parameters["blocks.0.weight"] = Parameter("cuda:0", size=0)  # upstream's mark of an offloaded one
    load(transformer, SD, **USUAL)
    transformer.parameters["multitalk_audio_proj.proj1.weight"] = Parameter("meta")
    load(transformer, SD, **USUAL)
    assert loader.loads == 4


@pytest.mark.parametrize(
    "other",
    [{"base_dtype": "bf16"}, {"block_swap_args": {"blocks_to_swap": 20}}, {"reader": [object()]}],
    ids=lambda other: next(iter(other)),
)
def test_a_load_that_asks_for_something_else_is_done(loader: Loader, other: dict[str, Any]) -> None:
    load, transformer = keep_weights(loader), Transformer()
    load(transformer, SD, **USUAL)
    load(transformer, SD, **{**USUAL, **other})
    assert loader.loads == 2


def test_other_formats_and_other_models_are_upstreams_business(loader: Loader) -> None:
    load, transformer = keep_weights(loader), Transformer()
    for _ in range(2):
        load(transformer, SD, gguf=False)
    load(Transformer(), SD, **USUAL)
    load(Transformer(), SD, **USUAL)
    assert loader.loads == 4


def test_a_load_that_failed_is_done_again() -> None:
    calls = []

    def failing(transformer: Transformer, sd: Any = None, **_: Any) -> None:
        calls.append(sd)
        if len(calls) == 1:
            raise MemoryError

    load, transformer = keep_weights(failing), Transformer()
    with pytest.raises(MemoryError):
        load(transformer, SD, **USUAL)
    load(transformer, SD, **USUAL)
    load(transformer, SD, **USUAL)
    assert len(calls) == 2
