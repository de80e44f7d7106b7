"""What the READMEs tell of the work beside the GPU, made of the benchmarks' own file (`make bench`)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.json"
SIZES = ("400x704", "720x1280")
# Names of figures, without their sizes.
OVERHEAD = "overhead of a warm job, of the plain sequence"
LAST = "seconds from the last frame to the MP4"
RATE = "the fastest GPU's frames a second, of the encoder's"


@dataclass(frozen=True)
class _Words:
    """Of one language: the head of the table, its rows by the names of their figures, and where it was measured."""

    head: str
    rows: Mapping[str, str]
    of: str
    where: str


ENGLISH = _Words(
    "10 s of sound, worker warm",
    {
        OVERHEAD: "a job without its sampling, as a share of the same steps one after another",
        LAST: "of that, from the last frame to the MP4",
        RATE: "frames a second of the fastest GPU, as a share of the encoder's",
    },
    "of",
    "Measured without a GPU, by `make bench`: {processor}, {when}. [docs/benchmarks.md](docs/benchmarks.md) says how.",
)
VIETNAMESE = _Words(
    "10 giây âm thanh, worker đã chạy sẵn",
    {
        OVERHEAD: "một công việc không tính phần lấy mẫu, so với làm lần lượt từng bước",
        LAST: "trong đó, từ khung hình cuối đến MP4",
        RATE: "số khung hình mỗi giây của GPU nhanh nhất, so với bộ mã hóa",
    },
    "trên",
    "Đo không có GPU, bằng `make bench`: {processor}, {when}. [docs/benchmarks.md](docs/benchmarks.md) nói rõ cách đo.",
)


def tables() -> dict[str, str]:
    """Name to Markdown."""
    return {"beside the GPU": _told(ENGLISH), "beside the GPU, in Vietnamese": _told(VIETNAMESE)}


def _told(words: _Words) -> str:
    parts = json.loads(FILE.read_text(encoding="utf-8"))["parts"]
    figures = [one for part in parts.values() for one in part["figures"]]
    shown = {one["name"]: one["shown"].replace(" of ", f" {words.of} ") for one in figures}
    lines = [(words.head, *SIZES), ("---",) * (1 + len(SIZES))]
    lines += [(label, *(shown[f"{name}, {size}"] for size in SIZES)) for name, label in words.rows.items()]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    warm = parts[f"warm-{SIZES[0]}"]
    processor, when = warm["machine"].partition(" (")[0].replace(" with ", ", "), warm["when"]
    return f"{table}\n\n{words.where.format(processor=processor, when=when)}\n"
