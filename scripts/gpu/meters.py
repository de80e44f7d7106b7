"""Samples of the GPU (NVML, by nvidia-smi) and of a process family's memory while a job runs."""

import contextlib
import platform
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

GPU_FIELDS = ("utilization.gpu", "memory.used", "power.draw", "clocks.sm")
GPU_MILLISECONDS, MEMORY_SECONDS = 100, 0.5
MIB, KIB = 2**20, 2**10
MEMORY_FIELDS = {"RssAnon": "anonymous", "RssFile": "files", "RssShmem": "shared"}


def card() -> dict[str, Any]:
    """Name, driver and memory of the first GPU; of a machine without one: its processor."""
    asked = "name,driver_version,memory.total,power.limit"
    try:
        done = subprocess.run(
            ["nvidia-smi", f"--query-gpu={asked}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return {"name": "CPU", "processor": platform.processor() or platform.machine(), "threads": cpu_count()}
    name, driver, memory, power = (text.strip() for text in done.stdout.splitlines()[0].split(","))
    return {"name": name, "driver": driver, "memory_mib": number(memory), "power_limit_w": number(power)}


def cpu_count() -> int:
    """Hardware threads of this machine."""
    return sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())


def machine() -> dict[str, Any]:
    """What the card sits in."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {"processor": model, "threads": cpu_count(), "ram_gib": round(int(memory.split()[1]) / MIB, 1)}


def number(text: str) -> float | None:
    """None for nvidia-smi's "[N/A]"."""
    with contextlib.suppress(ValueError):
        return float(text)
    return None


class Gpu:
    """Reads nvidia-smi for as long as the `with` block lasts; without one it knows nothing."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, tuple[float | None, ...]]] = []  # time.time(), values of GPU_FIELDS

    def __enter__(self) -> "Gpu":
        query = ["nvidia-smi", f"--query-gpu={','.join(GPU_FIELDS)}", "--format=csv,noheader,nounits"]
        self._process = None
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [*query, "-i", "0", "-lms", str(GPU_MILLISECONDS)], stdout=subprocess.PIPE, text=True
            )
            threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def between(self, begin: float, end: float) -> dict[str, Any]:
        """Means and peaks of the samples of a stretch of `time.time()`."""
        seen = [values for moment, values in self.samples if begin <= moment <= end]
        columns = [[value for value in column if value is not None] for column in zip(*seen, strict=True)]
        if not columns or not columns[0]:
            return {}
        busy, memory, power, clock = columns
        found: dict[str, Any] = {"samples": len(seen), "busy_percent": round(fmean(busy), 1)}
        found["idle_samples_percent"] = round(100 * sum(value == 0 for value in busy) / len(busy), 1)
        found["memory_mib_peak"] = max(memory, default=None)
        found["power_w_mean"] = round(fmean(power), 1) if power else None
        found["sm_mhz_mean"] = round(fmean(clock)) if clock else None
        return found

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None  # noqa: S101, PT018
        for line in self._process.stdout:
            self.samples.append((time.time(), tuple(number(text) for text in line.split(","))))


class Memory:
    """The most RAM that a process and all that it started held at once, while the `with` block lasts."""

    def __init__(self, pid: Callable[[], int | None]) -> None:
        self._pid = pid
        self._over = threading.Event()
        self.peak: dict[str, int] = {}

    def __enter__(self) -> "Memory":
        self._over.clear()
        self.peak = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self._look()
            if self._over.wait(MEMORY_SECONDS):
                return

    def _look(self) -> None:
        pid = self._pid()
        found: dict[str, int] = {}
        for process in family(pid) if pid else ():
            with contextlib.suppress(OSError, IndexError, ValueError):
                for line in Path(f"/proc/{process}/status").read_text().splitlines():
                    name, _, rest = line.partition(":")
                    if name in MEMORY_FIELDS:
                        key = MEMORY_FIELDS[name]
                        found[key] = found.get(key, 0) + int(rest.split()[0]) * KIB
        for key, size in (found | {"all": sum(found.values())}).items():
            self.peak[key] = max(self.peak.get(key, 0), size)


def family(pid: int) -> Iterator[int]:
    """The process and its descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))
