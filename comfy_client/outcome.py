"""How a prompt ended: the outputs of a good one, one `WorkerError` for any other."""

import re
from typing import Any

from contract.errors import SAVES_MEMORY, ErrorCode, Stage, WorkerError

FAILED = "Video generation failed"
LOADER_INPUTS = {"model", "model_name", "clip_name", "lora"}
MOST_CHARACTERS = 300
# What libraries on the GPU raise as plain RuntimeErrors, by their texts: there is nothing else to tell them by.
_NO_MEMORY = re.compile(r"(?:CUDA error|Triton Error \[CUDA\]): out of memory|CU(?:BLAS|DNN)_STATUS_ALLOC_FAILED")
_GPU_FAULT = re.compile(r"^CUDA error|Triton Error \[CUDA\]|cuDNN error|CUDA error: |an illegal memory access")
# From something that begins like a path to a quote or the end of the line: a folder's name may hold spaces.
_PATH = re.compile(r"(?<![\w<])(?:[A-Za-z]:)?[\w.~-]*/[^'\"\n]*")


def outputs_of(entry: dict[str, Any], error: dict[str, Any] | None = None) -> dict[str, Any]:
    """The outputs of a history entry: node id to what the node shows; `{}` where it has none.

    Args:
        error: the data of `execution_error`, where that was heard.

    Raises:
        WorkerError: OUT_OF_MEMORY, GENERATION_FAILED or INTERRUPTED, as the entry's messages say; ENGINE_UNAVAILABLE
            where it does not say how the prompt ended.
    """
    status = _object(entry.get("status"))
    messages = dict(_pairs(status.get("messages")))
    if "execution_error" in messages:
        raise failed(messages["execution_error"])
    if "execution_interrupted" in messages:
        raise WorkerError(ErrorCode.INTERRUPTED, f"{FAILED}: it was interrupted")
    if status.get("completed") is False:
        raise WorkerError(ErrorCode.GENERATION_FAILED, f"{FAILED}: ComfyUI ended the prompt without a result")
    if status.get("completed") is not True:
        raise lost(error)
    return _object(entry.get("outputs"))


def rejection(reply: dict[str, Any]) -> WorkerError:
    """Why /prompt did not take a graph. `node_errors` has the reasons; `error.details` is usually empty."""
    reasons: list[str] = []
    missing: list[str] = []
    for node in _object(reply.get("node_errors")).values():
        for problem in _objects(_object(node).get("errors")):
            extra = _object(problem.get("extra_info"))
            if problem.get("type") == "value_not_in_list" and extra.get("input_name") in LOADER_INPUTS:
                missing.append(str(extra.get("received_value")))
            name = extra.get("input_name") or problem.get("details", "")
            reasons.append(f"{_object(node).get('class_type')}: {problem.get('message')} ({name})")
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


def unavailable(error: Exception, seconds: float | None = None) -> WorkerError:
    """The server cannot be reached, or has not answered for so many seconds."""
    for_long = "" if seconds is None else f" for {seconds:.0f} s"
    return WorkerError(ErrorCode.ENGINE_UNAVAILABLE, f"ComfyUI did not answer{for_long}", detail=repr(error))


def lost(error: dict[str, Any] | None) -> WorkerError:
    """A prompt has ended, and its history does not say how; `error` as in `outputs_of`."""
    if error is not None:
        return failed(error)
    return WorkerError(ErrorCode.ENGINE_UNAVAILABLE, "ComfyUI did not tell how the job ended")


def public(text: str) -> str:
    """One short line without file system paths."""
    line = _PATH.sub("<path>", " ".join(text.split()))
    return line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"


def failed(data: dict[str, Any]) -> WorkerError:
    """Why a node failed, by the data of `execution_error`."""
    kind = str(data.get("exception_type", ""))
    detail = "".join(str(line) for line in _list(data.get("traceback")))[-4000:]
    message = str(data.get("exception_message", ""))
    if kind.rsplit(".", 1)[-1] == "OutOfMemoryError" or _NO_MEMORY.search(message):
        return WorkerError(
            ErrorCode.OUT_OF_MEMORY, f"{FAILED}: the GPU ran out of memory; {SAVES_MEMORY}", detail=detail
        )
    if kind.endswith("AcceleratorError") or _GPU_FAULT.search(message):
        return WorkerError(ErrorCode.GPU_FAULT, f"{FAILED}: the GPU failed", detail=f"{message}\n{detail}")
    reason = message.strip().split("\n", 1)[0] or kind
    return WorkerError(
        ErrorCode.GENERATION_FAILED, public(f"{FAILED}: {data.get('node_type')}: {reason}"), detail=detail
    )


def _object(value: object) -> dict[str, Any]:
    """It, or an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _pairs(value: object) -> list[tuple[str, dict[str, Any]]]:
    """Those items of a list that are a message's type and data."""
    pairs = [item for item in _list(value) if isinstance(item, list) and len(item) == 2]
    return [(kind, _object(data)) for kind, data in pairs if isinstance(kind, str)]
