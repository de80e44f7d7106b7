"""Frame arithmetic: seconds of sound to frames, windows and model passes.

The talk models sample a window of F frames (F = 4k+1), then move on by F - M, where the M overlap
(motion) frames are the last ones of the window before. With N frames wanted:

    W = 1 if N <= F else 1 + ceil((N - F) / (F - M))      windows
    R = F + (W - 1) * (F - M)                             frames written; R - N are surplus

Sources, in docs/facts/talk-models.md: #the-loop, #the-cost-of-a-window, #the-longest-clip, #the-announced-steps.
"""

import math
from dataclasses import dataclass

from contract.errors import ErrorCode, WorkerError
from contract.fields import Mode
from contract.rules import FIXED_STEPS
from workflows.modes import MODES

FPS = 25
MAX_FRAMES = 10_000  # of upstream's node
LONGEST_SECONDS = 3600.0  # with our own
SHORTEST_WINDOW, LONGEST_WINDOW = 33, 81
SHORTEST_OF_SEVERAL = 65

LINEAR_FLOP_PER_TOKEN = 28.10e9
ATTENTION_FLOP_PER_TOKEN_PAIR = 819_200
NAG_FLOP_PER_TOKEN = 0.42e9  # a second attention to a text of 512 tokens in each of 40 layers
PATCH_PIXELS = 16


@dataclass(frozen=True)
class Plan:
    """What one graph will sample.

    Attributes:
        frames: N, the frames of the video at 25 fps.
        width, height: pixels of a frame.
        window: F, frames of a window.
        overlap: M, frames a window shares with the one before.
        windows: W.
        steps: denoising steps of a window, as the server will run them, without those that are left out.
        passes_per_step: 1 without any guidance, up to 3 with text and audio guidance.
        flop: floating point operations of the DiT for the whole job.
    """

    frames: int
    width: int
    height: int
    window: int
    overlap: int
    windows: int
    steps: int
    passes_per_step: int
    flop: float

    @property
    def generated(self) -> int:
        """R, the frames that the server writes."""
        return self.window + (self.windows - 1) * (self.window - self.overlap)

    @property
    def surplus(self) -> int:
        """Frames at the end that are not part of the video."""
        return self.generated - self.frames

    @property
    def asked(self) -> int:
        """`num_frames` of the graph: whole windows, within what the node accepts. W and R are the same for both."""
        return self.generated if self.is_long else min(self.generated, MAX_FRAMES)

    @property
    def is_long(self) -> bool:
        """Whether upstream's node would refuse so many frames, so that the graph needs our own."""
        return self.frames > MAX_FRAMES

    @property
    def audio_seconds(self) -> float:
        """Seconds of every voice's track: as long as the generated frames."""
        return self.generated / FPS

    @property
    def window_ends(self) -> list[int]:
        """The last frame, from 0, that each window adds to the video."""
        ends = (self.window + number * (self.window - self.overlap) for number in range(self.windows))
        return [min(end, self.frames) - 1 for end in ends]

    @property
    def latent_frames(self) -> int:
        """Of a window in the VAE, which makes four pictures one, but for the first."""
        return (self.window - 1) // 4 + 1

    @property
    def passes(self) -> int:
        """Runs of the DiT in the whole job."""
        return self.windows * self.steps * self.passes_per_step

    @property
    def announced_steps(self) -> int:
        """`max` of the server's sampling progress, which counts with N // (F - M) + 1 windows, not with W."""
        if self.windows == 1:
            return self.steps
        return (self.asked // (self.window - self.overlap) + 1) * self.steps


def frames_for(seconds: float) -> int:
    """Frames at 25 fps that last at least `seconds`. A surplus below a thousandth of a frame is rounding."""
    return max(1, math.ceil(round(seconds * FPS, 3)))


def most_frames(voice_seconds: float, *, long: bool) -> int:
    """Frames that one job may have.

    Args:
        voice_seconds: the longest voice that the worker takes.
        long: whether the server has our node for more than upstream's 10 000.
    """
    return max(MAX_FRAMES, frames_for(min(voice_seconds, LONGEST_SECONDS))) if long else MAX_FRAMES


def tokens_of(window: int, width: int, height: int) -> int:
    """What the DiT sees of a window of `window` frames of width x height pixels."""
    return ((window - 1) // 4 + 1) * (width // PATCH_PIXELS) * (height // PATCH_PIXELS)


def window_flop(window: int, width: int, height: int) -> float:
    """Floating point operations of one DiT pass over a window of `window` frames of width x height pixels."""
    tokens = tokens_of(window, width, height)
    return tokens * LINEAR_FLOP_PER_TOKEN + ATTENTION_FLOP_PER_TOKEN_PAIR * tokens**2


def windows_for(frames: int, window: int, overlap: int) -> int:
    """W. Raises ValueError for a window that would not advance: the server's loop would never end."""
    if window <= overlap:
        raise ValueError(f"a window of {window} frames does not advance past an overlap of {overlap}")
    return 1 if frames <= window else 1 + math.ceil((frames - window) / (window - overlap))


def make_plan(
    frames: int,
    width: int,
    height: int,
    mode: Mode,
    *,
    window_frames: int | None,
    steps: int,
    scheduler: str,
    cfg_scale: float,
    audio_cfg_scale: float,
    most_frames: int = MAX_FRAMES,
    nag: bool = False,
    start_step: int = 0,
) -> Plan:
    """The plan for N = `frames`; `window_frames` None picks the window with the least DiT work; `nag`: normalized
    attention guidance is on.

    Raises:
        WorkerError: AUDIO_TOO_LONG above `most_frames`.
    """
    if frames > most_frames:
        raise WorkerError(
            ErrorCode.AUDIO_TOO_LONG,
            f"The audio is longer than one job can make: {most_frames // FPS} s ({most_frames} frames). "
            f"Send max_audio_duration {most_frames // FPS}, or several jobs",
        )
    overlap = MODES[mode].overlap
    window = window_frames or _cheapest_window(frames, width, height, overlap)
    windows = windows_for(frames, window, overlap)
    server_steps = FIXED_STEPS.get(scheduler, steps) - start_step
    passes_per_step = 1 + (cfg_scale != 1.0) + (audio_cfg_scale != 1.0)
    flop = window_flop(window, width, height) * windows * server_steps * passes_per_step
    flop += nag * NAG_FLOP_PER_TOKEN * tokens_of(window, width, height) * windows * server_steps
    return Plan(frames, width, height, window, overlap, windows, server_steps, passes_per_step, flop)


def _cheapest_window(frames: int, width: int, height: int, overlap: int) -> int:
    candidates = [
        window
        for window in range(SHORTEST_WINDOW, LONGEST_WINDOW + 1, 4)
        if frames <= window or window >= SHORTEST_OF_SEVERAL
    ]

    def work(window: int) -> tuple[float, int]:
        return windows_for(frames, window, overlap) * window_flop(window, width, height), -window

    return min(candidates, key=work)
