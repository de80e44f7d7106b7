"""Run with ComfyUI's interpreter: says in JSON lines what the GPU is and whether SageAttention works on it.

A process of its own, because a kernel that is missing for a GPU leaves a CUDA context that nothing can use any
more (docs/facts/talk-models.md#attention-kernels). The facts come first: they stand even if the trial brings the
process down.
"""

import json
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
        _say({"sage": _sage_works(torch)})


def _say(facts: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _sage_works(torch) -> bool:  # type: ignore[no-untyped-def] # torch is a module that only this process has
    try:
        from sageattention import sageattn  # noqa: PLC0415

        query = torch.randn(1, 8, 64, 64, dtype=torch.float16, device="cuda")
        result = sageattn(query, query, query)
        torch.cuda.synchronize()
        return bool(torch.isfinite(result).all())
    except (ImportError, RuntimeError, AssertionError, ValueError, OSError):
        return False


if __name__ == "__main__":
    main()
