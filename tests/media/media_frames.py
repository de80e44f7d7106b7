"""Frames, sounds and finished videos for the tests of `media/video.py`; measured with ffprobe and ffmpeg."""

import json
import os
import subprocess
import threading
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from media.audio import LISTENER_RATE
from media.video import VideoSpec
from tests.media.media_sounds import ffmpeg, sine, write_wav

WIDTH, HEIGHT = 96, 64


def png(colour: tuple[int, int, int], size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """A frame of one colour, as bytes."""
    out = BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG", compress_level=1)
    return out.getvalue()


def grey(level: int) -> bytes:
    """A grey frame."""
    return png((level, level, level))


def level_of(number: int) -> int:
    """A brightness that tells frame numbers apart, also from the neighbours'."""
    return 20 + 37 * number % 216


def frames_folder(tmp_path: Path) -> tuple[Path, Path]:
    """The folder that an encoder follows, and the one below it that a server would make."""
    inner = tmp_path / "frames" / "20250101_000000_multitalk_output"
    inner.mkdir(parents=True)
    return inner.parent, inner


def frame_path(inner: Path, number: int) -> Path:
    """As the server names it."""
    return inner / f"frame_{number:05d}.png"


def write_frames(inner: Path, count: int, first: int = 0) -> None:
    """Whole frames, each with the brightness of its number."""
    for number in range(first, first + count):
        frame_path(inner, number).write_bytes(grey(level_of(number)))


def make_spec(tmp_path: Path, frames: int, fps: int = 25, **sound: float) -> VideoSpec:
    """A spec with its sound: a tone of the video's exact length."""
    audio = tmp_path / "sound.wav"
    spec = VideoSpec(WIDTH, HEIGHT, frames, fps, 18, audio)
    tone = sine(440, spec.seconds, LISTENER_RATE, 0.3)
    if "click_at" in sound:
        begin = round(sound["click_at"] * LISTENER_RATE)
        tone[:begin] = type(tone)("h", bytes(2 * begin))
    write_wav(audio, LISTENER_RATE, tone, tone)
    return spec


@dataclass(frozen=True)
class Probe:
    """What ffprobe says of a video."""

    picture: dict[str, object]
    sound: dict[str, object]
    frames: int
    picture_seconds: float
    sound_seconds: float


def probe(video: Path) -> Probe:
    """Counts the frames by decoding them."""
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(video)]
    streams = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    picture, sound = streams
    return Probe(picture, sound, int(picture["nb_read_frames"]), float(picture["duration"]), float(sound["duration"]))


def decoded_frames(video: Path) -> list[tuple[int, int, int]]:
    """The colour in the middle of every frame, as a player shows it."""
    raw = video.with_suffix(".rgb")
    filters = "scale=in_color_matrix=bt709:in_range=tv,format=rgb24"
    ffmpeg("-i", str(video), "-vf", filters, "-fps_mode", "passthrough", "-f", "rawvideo", str(raw))
    data, size = raw.read_bytes(), WIDTH * HEIGHT * 3
    middle = (HEIGHT // 2 * WIDTH + WIDTH // 2) * 3
    return [(data[at], data[at + 1], data[at + 2]) for at in range(middle, len(data), size)]


def key_frames(video: Path) -> list[float]:
    """When a player can begin, in seconds."""
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "packet=pts_time,flags",
        "-of",
        "csv=p=0",
    ]
    said = subprocess.run([*command, str(video)], capture_output=True, check=True, text=True).stdout
    packets = (line.split(",") for line in said.splitlines())
    return sorted(float(time) for time, flags, *_ in packets if flags.startswith("K"))


def boxes_of(video: Path) -> list[str]:
    """The top-level boxes of an MP4, in order."""
    data, at, names = video.read_bytes(), 0, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        names.append(data[at + 4 : at + 8].decode("ascii"))
        assert size >= 8, "a 64 bit or endless box"
        at += size
    return names


def leftovers() -> list[str]:
    """ffmpeg processes and encoder threads of this test process."""
    found = [thread.name for thread in threading.enumerate() if thread.name == "encoder"]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text(encoding="utf-8").partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if name.startswith("ffmpeg") and int(rest.split()[1]) == os.getpid():
            found.append(f"{name} {stat.parent.name}")
    return found


def open_files() -> int:
    """Open file descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))
