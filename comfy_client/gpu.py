"""What GPU this machine has, found in a process of ComfyUI's own environment."""

import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from comfy_client.compiled import with_triton_cache

log = logging.getLogger(__name__)

PROBE = Path(__file__).with_name("gpu_probe.py")
LEASH = Path(__file__).with_name("die_with_parent.py")  # a worker that stops meanwhile leaves nothing behind
PROBE_SECONDS = 180


@dataclass(frozen=True)
class GpuFacts:
    """`memory_gb` counts 10^9 bytes and is 0 without a GPU; `sage` tells whether SageAttention ran on it."""

    device: str = "cpu"
    name: str = "CPU"
    memory_gb: float = 0.0
    capability: tuple[int, int] = (0, 0)
    torch: str = ""
    sage: bool = False


def probe_gpu(python: Path, state: Path) -> GpuFacts:
    """Ask ComfyUI's interpreter, with the `state` that ComfyUI will have. A probe that fails is told in the log, and
    counts as what it had said until then."""
    found: dict[str, object] = {}
    try:
        done = subprocess.run(
            [sys.executable, str(LEASH), *with_triton_cache((str(python), str(PROBE)), state)],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
        output, said = done.stdout, done.stderr
        if done.returncode:
            log.warning("the GPU probe ended with %d: %s", done.returncode, said.strip().rsplit("\n", 1)[-1])
    except subprocess.TimeoutExpired as error:
        output = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout or ""
        log.warning("the GPU probe took more than %d s", PROBE_SECONDS)
    except OSError as error:
        log.warning("the GPU probe cannot be started: %s", error)
        return GpuFacts()
    for line in output.splitlines():
        if line.startswith("{"):
            found |= json.loads(line)
    if why_not := found.pop("why_no_sage", None):
        log.warning("SageAttention does not work here: %s", why_not)
    capability = found.pop("capability", None)
    if isinstance(capability, list):
        found["capability"] = tuple(capability)
    return GpuFacts(**found)  # type: ignore[arg-type] # our own probe's keys
