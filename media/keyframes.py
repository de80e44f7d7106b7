"""Pictures out of a video that is to be dubbed: those that stand at given frames of the video to be made.

ffmpeg decodes, picks and shrinks; one picture at a time comes through a pipe, so neither memory nor disk grows with the
length of the video.
"""

import math
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from contract.cancel import Cancellation
from media.ffmpeg import DECODE, FfmpegError, stream
from media.footage import PROCESS_LIMITS, UNDECODABLE, Footage, refused
from media.high_range import to_ordinary_range
from media.image import Fit

FPS = 25
THREADS = 4
LOG_BYTES = 1 << 24  # a decoder may have a word for each frame
# Of processor, and of wall clock, for what is always there and for each second of the video. 4K at 60 frames a second
# takes about 2 s of one core for each.
PROCESSOR_SECONDS, PROCESSOR_PER_SECOND = 20, 5
WALL_SECONDS, WALL_PER_SECOND = 60, 8
COUNTED = re.compile(r"\b\d+ frames in, (\d+) frames out")


@dataclass(frozen=True)
class Picks:
    """Frames of the video to be made, at 25 a second: 0, `step`, 2 `step` … `count` of them in all."""

    step: int
    count: int

    @property
    def seconds(self) -> float:
        """From the first to the last."""
        return self.step * (self.count - 1) / FPS


def pictures_of(
    footage: Footage, picks: Picks, fit: Fit, folder: Path, cancel: Cancellation
) -> Generator[Image.Image, None, int]:
    """The pictures that the video shows at these frames, RGB of sRGB, upright; its last one where it is over.

    Returns:
        How many frames, at 25 a second, of the video were seen: those of the whole where it ended before the last pick.

    Raises:
        WorkerError: VIDEO_INVALID for what cannot be decoded; CANCELLED.
    """
    size = _size(footage, fit)
    layout, width = ("rgb48le", 6) if footage.high_range else ("rgba", 4) if footage.alpha else ("rgb24", 3)
    command = [
        *(*DECODE, "-loglevel", "level+verbose", "-threads", str(THREADS), "-reinit_filter", "0", *footage.opened),
        *("-map", "0:V:0", "-vf", _filters(footage, picks, size), "-frames:v", str(picks.count)),
        *("-fps_mode", "passthrough"),  # else ffmpeg fills the gaps between what was picked
        *("-f", "rawvideo", "-pix_fmt", layout, "pipe:1"),
    ]
    processor = math.ceil(PROCESSOR_SECONDS + PROCESSOR_PER_SECOND * picks.seconds)
    limits = {**PROCESS_LIMITS, "RLIMIT_CPU": processor, "RLIMIT_FSIZE": LOG_BYTES}
    wall = WALL_SECONDS + WALL_PER_SECOND * picks.seconds
    pieces = stream(command, folder, cancel, size[0] * size[1] * width, more=limits, seconds=wall)
    found = 0
    try:
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                log = str(end.value)
                break
            found += 1
            yield _picture(piece, size, footage)
    except FfmpegError as error:
        raise refused(UNDECODABLE, error.log[-2000:]) from error
    if not found:
        raise refused(UNDECODABLE, log[-2000:])
    counted = COUNTED.findall(log)
    return int(counted[-1]) if counted else picks.step * (picks.count - 1) + 1


def _size(footage: Footage, fit: Fit) -> tuple[int, int]:
    """As the video is, or smaller, where it is drawn smaller."""
    scale = min(1.0, fit.drawn_width / footage.width, fit.drawn_height / footage.height)
    return max(1, math.ceil(footage.width * scale)), max(1, math.ceil(footage.height * scale))


def _filters(footage: Footage, picks: Picks, size: tuple[int, int]) -> str:
    """Frames by the clock, however they come; of these the picked ones; and only they are worked on."""
    matrix = ":in_color_matrix=bt709" if footage.untagged_hd else ""
    return ",".join(
        (
            f"fps={FPS}:start_time=0",
            "tpad=stop=-1:stop_mode=clone",
            f"trim=end_frame={picks.step * (picks.count - 1) + 1}",  # else a picture of days is all of them in memory
            *([f"select='not(mod(n\\,{picks.step}))'"] if picks.step > 1 else []),
            *(["estdif=mode=frame"] if footage.interlaced else []),
            f"scale={size[0]}:{size[1]}:flags=lanczos+accurate_rnd+full_chroma_int{matrix}",
            "setsar=1",
        )
    )


def _picture(piece: bytes, size: tuple[int, int], footage: Footage) -> Image.Image:
    if footage.high_range:
        high, low = (Image.frombytes("RGB", size, piece, "raw", order) for order in ("RGB;16L", "RGB;16B"))
        # The brightest that can be, not that of the picture: windows would differ in brightness.
        return to_ordinary_range(high, low, footage.high_range, 255)
    if footage.alpha:
        image = Image.frombytes("RGBA", size, piece)
        white = Image.new("RGB", size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return Image.frombytes("RGB", size, piece)
