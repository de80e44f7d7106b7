"""Run with ComfyUI's interpreter: says in JSON lines what the GPU is and whether SageAttention works on it.

A process of its own, because a kernel that is missing for a GPU leaves a CUDA context that nothing can use any
more (docs/facts/talk-models.md#attention-kernels). The facts come first: they stand even if the trial brings the
process down.
"""

import json
import subprocess
import sys


def main() -> None:
    """Print the facts, then the verdict of a 64x64 attention."""
    import torch  # noqa: PLC0415 - takes seconds, and is not there in the worker's environment

    facts: dict[str, object] = {"torch": torch.__version__.split("+")[0], "device": "cpu"}
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        facts |= {
            "device": "cuda",
            "name": properties.name,
            "memory_gb": round(properties.total_memory / 1e9, 1),
            "capability": [properties.major, properties.minor],
        }
    _say(facts)
    if facts["device"] == "cuda":
        why_not = _why_no_sage(torch)
        _say({"sage": why_not is None, "why_no_sage": why_not})


def _say(facts: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _why_no_sage(torch) -> str | None:  # type: ignore[no-untyped-def] # torch is a module that only this process has
    """None where it works; empty where it is not installed."""
    try:
        from sageattention import sageattn  # noqa: PLC0415

        query = torch.randn(1, 8, 64, 64, dtype=torch.float16, device="cuda")
        result = sageattn(query, query, query)
        torch.cuda.synchronize()
        return None if torch.isfinite(result).all() else "its result is not finite"
    except ModuleNotFoundError as error:
        return "" if error.name == "sageattention" else repr(error)
    except (ImportError, RuntimeError, AssertionError, ValueError, OSError, subprocess.SubprocessError) as error:
        return f"{type(error).__name__}: {error}".strip().partition("\n")[0]


if __name__ == "__main__":
    main()
