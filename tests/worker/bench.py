"""Runs the worker as its users do, `python handler.py --test_input …`, and measures the MP4 it leaves."""

import functools
import json
import math
import os
import struct
import subprocess
import tempfile
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import pi, sin
from pathlib import Path
from typing import IO, Any

from PIL import Image

from tests.programs import HANDLER, SIMULATOR, Program

LONGEST_SECONDS = 280.0  # of a run
RATE = 16_000
Clip = list[tuple[float, float]]  # seconds, loudness 0 to 1


@dataclass
class Run:
    """A finished `--test_input`: exit code, the reply it printed, what it logged."""

    code: int
    reply: dict[str, Any]
    log: str
    printed: str


@dataclass
class Bench:
    """A folder of inputs and outputs, and the environment of a worker that uses them."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("RUNPOD_", "S3_", "AWS_"))}
        mine = {
            "ENGINE": "simulator",
            "SIMULATOR_SPEED": "0",
            "INPUT_ROOTS": str(self.folder),
            "ALLOW_PRIVATE_HOSTS": "127.0.0.1",
            "OUTPUT_DIR": str(self.folder / "output"),
            "WORK_DIR": str(self.work),
            "LOG_FORMAT": "text",
        }
        self.environment = {**clean, **mine, **self.environment}

    @property
    def work(self) -> Path:
        """Where jobs keep their files."""
        return self.folder / "work"

    def picture(self, name: str = "portrait.png", size: tuple[int, int] = (400, 704)) -> str:
        """A plain picture, as a source."""
        Image.new("RGB", size, (90, 120, 150)).save(self.folder / name)
        return name

    def voice(self, name: str, clip: Clip, rate: int = RATE) -> str:
        """A 220 Hz tone that follows the clip's loudness, as a source."""
        samples = b"".join(
            (_second_of_tone(loudness, rate) * math.ceil(seconds))[: 2 * round(seconds * rate)]
            for seconds, loudness in clip
        )
        with wave.open(str(self.folder / name), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(rate)
            out.writeframes(samples)
        return name

    def run(self, job_input: dict[str, Any], beside: Mapping[str, Any] | None = None, /, **environment: str) -> Run:
        """One job through a fresh worker process. `beside` is what a job has besides its input."""
        job = {"input": job_input, **(beside or {})}
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            arguments = ("--test_input", json.dumps(job))
            settings = {**self.environment, **environment}
            program = Program(HANDLER, *arguments, environment=settings, stdout=out, stderr=errors)
            try:
                code = program.wait(LONGEST_SECONDS)
            finally:
                program.kill()
            printed, log = _text_of(out), _text_of(errors)
        start = printed.find("{\n")
        reply = json.JSONDecoder().raw_decode(printed[start:])[0] if start >= 0 else {}
        return Run(code, reply, log, printed)

    def leftovers(self) -> list[Path]:
        """What jobs left in the work folder."""
        return sorted(self.work.rglob("*")) if self.work.exists() else []


@functools.cache
def _second_of_tone(loudness: float, rate: int) -> bytes:
    """At its end the next one begins."""
    values = (round(32767 * loudness * sin(2 * pi * 220 * index / rate)) for index in range(rate))
    return struct.pack(f"<{rate}h", *values)


def _text_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


@dataclass(frozen=True)
class Video:
    """What ffprobe says of an MP4. Ends are in seconds on its own clock."""

    codecs: set[str]
    size: tuple[int, int]
    fps: float
    frames: int
    picture_end: float
    sound_end: float
    index_first: bool
    path: Path

    def gray_frames(self, numbers: list[int]) -> list[bytes]:
        """Chosen frames as width x height bytes of brightness."""
        chosen = "+".join(f"eq(n,{number})" for number in numbers)
        command = ["ffmpeg", "-v", "error", "-i", str(self.path), "-vf", f"select='{chosen}',format=gray"]
        raw = subprocess.run(
            [*command, "-fps_mode", "passthrough", "-f", "rawvideo", "-"], capture_output=True, check=True
        ).stdout
        area = self.size[0] * self.size[1]
        assert len(raw) == area * len(set(numbers))
        found = {number: raw[place * area : (place + 1) * area] for place, number in enumerate(sorted(set(numbers)))}
        return [found[number] for number in numbers]

    def loudness(self, begin: float, seconds: float) -> float:
        """Mean level of a stretch of sound in dBFS."""
        command = ["ffmpeg", "-nostdin", "-hide_banner", "-ss", str(begin), "-t", str(seconds), "-i", str(self.path)]
        done = subprocess.run(
            [*command, "-af", "volumedetect", "-f", "null", "-"], capture_output=True, text=True, check=True
        )
        return float(done.stderr.split("mean_volume:")[1].split()[0])


def probe(path: Path) -> Video:
    """Measure an MP4."""
    entries = "stream=codec_type,codec_name,width,height,r_frame_rate,nb_read_frames,start_time,duration"
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "json", str(path)]
    streams = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    picture = next(stream for stream in streams if stream["codec_type"] == "video")
    sound = next(stream for stream in streams if stream["codec_type"] == "audio")
    over, under = picture["r_frame_rate"].split("/")
    head = path.read_bytes()
    return Video(
        codecs={stream["codec_name"] for stream in streams},
        size=(picture["width"], picture["height"]),
        fps=int(over) / int(under),
        frames=int(picture["nb_read_frames"]),
        picture_end=float(picture["start_time"]) + float(picture["duration"]),
        sound_end=float(sound["start_time"]) + float(sound["duration"]),
        index_first=0 < head.find(b"moov") < head.find(b"mdat"),
        path=path,
    )


@dataclass
class Simulator:
    """A running simulator that a worker can use by its URL."""

    url: str
    process: Program

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=20)
        assert self.process.stdout is not None
        self.process.stdout.close()


def launch_simulator(log: Path, *arguments: str) -> Simulator:
    """Start one on a free port, as fast as it can."""
    usual = ("--port", "0", "--speed", "0")
    with log.open("w") as file:
        process = Program(SIMULATOR, *usual, *arguments, environment=os.environ, stdout=subprocess.PIPE, stderr=file)
    assert process.stdout is not None
    return Simulator(process.stdout.readline().decode().rsplit(" ", 1)[-1].strip(), process)
