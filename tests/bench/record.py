"""What the benchmarks found, as docs/benchmarks.json keeps it, and the page that is made of it."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from imageio_ffmpeg import get_ffmpeg_exe

from tests.bench.encoding import REPOSITORY
from tests.bench.figures import Figure, table
from tests.bench.reasons import reasons
from worker.processor import processor_name

FILE = REPOSITORY / "docs" / "benchmarks.json"
PAGE = REPOSITORY / "docs" / "benchmarks.md"


@dataclass(frozen=True)
class Part:
    """Figures that were measured together, and the machine that they were measured on, in words."""

    machine: str
    when: str
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Record:
    """Figures that are the same on every machine, and the parts that need a clock, by their names."""

    same: Sequence[Figure]
    parts: Mapping[str, Part]

    @property
    def figures(self) -> dict[str, Figure]:
        """By their names."""
        measured = [one for part in self.parts.values() for one in part.figures]
        return {one.name: one for one in (*self.same, *measured)}

    def with_same(self, figures: Sequence[Figure]) -> "Record":
        """Found just now."""
        return replace(self, same=figures)

    def with_part(self, name: str, figures: Sequence[Figure]) -> "Record":
        """Measured just now, on this machine."""
        part = Part(_machine(), f"{datetime.now(UTC):%Y-%m-%d}", figures)
        return replace(self, parts={**self.parts, name: part})

    def write(self) -> None:
        """The file, and the page made of it."""
        FILE.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        PAGE.write_text(self.page(), encoding="utf-8")

    def page(self) -> str:
        """Markdown."""
        return f"""# Benchmarks

Made by `make bench` of [benchmarks.json](benchmarks.json); do not edit it. Smaller is better throughout. What a GPU
does is in [gpu](gpu), times and prices by GPU are in [speed.md](speed.md). Where a name says "of", the figure is the
first thing divided by the second; the brackets have both.

## The same on every machine

The bound is the least work that could be: no frame is made beyond the last one, and half a window costs half of what a
whole one does. To cut the last window short would save no more than that, and would change its pictures, as they depend
on the window's length and noise. A test fails where a figure is a fifth worse than here, and where a count of programs,
requests or connections is worse at all.

{table(self.same)}
## Measured with a clock

The worker runs in the real SDK against a control plane and a bucket on this machine, with the simulator for ComfyUI and
10.01 s of sound; the plain sequence ran in turns with it: fetch one source after the other, convert the voice, hand
both to ComfyUI, encode after the last frame, read the video back, upload it. Frames are portraits under noise, of which
a pixel takes 0.4 bit at crf 18. They come window by window, as from a GPU: a window takes 3 s, less than on any GPU (an
H200 takes 6 s at 400x704 and 44 s at 720x1280), so that the encoder has less time beside it than it would have. The
PNGs of a window come at the pace of the node pack's threads; what those take of the processor is left out. Far away is
a proxy that adds half a round trip to each piece, and a whole one to each new connection.

{self._measured()}
### What is missed, and why

{reasons(self.figures.values())}
![seconds of a warm job, 400x704](benchmarks/warm-400x704.svg)

![seconds of a warm job, 720x1280](benchmarks/warm-720x1280.svg)
"""

    def _measured(self) -> str:
        parts = [f"{part.when}, {part.machine}:\n\n{table(part.figures)}" for part in self.parts.values()]
        return "\n".join(parts)


def committed(file: Path = FILE) -> Record:
    """What the file says."""
    told = json.loads(file.read_text(encoding="utf-8"))
    parts = {name: Part(**{**part, "figures": _read(part["figures"])}) for name, part in told["parts"].items()}
    return Record(_read(told["same"]), parts)


def _read(figures: Sequence[dict[str, Any]]) -> list[Figure]:
    return [Figure(**one) for one in figures]


def _machine() -> str:
    first = subprocess.run([get_ffmpeg_exe(), "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    packages = ", ".join(f"{name} {version(name)}" for name in ("runpod", "pillow", "pydub"))
    processor = f"{processor_name() or platform.machine()} with {os.cpu_count()} threads"
    load = f"{os.getloadavg()[1]:.1f} processes wanted a processor over the last five minutes"
    return f"{processor} ({load}), Python {platform.python_version()}, ffmpeg {first}, {packages}"
