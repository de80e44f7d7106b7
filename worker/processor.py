"""The processor's name, read where py-cpuinfo would measure everything about it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cpuinfo

CPUINFO = Path("/proc/cpuinfo")
FIELD = "model name"


@contextmanager
def processor_name_only() -> Iterator[None]:
    """Import the RunPod SDK within this block.

    runpod 1.12.0 asks py-cpuinfo for `brand_raw` when it is imported (serverless/utils/rp_debugger.py), and uses it in
    the output of --rp_debugger alone. py-cpuinfo starts a Python of its own for that and measures all that there is to
    know, half a second of processor at each start of the worker. Within this block it gives the same name, as the
    kernel has it; where the kernel has none, it measures as ever.
    """
    measure = cpuinfo.get_cpu_info

    def read() -> dict[str, object]:
        name = processor_name()
        return {"brand_raw": name} if name else measure()

    cpuinfo.get_cpu_info = read
    try:
        yield
    finally:
        cpuinfo.get_cpu_info = measure


def processor_name() -> str:
    """As the kernel has it; nothing where it has none."""
    for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines() if CPUINFO.exists() else ():
        field, _, value = line.partition(":")
        if field.strip() == FIELD:
            return value.strip()
    return ""
