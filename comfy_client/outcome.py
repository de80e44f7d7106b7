"""How a prompt ended: the outputs of a good one, one `WorkerError` for any other."""

import re
from typing import Any

from contract.errors import ErrorCode, Stage, WorkerError

FAILED = "Video generation failed"
LOADER_INPUTS = {"model", "model_name", "clip_name", "lora"}
MOST_CHARACTERS = 300
# From something that begins like a path to a quote or the end of the line: a folder's name may hold spaces.
# What libraries on the GPU raise as plain RuntimeErrors, by their texts: there is nothing else to tell them by.
_NO_MEMORY = re.compile(r"(?:CUDA error|Triton Error \[CUDA\]): out of memory|CU(?:BLAS|DNN)_STATUS_ALLOC_FAILED")
_GPU_FAULT = re.compile(r"^CUDA error|Triton Error \[CUDA\]|cuDNN error|CUDA error: |an illegal memory access")
_PATH = re.compile(r"(?<![\w<])(?:[A-Za-z]:)?[\w.~-]*/[^'\"\n]*")


def outputs_of(entry: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a history entry: node id to what the node shows.

    Raises:
        WorkerError: OUT_OF_MEMORY, GENERATION_FAILED or INTERRUPTED, as the entry's messages say.
    """
    status = entry.get("status", {})
    messages = dict(status.get("messages", []))
    if "execution_error" in messages:
        raise _failed(messages["execution_error"])
    if "execution_interrupted" in messages:
        raise WorkerError(ErrorCode.INTERRUPTED, f"{FAILED}: it was interrupted")
    if not status.get("completed"):
        raise WorkerError(ErrorCode.GENERATION_FAILED, f"{FAILED}: ComfyUI ended the prompt without a result")
    outputs: dict[str, Any] = entry.get("outputs", {})
    return outputs


def rejection(reply: dict[str, Any]) -> WorkerError:
    """Why /prompt did not take a graph. `node_errors` has the reasons; `error.details` is usually empty."""
    reasons: list[str] = []
    missing: list[str] = []
    for node in reply.get("node_errors", {}).values():
        for problem in node.get("errors", []):
            extra = problem.get("extra_info") or {}
            if problem.get("type") == "value_not_in_list" and extra.get("input_name") in LOADER_INPUTS:
                missing.append(str(extra.get("received_value")))
            name = extra.get("input_name") or problem.get("details", "")
            reasons.append(f"{node.get('class_type')}: {problem.get('message')} ({name})")
    if missing:
        return WorkerError(
            ErrorCode.MODELS_MISSING,
            f"Required models are missing: {', '.join(sorted(set(missing)))}",
            stage=Stage.LOAD,
        )
    if not reasons:
        error = reply.get("error", {})
        reasons = [str(error.get("message") if isinstance(error, dict) else error)]
    return WorkerError(ErrorCode.GRAPH_REJECTED, public(f"{FAILED}: the graph was refused: {'; '.join(reasons)}"))


def unavailable(error: Exception) -> WorkerError:
    """The server cannot be reached."""
    return WorkerError(ErrorCode.ENGINE_UNAVAILABLE, "ComfyUI does not answer", detail=type(error).__name__)


def public(text: str) -> str:
    """One short line without file system paths."""
    line = _PATH.sub("<path>", " ".join(text.split()))
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def _failed(data: dict[str, Any]) -> WorkerError:
    kind = str(data.get("exception_type", ""))
    detail = "".join(str(line) for line in data.get("traceback", []))[-4000:]
    message = str(data.get("exception_message", ""))
    if kind.rsplit(".", 1)[-1] == "OutOfMemoryError" or _NO_MEMORY.search(message):
        return WorkerError(ErrorCode.OUT_OF_MEMORY, f"{FAILED}: the GPU ran out of memory", detail=detail)
    if kind.endswith("AcceleratorError") or _GPU_FAULT.search(message):
        return WorkerError(ErrorCode.GPU_FAULT, f"{FAILED}: the GPU failed", detail=f"{message}\n{detail}")
    reason = message.strip().split("\n", 1)[0] or kind
    return WorkerError(
        ErrorCode.GENERATION_FAILED, public(f"{FAILED}: {data.get('node_type')}: {reason}"), detail=detail
    )
