"""Proves that the kernels of SageAttention load, as far as it was compiled with them; where it is not there, says so.

Run with ComfyUI's interpreter. An image for one kind of card has one generation's kernels (SAGE_TARGETS).
"""

import importlib
import importlib.util
import sys
from pathlib import Path

# Those for Hopper link the driver, which a build machine may not have.
KERNELS = ("sm80", "sm89")


def main() -> str:
    """What to say; exits where a kernel does not load."""
    found = importlib.util.find_spec("sageattention")
    if found is None:
        return "SageAttention is not in this image: attention is sdpa"
    folders = [Path(folder) for folder in found.submodule_search_locations or ()]
    built = [name for name in KERNELS if any(path for folder in folders for path in folder.glob(f"_qattn_{name}.*.so"))]
    core = importlib.import_module("sageattention.core")
    broken = [name for name in built if not getattr(core, f"{name.upper()}_ENABLED")]
    if broken or not built:
        sys.exit(f"SageAttention's kernels do not load: {', '.join(broken) or 'it has none'}")
    return f"SageAttention has kernels: {', '.join(built)}"


if __name__ == "__main__":
    sys.stdout.write(f"{main()}\n")
