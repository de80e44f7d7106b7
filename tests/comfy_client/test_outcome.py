"""What a failed prompt's message amounts to: memory, the GPU, or the graph."""

import pytest

from comfy_client.outcome import outputs_of
from contract.errors import ErrorCode, WorkerError


@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        ("torch.OutOfMemoryError", "CUDA out of memory. Tried to allocate 1.44 GiB", ErrorCode.OUT_OF_MEMORY),
        ("torch.AcceleratorError", "CUDA error: out of memory", ErrorCode.OUT_OF_MEMORY),
        ("RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`", ErrorCode.OUT_OF_MEMORY),
        ("RuntimeError", "Triton Error [CUDA]: out of memory", ErrorCode.OUT_OF_MEMORY),
        ("torch.AcceleratorError", "CUDA error: an illegal memory access was encountered", ErrorCode.GPU_FAULT),
        ("RuntimeError", "CUDA error: device-side assert triggered", ErrorCode.GPU_FAULT),
        ("RuntimeError", "Triton Error [CUDA]: an illegal memory access was encountered", ErrorCode.GPU_FAULT),
        ("RuntimeError", "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", ErrorCode.GPU_FAULT),
        ("ValueError", "This scheduler is only for 4 steps", ErrorCode.GENERATION_FAILED),
        ("RuntimeError", "a voice says: out of memory", ErrorCode.GENERATION_FAILED),
    ],
)
def test_an_exception_is_told_by_what_it_is(kind: str, message: str, code: ErrorCode) -> None:
    data = {"exception_type": kind, "exception_message": message, "node_type": "WanVideoSampler", "traceback": ["x"]}
    entry = {"status": {"status_str": "error", "completed": False, "messages": [["execution_error", data]]}}
    with pytest.raises(WorkerError) as caught:
        outputs_of(entry)
    assert caught.value.code is code
    # One of the two without the other does nothing.
    advised = [name in caught.value.message for name in ("use_block_swap true", "blocks_to_swap")]
    assert advised == [code is ErrorCode.OUT_OF_MEMORY] * 2
