"""The encoder by itself, and the programs that a job starts."""

import os
import resource
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageChops

from contract.cancel import Cancellation
from media.ffmpeg import LIMITS, limiter
from media.video import FrameEncoder, VideoSpec
from tests.bench.figures import Figure

REPOSITORY = Path(__file__).resolve().parents[2]
FRAMES, DISTINCT = 125, 25
NOISE = 6  # a pixel then takes 0.4 bit at crf 18: more than twice what a talking person takes (media/reserve.py)
# New frames a second of the fastest card that was seen (docs/speed.md: H200, 81 frames, 9 of them known, in so long).
FASTEST = {(400, 704): 12.0, (720, 1280): 72 / 44}
TIMES = 3.0  # that rate, which the encoder must keep
STARTS = 40


def draw_frames(folder: Path, size: tuple[int, int], count: int = FRAMES) -> None:
    """A portrait that moves, under the noise of a camera, as PNGs that the node pack might have written."""
    folder.mkdir(parents=True)
    with Image.open(REPOSITORY / "examples" / "portrait.png") as picture:
        portrait = picture.convert("RGB").resize(size)
    for number in range(count):
        path = folder / f"frame_{number:05d}.png"
        if number >= DISTINCT:
            os.link(folder / f"frame_{number % DISTINCT:05d}.png", path)
            continue
        noise = Image.effect_noise(size, NOISE).convert("RGB")
        moved = ImageChops.offset(portrait, number % 7, number % 5)
        ImageChops.overlay(moved, noise).save(path, compress_level=1)


def write_silence(path: Path, seconds: float) -> Path:
    """48 kHz stereo."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(48_000)
        sound.writeframes(bytes(round(seconds * 48_000) * 4))
    return path


def encode(parent: Path, size: tuple[int, int], count: int, output: Path) -> float:
    """Wall seconds of the worker's encoder for frames that are all there."""
    sound = write_silence(output.with_suffix(".wav"), count / 25)
    begun = time.monotonic()
    with FrameEncoder(VideoSpec(*size, count, 25, 18, sound), parent, output, Cancellation()) as encoder:
        encoder.complete()
        encoder.result()
    return time.monotonic() - begun


def figures() -> Iterator[Figure]:
    """The rate of the encoder against the fastest GPU's, and what it costs to start a program within limits."""
    for size, fastest in FASTEST.items():
        with tempfile.TemporaryDirectory() as folder:
            draw_frames(Path(folder) / "in" / "frames", size)
            seconds = encode(Path(folder) / "in", size, FRAMES, Path(folder) / "video.mp4")
        rate = FRAMES / seconds
        name = f"the fastest GPU's frames a second, of the encoder's, {size[0]}x{size[1]}"
        yield Figure(name, fastest / rate, f"{fastest / rate:.3f} ({fastest:.1f} of {rate:.0f})", round(1 / TIMES, 3))
    plain, limited = _processor(["/bin/true"]), _processor([*limiter(LIMITS), "/bin/true"])
    python = _processor([sys.executable, "-I", "-S", "-c", "pass"])
    shown = f"{(limited - plain) / python:.2f} ({1000 * (limited - plain):.1f} of {1000 * python:.1f} ms of processor)"
    yield Figure("limits put before a decoder, of a Python's start", (limited - plain) / python, shown)


def _processor(command: Sequence[str]) -> float:
    """Seconds of processor for one start, of many."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(STARTS):
        subprocess.run(command, check=True, env={})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / STARTS
