"""The arithmetic of the long-video loop: pure numbers, no pictures (docs/facts/talk-models.md#the-loop).

Voices are cut to `num_frames`, their embeddings are counted in frames, and the loop walks over them in windows of F
frames that overlap by M, until a window's end reaches the last frame. With F < M the end moves backwards and is never
reached.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

WAV2VEC_RATE = 16_000
LOUDNESS_BLOCK_SECONDS = 0.4
PATCH = 16
LINEAR_FLOPS_PER_TOKEN = 28.10e9
ATTENTION_FLOPS_PER_TOKEN_SQUARED = 819_200.0

Together = Literal["para", "add"]


@dataclass(frozen=True)
class Window:
    """One pass of the loop: number from 1, the first frame it adds, how many it adds, and whether it is the last."""

    number: int
    first_frame: int
    frames: int
    last: bool


def segment_samples(samples: int, sample_rate: int, num_frames: int, fps: float) -> int:
    """Samples at 16 kHz of one voice, cut to num_frames / fps seconds."""
    resampled = math.ceil(samples * WAV2VEC_RATE / sample_rate) if sample_rate != WAV2VEC_RATE else samples
    return min(resampled, int(num_frames / fps * WAV2VEC_RATE))


def frames_of_segment(segment: int, fps: float) -> int:
    """How many frames the embedding of `segment` samples at 16 kHz has."""
    return int(segment / WAV2VEC_RATE * fps)


def total_frames(per_voice: Sequence[int], together: Together) -> int:
    """N, the frames the loop has to reach: the longest voice (`para`) or all one after another (`add`)."""
    return max(per_voice) if together == "para" else sum(per_voice)


def window_size(asked: int) -> int:
    """F: the asked window forced down to 4k + 1."""
    return (asked - 1) // 4 * 4 + 1


def estimated_windows(total: int, window: int, overlap: int) -> int:
    """What the loop takes for the number of windows when it sets the progress bar: mostly too many, negative for F < M.

    Raises ZeroDivisionError for F == M, as the loop does.
    """
    estimate = total // (window - overlap) + 1
    return 1 if window >= total else estimate


def walk(total: int, window: int, overlap: int) -> Iterator[Window]:
    """The windows in order. Endless when F < M and the audio is longer than a window."""
    number, first_frame, start, last = 1, 0, 0, window >= total
    while True:
        frames = window if number == 1 else max(0, window - overlap)
        yield Window(number, first_frame, frames, last)
        if last:
            return
        number, first_frame = number + 1, first_frame + frames
        start += window - overlap
        last = start + window >= total


def pass_flops(window: int, width: int, height: int) -> float:
    """Floating point operations of one pass of the 14B model over one window.

    docs/facts/talk-models.md#the-cost-of-a-window
    """
    tokens = ((window - 1) // 4 + 1) * (height // PATCH) * (width // PATCH)
    return tokens * LINEAR_FLOPS_PER_TOKEN + ATTENTION_FLOPS_PER_TOKEN_SQUARED * tokens**2
