"""Requests and replies to vary in tests, and the published table of number and choice fields."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from contract.errors import ErrorCode, WorkerError
from contract.forecast import Forecast, Work
from contract.model import Timings
from contract.request import Request, parse_request
from contract.response import GenerationParams, Reply, VideoInfo

IMAGE = "https://media.example.com/anna.png"
VOICE = "https://media.example.com/anna.wav"
SCHEDULERS = (
    *("unipc", "unipc/beta", "dpm++", "dpm++/beta", "dpm++_sde", "dpm++_sde/beta", "euler", "euler/beta"),
    *("longcat_distill_euler", "deis", "lcm", "lcm/beta", "res_multistep", "er_sde", "flowmatch_distill"),
    *("flowmatch_pusa", "multitalk", "sa_ode_stable", "rcm", "vibt_unipc"),
)
COLOR_MATCHES = ("disabled", "mkl", "hm", "reinhard", "mvgd", "hm-mvgd-hm", "hm-mkl-hm")


def job(**changes: object) -> dict[str, object]:
    """The smallest valid input, with changes."""
    return {"image_url": IMAGE, "audio_urls": [VOICE], **changes}


def speaking(*speakers: object, **changes: object) -> dict[str, object]:
    """A valid input that names its voices by `speakers`."""
    return {"image_url": IMAGE, "speakers": list(speakers), **changes}


def parse(**changes: object) -> Request:
    """The request of the smallest valid input with changes."""
    return parse_request(job(**changes))


def refusal(raw: object, code: ErrorCode = ErrorCode.INVALID_INPUT) -> str:
    """The message with which an input is refused; it is one line and has the code that is expected."""
    with pytest.raises(WorkerError) as refused:
        parse_request(raw)
    assert refused.value.code is code, refused.value.message
    assert len(refused.value.message.splitlines()) == 1, refused.value.message
    return refused.value.message


@dataclass(frozen=True)
class Number:
    """A number field: its range, default, the fields that must go along with it, and where the request keeps it."""

    name: str
    low: float
    high: float
    default: float | None
    read: Callable[[Request], object]
    companions: dict[str, object] = field(default_factory=dict)

    def job(self, value: object) -> dict[str, object]:
        """An input with this field."""
        return job(**{**self.companions, self.name: value})


WHOLE_NUMBERS = (
    Number("width", 256, 1536, 400, lambda r: r.size and r.size.width),
    Number("height", 256, 1536, 704, lambda r: r.size and r.size.height),
    Number("fps", 10, 60, 25, lambda r: r.fps),
    Number("steps", 1, 50, 4, lambda r: r.steps),
    Number("seed", -1, 2**63 - 1, 0, lambda r: r.seed),
    Number("blocks_to_swap", 0, 40, 20, lambda r: r.blocks_to_swap, {"use_block_swap": True}),
    Number("crf", 0, 40, 18, lambda r: r.crf),
)
FRACTIONS = (
    Number("cfg_scale", 0.1, 20, 1.0, lambda r: r.cfg_scale),
    Number("speed_lora_strength", 0, 2, 1.0, lambda r: r.speed_lora_strength),
    Number("shift", 0.1, 100, None, lambda r: r.shift),
    Number("audio_scale", 0, 10, 1.0, lambda r: r.audio_scale),
    Number("audio_cfg_scale", 0, 10, None, lambda r: r.audio_cfg_scale),
)
NUMBERS = (*WHOLE_NUMBERS, *FRACTIONS)
CHOICES: dict[str, tuple[str, ...]] = {
    "scheduler": SCHEDULERS,
    "mode": ("multitalk", "infinitetalk"),
    "timing": ("together", "turns"),
    "resolution": ("480p", "720p"),
    "fit": ("cover", "contain"),
    "color_match": COLOR_MATCHES,
}
BOOLEANS = ("use_block_swap", "use_speed_lora", "dry_run")


def beyond(number: Number, *, whole: bool) -> tuple[float, float]:
    """The nearest values outside of a range."""
    if whole:
        return number.low - 1, number.high + 1
    return math.nextafter(number.low, -math.inf), math.nextafter(number.high, math.inf)


# Not whole numbers and not fractions, whatever a loose reader may make of them.
NOT_NUMBERS: tuple[object, ...] = (
    *("5 fps", "1,5", "0x10", True, False, math.nan, math.inf, -math.inf),
    *("five", "1 000", "NaN", "\u0665", [5], {"value": 5}, 10**30, -(10**30)),
)


def reply(**changes: Any) -> Reply:
    """A finished job's reply, with changes."""
    values: dict[str, Any] = {
        "output_video_url": "https://bucket.example.com/job.mp4",
        "processing_time_seconds": 12.5,
        "generation_time_seconds": 10.25,
        "video_info": VideoInfo(
            width=400,
            height=704,
            fps=25,
            file_size_mb=1.25,
            mode="multitalk",
            audio_files_used=1,
            duration_seconds=10.04,
            frames=251,
            windows=5,
            sha256="0" * 64,
            regions=((0.05, 0.1, 0.45, 0.9), None),
            marks=("metadata",),
        ),
        "generation_params": GenerationParams(
            positive_prompt="A woman speaks",
            negative_prompt="blurred",
            steps=4,
            cfg_scale=1.0,
            seed=7,
            scheduler="flowmatch_distill",
            mode="multitalk",
            block_swap=False,
            speed_lora=True,
            workflow_version="multitalk-0123456789ab",
            blocks_to_swap=None,
            speed_lora_strength=1.0,
            shift=11.0,
            audio_scale=1.0,
            audio_cfg_scale=1.0,
            color_match="mkl",
            window_frames=73,
            overlap_frames=25,
            quality=None,
            negative_guidance=None,
        ),
        "timings": Timings(fetch=0.5, prepare=0.5, load=1.0, sample=9.25, encode=0.25, upload=1.0),
        "work": Work(
            frames=251,
            width=400,
            height=704,
            windows=5,
            window_frames=73,
            overlap_frames=25,
            steps=4,
            passes_per_step=1,
            passes=20,
            pflop=18.9,
        ),
        "forecast": Forecast(
            gpu=None,
            basis="guess",
            stages=Timings(fetch=2, prepare=1, load=30, sample=90, encode=0.5, upload=3),
            seconds=126.5,
            cost_usd=None,
        ),
        "warnings": ("width 401 was rounded to 400",),
        "engine": "simulator",
        "job_id": "job-1",
    }
    return Reply(**{**values, **changes})
