"""Has torch settle its order of attention kernels before ComfyUI sets one of its own.

On an H100, H200 or B200 torch would rather take cuDNN's kernel. It notes that at the first attention of a process,
unless somebody has put the order back by then. ComfyUI's text and picture encoders do: they ask within
`sdpa_kernel(…, set_priority=True)`, which at its end puts back what it found, the order with flash attention first.
Whether a process samples by the faster kernel then depends on which node of its first prompt comes first
(docs/facts/talk-models.md#attention-kernels).
"""

import logging
from collections.abc import Mapping
from types import ModuleType
from typing import Any

log = logging.getLogger(__name__)

MANAGEMENT = "comfy.model_management"
SHAPE = (1, 1, 8, 64)  # batch, heads, tokens, values: any that each kernel takes


def settle_order(modules: Mapping[str, ModuleType]) -> None:
    """One attention of a few values on ComfyUI's GPU. Without one, or outside ComfyUI: nothing.

    Args:
        modules: `sys.modules`.
    """
    management: Any = modules.get(MANAGEMENT)
    torch: Any = modules.get("torch")
    if management is None or torch is None or management.get_torch_device().type != "cuda":
        return
    try:
        few = torch.zeros(SHAPE, dtype=torch.float16, device=management.get_torch_device())
        torch.nn.functional.scaled_dot_product_attention(few, few, few)
    except RuntimeError as error:
        log.warning("talking-video: the order of attention kernels stays as it is: %s", error)
