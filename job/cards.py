"""The GPUs that RunPod rents out: how fast each of them is at this model, and what a second of it costs.

A time is of one window of 81 frames, of 4 steps, without guidance and block swap, for one voice, with all that belongs
to it: the VAE, and what lies between two windows. Where runs differ, the slowest counts; what is estimated is on the
slow side. Sources, in docs/facts/talk-models.md: #the-speed-of-gpus.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

from workflows.plan import Plan, window_flop

# Seconds that RunPod bills, of its "flex" workers: docs.runpod.io/serverless/pricing, August 2026.
PRICES_OF = "August 2026"
Source = Literal["measured", "published", "estimate"]
MEASURED_WINDOW, MEASURED_STEPS = 81, 4
BESIDE = 0.7  # steps that a window takes beside its own: the VAE's work, and what lies between two windows
VOICE_SHARE = 0.75  # of a step that each voice after the first one adds (docs/gpu: 1.75 times with two)


@dataclass(frozen=True)
class Point:
    """One window of 81 frames of width x height: its seconds, and how that is known: measured by this project,
    published by others, or estimated from the peaks of the cards."""

    width: int
    height: int
    seconds: float
    source: Source


@dataclass(frozen=True)
class Work:
    """What a job asks of the GPU.

    Attributes:
        one_pass: floating point operations of one run of the DiT over a window.
        windows, steps, passes_per_step: how many of these there are.
        pixels: of all frames of a window.
        voices: tracks that the model hears, those of silent listeners among them.
        swaps: whether blocks of the model wait in RAM for their turn.
    """

    one_pass: float
    windows: int
    steps: int
    passes_per_step: int = 1
    pixels: int = 81 * 400 * 704
    voices: int = 1
    swaps: bool = False

    @property
    def flop(self) -> float:
        """Floating point operations of the whole job."""
        return self.one_pass * self.windows * self.steps * self.passes_per_step

    @property
    def step(self) -> float:
        """What a step takes as long as: operations, with what several voices add."""
        return self.one_pass * self.passes_per_step * (1 + VOICE_SHARE * (self.voices - 1))


@dataclass(frozen=True)
class Card:
    """A GPU.

    Attributes:
        name: as it stands in what the driver calls it.
        memory_gb: of 10^9 bytes, as it is sold.
        small, large: two points, as small windows fill a GPU less.
        best: FLOP/s that no run exceeds: the best case, or the peak where there is none.
        usd_per_second: of RunPod's flex workers; None where its documents name none.
    """

    name: str
    memory_gb: int
    small: Point
    large: Point
    best: float
    usd_per_second: float | None

    def source(self, work: Work) -> Source:
        """How the time of such a job is known: as the nearer of the points."""
        distances = {abs(math.log(work.one_pass / _flop(point))): point for point in (self.small, self.large)}
        return distances[min(distances)].source

    def step_seconds(self, one_pass: float) -> float:
        """Seconds of a step of one pass of so many operations: by the law that goes through both points, and at the
        rate of the nearer one beyond them."""
        low, high = (math.log(_flop(point)) for point in (self.small, self.large))
        wanted = math.log(one_pass)
        within = min(max(wanted, low), high)
        slope = math.log(self.large.seconds / self.small.seconds) / (high - low)
        window = self.small.seconds * math.exp(slope * (within - low) + wanted - within)
        return window / (MEASURED_STEPS + BESIDE)

    def sampling_seconds(self, work: Work) -> float:
        """Expected seconds from the last weights to the last frame."""
        step = self.step_seconds(work.one_pass)
        return work.windows * step * (work.steps * work.step / work.one_pass + BESIDE)


def _flop(point: Point) -> float:
    return window_flop(MEASURED_WINDOW, point.width, point.height)


def _of_480p(seconds: float, source: Source = "estimate") -> Point:
    return Point(480, 832, seconds, source)


def _of_720p(seconds: float, source: Source = "estimate") -> Point:
    return Point(720, 1280, seconds, source)


# By memory and speed; of two names that fit, the first counts.
CARDS = (
    Card("L4", 24, _of_480p(270), _of_720p(640), 240e12, 0.00019),
    Card("RTX A5000", 24, _of_480p(200), _of_720p(475), 220e12, 0.00019),
    Card("RTX 3090", 24, _of_480p(180), _of_720p(430), 280e12, 0.00019),
    Card("RTX 4090", 24, _of_480p(77, "published"), _of_720p(183, "published"), 380e12, 0.00031),
    Card("RTX 5090", 32, _of_480p(43), _of_720p(101, "published"), 490e12, None),
    Card("A40", 48, _of_480p(110), _of_720p(360), 300e12, 0.00034),
    Card("RTX A6000", 48, _of_480p(105), _of_720p(340), 310e12, 0.00034),
    Card("L40", 48, _of_480p(95), _of_720p(225), 362e12, 0.00053),
    Card("RTX 6000 Ada", 48, _of_480p(95), _of_720p(225), 380e12, 0.00053),
    Card("L40S", 48, _of_480p(85), _of_720p(200), 362e12, 0.00053),
    Card("A100", 80, _of_480p(52, "published"), _of_720p(170, "published"), 312e12, 0.00076),
    Card("H100 PCIe", 80, _of_480p(33), _of_720p(95), 756e12, 0.00116),
    Card("H100 NVL", 94, _of_480p(29), _of_720p(82), 835e12, 0.00116),
    Card("H100", 80, Point(400, 704, 13.8, "measured"), _of_720p(63.2, "measured"), 989e12, 0.00116),
    Card("RTX PRO 6000", 96, _of_480p(43), _of_720p(101), 800e12, 0.00111),
    Card("H200", 141, _of_480p(14, "published"), _of_720p(44, "published"), 989e12, 0.00155),
    Card("B200", 180, _of_480p(11.5), _of_720p(35.5), 2250e12, 0.00240),
)


def card_of(gpu: str) -> Card | None:
    """The card by what its driver calls it; None where it is not known, or is a part or a lesser kind of one."""
    if re.search(r"\b(MIG|Laptop|Max-Q)\b", gpu):
        return None
    return next((card for card in CARDS if re.search(rf"\b{card.name}\b", gpu)), None)


def work_of(plan: Plan, voices: int = 1, *, swaps: bool = False) -> Work:
    """What a plan asks of the GPU."""
    one_pass = plan.flop / plan.passes
    pixels = plan.window * plan.width * plan.height
    return Work(one_pass, plan.windows, plan.steps, plan.passes_per_step, pixels, voices, swaps)
