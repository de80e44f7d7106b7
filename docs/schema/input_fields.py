"""The fields of a request, made from the worker's own: `python -m contract.schema docs/schema`."""

from os import PathLike
from typing import Any, Literal, TypedDict

Source = str | PathLike[str]
"""A local file, an http(s) address, a data: URI, or a path on the worker's volume."""


class SceneInput(TypedDict, total=False):
    """What is to be seen from a time on."""

    at: float
    prompt: str
    image_url: Source


class SpeakerInput(TypedDict, total=False):
    """One voice, and optionally whose mouth it moves and when it starts."""

    audio: str | Any
    region: Literal["left", "center", "right", "auto"] | tuple[float, float, float, float]
    offset_seconds: float
    channel: Literal["left", "right"] | int
    voice: Literal["auto", "as_is", "separate"]


class InputFields(TypedDict, total=False):
    """What a caller may send as `input`."""

    image_url: Source
    audio_urls: list[str | Any]
    positive_prompt: str
    negative_prompt: str
    width: int
    height: int
    fps: int
    steps: int
    cfg_scale: float
    scheduler: Literal[
        "unipc",
        "unipc/beta",
        "dpm++",
        "dpm++/beta",
        "dpm++_sde",
        "dpm++_sde/beta",
        "euler",
        "euler/beta",
        "longcat_distill_euler",
        "deis",
        "lcm",
        "lcm/beta",
        "res_multistep",
        "er_sde",
        "flowmatch_distill",
        "flowmatch_pusa",
        "multitalk",
        "sa_ode_stable",
        "rcm",
        "vibt_unipc",
    ]
    seed: int
    mode: Literal["multitalk", "infinitetalk"]
    use_block_swap: bool
    blocks_to_swap: int
    use_speed_lora: bool
    speed_lora_strength: float
    max_audio_duration: float
    speakers: list[SpeakerInput]
    timing: Literal["together", "turns"]
    resolution: Literal["480p", "720p", 480, 720] | str
    scenes: list[SceneInput]
    fit: Literal["cover", "contain"]
    shift: float
    audio_scale: float
    audio_cfg_scale: float
    color_match: Literal["disabled", "mkl", "hm", "reinhard", "mvgd", "hm-mvgd-hm", "hm-mkl-hm"]
    window_frames: Literal["fit"] | Literal[33, 37, 41, 45, 49, 53, 57, 61, 65, 69, 73, 77, 81]
    crf: int
    metadata: dict[str, Any]
    output_key: str
    upload_url: str
    dry_run: bool
    quality: Literal["fast", "balanced", "best"]
    voice: Literal["auto", "as_is", "separate"]
    video_url: Source
    follow: Literal["keyframes", "motion"]
    motion_strength: float
    keep_sound: Literal["replace", "under"]
    keep_sound_level: float
    preview: bool
