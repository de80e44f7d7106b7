"""The jobs that are measured: what each sends, and how much work it is."""

import base64
import io
import itertools
import math
import re
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FPS, LARGEST_WINDOW = 25, 81
OVERLAP = {"multitalk": 25, "infinitetalk": 9}
NAME = re.compile(
    r"(?P<mode>multitalk|infinitetalk)-(?P<width>\d+)x(?P<height>\d+)-(?P<seconds>\d+(?:\.\d+)?)s-(?P<voices>\d)v"
    r"(?:-w(?P<window>\d+))?(?:-swap(?P<swap>\d+))?(?P<again>-again)?"
)
SIZES, SECONDS, VOICES, SWAPS = ("400x704", "720x1280"), ("10", "30"), (1, 2), ("", "-swap20")


@dataclass(frozen=True)
class Case:
    """One job. `window` is the number of frames of a window; a name that ends with -again is a second run, for which
    everything is loaded already."""

    name: str
    mode: str
    width: int
    height: int
    seconds: float
    voices: int
    window: int
    blocks_to_swap: int | None

    @property
    def windows(self) -> int:
        """How many windows the job samples."""
        frames = math.ceil(round(self.seconds * FPS, 3))
        if frames <= self.window:
            return 1
        return 1 + math.ceil((frames - self.window) / (self.window - OVERLAP[self.mode]))

    def job(self, seed: int) -> dict[str, Any]:
        """The `input` of a request; everything that it needs travels with it."""
        voices = [data_uri(voice(name, self.seconds), "audio/wav") for name in ("anna", "ben")[: self.voices]]
        portrait = EXAMPLES / ("portrait.png" if self.voices == 1 else "duo.png")
        swap = {} if self.blocks_to_swap is None else {"use_block_swap": True, "blocks_to_swap": self.blocks_to_swap}
        return {
            "image_url": data_uri(portrait.read_bytes(), "image/png"),
            "audio_urls": voices,
            "positive_prompt": "A person speaks to the camera, static camera",
            "mode": self.mode,
            "width": self.width,
            "height": self.height,
            "window_frames": self.window,
            "seed": seed,
            **swap,
        }


def parse(name: str) -> Case:
    """The case of a name such as infinitetalk-400x704-10s-1v, -w49 for windows of 49 frames, -swap20, -again.

    Raises:
        ValueError: it is no such name.
    """
    found = NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"'{name}' is no case: write MODE-WxH-SECONDSs-VOICESv[-wFRAMES][-swapBLOCKS][-again]")
    return Case(
        name=name,
        mode=found["mode"],
        width=int(found["width"]),
        height=int(found["height"]),
        seconds=float(found["seconds"]),
        voices=int(found["voices"]),
        window=int(found["window"] or LARGEST_WINDOW),
        blocks_to_swap=int(found["swap"]) if found["swap"] else None,
    )


def standard() -> list[Case]:
    """Both modes, two sizes, 10 and 30 s, one and two voices, with and without block swap: the small ones first."""
    names = itertools.product(SIZES, SECONDS, SWAPS, VOICES, OVERLAP)
    return [parse(f"{mode}-{size}-{seconds}s-{voices}v{swap}") for size, seconds, swap, voices, mode in names]


def data_uri(content: bytes, kind: str) -> str:
    """The content as a `data:` URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def voice(name: str, seconds: float) -> bytes:
    """The example's voice, repeated until it is so long, as a WAV."""
    with wave.open(str(EXAMPLES / f"{name}.wav")) as source:
        form, samples = source.getparams(), source.readframes(source.getnframes())
    size = round(seconds * form.framerate) * form.sampwidth * form.nchannels
    out = io.BytesIO()
    with wave.open(out, "wb") as made:
        made.setparams(form)
        made.writeframes((samples * math.ceil(size / len(samples)))[:size])
    return out.getvalue()
