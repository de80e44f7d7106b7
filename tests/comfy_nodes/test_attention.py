"""Before ComfyUI's first attention torch has chosen its order of kernels."""

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import pytest

from comfy_nodes.attention import settle_order

FLASH_FIRST, CUDNN_FIRST = ("flash", "efficient", "math", "cudnn"), ("cudnn", "flash", "efficient", "math")


class Hopper:
    """torch on an H100, as far as its order of kernels goes: aten/native/transformers/cuda/sdp_utils.cpp and
    torch/nn/attention. `error` is what an attention raises."""

    float16 = "float16"

    def __init__(self, error: Exception | None = None) -> None:
        self.order: tuple[str, ...] = FLASH_FIRST
        self._settled, self._error = False, error
        self.used: list[str] = []
        self.nn = types.SimpleNamespace(functional=self)

    def zeros(self, shape: tuple[int, ...], *, dtype: str, device: Any) -> Any:
        return types.SimpleNamespace(shape=shape, dtype=dtype, device=device)

    def scaled_dot_product_attention(self, query: Any, _: Any, __: Any) -> None:
        assert query.device.type == "cuda"
        if self._error:
            raise self._error
        if not self._settled:
            self.order, self._settled = CUDNN_FIRST, True
        self.used.append(self.order[0])

    @contextlib.contextmanager
    def sdpa_kernel(self, order: tuple[str, ...]) -> Iterator[None]:
        found, self.order = self.order, order
        yield
        self.order = found


def comfyui(torch: Any, device: str = "cuda") -> dict[str, Any]:
    """Its modules."""
    management = types.SimpleNamespace(get_torch_device=lambda: types.SimpleNamespace(type=device))
    return {"torch": torch, "comfy.model_management": management}


def first_prompt(torch: Hopper) -> str:
    """A text is encoded in ComfyUI's own way; the kernel that the sampler gets after that."""
    few = torch.zeros((1,), dtype=torch.float16, device=types.SimpleNamespace(type="cuda"))
    with torch.sdpa_kernel(CUDNN_FIRST):
        torch.scaled_dot_product_attention(few, few, few)
    torch.scaled_dot_product_attention(few, few, few)
    return torch.used[-1]


def test_the_sampler_gets_the_kernel_that_torch_prefers() -> None:
    assert first_prompt(Hopper()) == "flash"  # what happens without it
    torch = Hopper()
    settle_order(comfyui(torch))
    assert first_prompt(torch) == "cudnn"


@pytest.mark.parametrize("modules", [{}, {"torch": Hopper()}, comfyui(Hopper(), "cpu")])
def test_without_a_gpu_or_outside_comfyui_nothing_happens(modules: dict[str, Any]) -> None:
    settle_order(modules)
    assert not getattr(modules.get("torch"), "used", None)


def test_a_gpu_that_fails_at_it_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    settle_order(comfyui(Hopper(RuntimeError("no kernel image"))))
    assert "no kernel image" in caplog.text
