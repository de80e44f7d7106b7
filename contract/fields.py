"""The `input` of a job, field by field: names, ranges, defaults and what each means.

The first block of `JobInput` is the published interface of this service; its names, ranges and
defaults stay as they are. Rules between fields are in `contract.rules`.
"""

import json
import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema

from contract.film import FOLLOW_MEANING, STRENGTH_MEANING, AnyFollow, AnyKeepSound
from contract.output_key import OutputKey
from contract.sound import CHANNEL_MEANING, CHANNEL_TO_SEND, VOICE_MEANING, VOICE_TO_SEND, AnyVoice, Channel
from contract.source import Source, UploadUrl
from contract.spelling import boolean, choice, number, round_blanks, trimmed, whole

Mode = Literal["multitalk", "infinitetalk"]  # the source of the names; `workflows.modes` has what each one means
Scheduler = Literal[
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
ColorMatch = Literal["disabled", "mkl", "hm", "reinhard", "mvgd", "hm-mvgd-hm", "hm-mkl-hm"]
NamedRegion = Literal["left", "center", "right", "auto"]
Timing = Literal["together", "turns"]
Fit = Literal["cover", "contain"]
Quality = Literal["fast", "balanced", "best"]  # `contract.presets` has what each one stands for
QUALITY_SYNONYMS = {"fastest": "fast", "quality": "best"}
REGION_SYNONYMS = {"centre": "center", "middle": "center"}

DEFAULT_NEGATIVE_PROMPT = (
    "overexposed, static, blurred details, subtitles, worst quality, low quality, jpeg artifacts, ugly, deformed, "
    "disfigured, extra fingers, poorly drawn hands, poorly drawn face, fused fingers, messy background, "
    "exaggerated gestures, shaking camera"
)
METADATA_MAX_BYTES = 4096
MOST_SCENES = 16
# Pydantic describes a union branch by branch; these say it in one sentence.
EITHER_OR = {
    "region": "send [left, top, right, bottom] as fractions of the image from 0 to 1 with left < right and "
    "top < bottom, or 'left', 'center', 'right' or 'auto'",
    "channel": CHANNEL_TO_SEND,
    "voice": VOICE_TO_SEND,
    "quality": "send 'fast', 'balanced' or 'best'; for the quality of H.264 send crf",
    "window_frames": "send 'fit' or 33, 37, 41 … 81 (four times a whole number, plus one)",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _check_prompt(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("a prompt has no control characters but tabs and line breaks")
    return value


Prompt = Annotated[
    str,
    Field(max_length=2000, json_schema_extra={"not": {"pattern": _CONTROL.pattern}}),
    AfterValidator(_check_prompt),
]


def _check_box(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    if not (left < right and top < bottom):
        raise ValueError(EITHER_OR["region"])
    return box


Number = Annotated[float, BeforeValidator(number)]
Near = Annotated[float, Field(ge=0, lt=1), BeforeValidator(number)]
Far = Annotated[float, Field(gt=0, le=1), BeforeValidator(number)]
Box = Annotated[tuple[Near, Near, Far, Far], Field(strict=False), AfterValidator(_check_box)]
Region = NamedRegion | Box
AnyRegion = Annotated[Region, BeforeValidator(choice(get_args(NamedRegion), **REGION_SYNONYMS))]


Whole = Annotated[int, BeforeValidator(whole)]
Flag = Annotated[bool, BeforeValidator(boolean)]


def _check_window(value: int) -> int:
    if value % 4 != 1:
        raise ValueError(EITHER_OR["window_frames"])
    return value


WindowFrames = Annotated[
    Whole,
    Field(ge=33, le=81),
    AfterValidator(_check_window),
    WithJsonSchema({"type": "integer", "enum": list(range(33, 82, 4))}),
]


def _check_metadata(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except (ValueError, UnicodeEncodeError) as error:
        raise ValueError("metadata must be plain JSON without NaN, Infinity or lone surrogates") from error
    if size > METADATA_MAX_BYTES:
        raise ValueError(f"metadata has {size} bytes as JSON; send at most {METADATA_MAX_BYTES}")
    return value


SIDE = r"(25[6-9]|2[6-9][0-9]|[3-9][0-9]{2}|1[0-4][0-9]{2}|15[0-2][0-9]|153[0-6])"  # 256 to 1536
NAMED_RESOLUTION = "(480|720)[ ]?[pP]?"
SIZE = f"{SIDE}[ ]?[xX*\u00d7][ ]?{SIDE}"


def _read_resolution(value: object) -> object:
    """480p or 720p, or `WIDTHxHEIGHT`."""
    whole_number = isinstance(value, int | float) and value in (480, 720)
    text = str(int(value)) if whole_number else trimmed(value) if isinstance(value, str) else ""  # type: ignore[call-overload]
    if re.fullmatch(NAMED_RESOLUTION, text):
        return text[:3] + "p"
    if size := re.fullmatch(SIZE, text):
        return f"{size[1]}x{size[2]}"
    raise ValueError("send '480p', '720p', or a size such as '480x832' with sides of 256 to 1536 pixels")


Resolution = Annotated[
    str,
    BeforeValidator(_read_resolution),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["480p", "720p", 480, 720]},
                *({"type": "string", "pattern": round_blanks(p)} for p in (NAMED_RESOLUTION, SIZE)),
            ]
        }
    ),
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SpeakerInput(_Model):
    """One voice, and optionally whose mouth it moves and when it starts."""

    audio: Source
    region: AnyRegion | None = Field(
        None,
        description="whose mouth it moves: [left, top, right, bottom] as fractions of the original picture (upright, x "
        "to the right, y down), or left, center, right, or auto: head and shoulders of a face. Default: auto where "
        "faces and speakers are as many, else equal columns. One speaker with a region: everybody else stays silent",
    )
    offset_seconds: Annotated[float, Field(ge=0, le=3600), BeforeValidator(number)] | None = Field(
        None, description="silence before this voice starts; in turns, after the one before"
    )
    channel: Channel | None = Field(None, description=CHANNEL_MEANING)
    voice: AnyVoice | None = Field(None, description="as the job's own voice, for this speaker alone")


class SceneInput(_Model):
    """What is to be seen from a time on."""

    at: Number = Field(ge=0, le=3600, description="seconds of the video; the nearest window begins the scene")
    prompt: Prompt | None = Field(None, description="in place of positive_prompt from here on")
    image_url: Source | None = Field(
        None, description="a picture in place of the portrait from here on; needs mode infinitetalk"
    )


class JobInput(_Model):
    """What a caller may send as `input`."""

    image_url: Source | None = None
    audio_urls: Annotated[
        tuple[Source, ...] | None,
        Field(strict=False, min_length=1, max_length=4, description="one voice each, speakers from left to right"),
    ] = None
    positive_prompt: Prompt = Field(
        "The person takes turns talking", description="what is to be seen; plain text, no weights"
    )
    negative_prompt: Prompt = Field(
        DEFAULT_NEGATIVE_PROMPT,
        description="what is not to be seen; what you send has an effect, the default only where cfg_scale is not 1",
    )
    width: Whole = Field(400, ge=256, le=1536, description="pixels; rounded to a multiple of 16")
    height: Whole = Field(704, ge=256, le=1536, description="pixels; rounded to a multiple of 16")
    fps: Whole = Field(25, ge=10, le=60, description="made from 25 after the generation; frames in between are blended")
    steps: Whole = Field(4, ge=1, le=50, description="denoising steps; flowmatch_distill runs with exactly 4")
    cfg_scale: Number = Field(1.0, ge=0.1, le=20, description="text guidance; another value than 1 doubles the work")
    scheduler: Annotated[Scheduler, BeforeValidator(choice(get_args(Scheduler)))] = Field(
        "flowmatch_distill", description="the sampler; sent steps that it does not take choose one that does"
    )
    seed: Whole = Field(0, ge=-1, le=2**63 - 1, description="0 and -1 choose one; the reply names it")
    mode: Annotated[Mode, BeforeValidator(choice(get_args(Mode)))] = Field(
        "multitalk", description="the talk model; infinitetalk follows the voice more closely and holds longer"
    )
    use_block_swap: Flag = Field(False, description="keep blocks of the model in RAM, for GPUs with less memory")
    blocks_to_swap: Whole = Field(20, ge=0, le=40, description="how many of the 40; counts with use_block_swap only")
    use_speed_lora: Flag = Field(True, description="the LoRA that makes 4 steps enough")
    speed_lora_strength: Number = Field(1.0, ge=0, le=2, description="of the speed LoRA")
    max_audio_duration: Annotated[float, Field(gt=0), BeforeValidator(number)] | None = Field(
        None, description="seconds; longer audio is cut there"
    )

    speakers: Annotated[
        tuple[SpeakerInput, ...] | None,
        Field(strict=False, min_length=1, max_length=4, description="in place of audio_urls"),
    ] = None
    timing: Annotated[Timing, BeforeValidator(choice(get_args(Timing)))] = Field(
        "together", description="all voices at once, or in turns: one after the other, in order"
    )
    resolution: Resolution | None = Field(
        None,
        description="in place of width and height: 480p or 720p take the size nearest to the picture's own aspect; "
        "or a size such as 480x832",
    )
    scenes: Annotated[
        tuple[SceneInput, ...] | None,
        Field(strict=False, min_length=1, max_length=MOST_SCENES, description="other prompts and pictures in time"),
    ] = None
    fit: Annotated[Fit, BeforeValidator(choice(get_args(Fit)))] = Field(
        "cover", description="cover fills the frame and crops where no face is; contain shows all, with black bars"
    )
    shift: Annotated[float, Field(ge=0.1, le=100), BeforeValidator(number)] | None = Field(
        None, description="flow shift; default: by size and LoRA (docs/architecture.md)"
    )
    audio_scale: Number = Field(1.0, ge=0, le=10, description="how strongly the voice moves the face")
    audio_cfg_scale: Annotated[float, Field(ge=0, le=10), BeforeValidator(number)] | None = Field(
        None, description="audio guidance; another value than 1 adds a pass; default: 1, or what cfg_scale needs"
    )
    color_match: Annotated[ColorMatch, BeforeValidator(choice(get_args(ColorMatch)))] | None = Field(
        None, description="how colours are held from window to window; default: by mode and length"
    )
    window_frames: Annotated[Literal["fit"] | WindowFrames, BeforeValidator(choice(["fit"]))] = Field(
        "fit", description="frames that are sampled at once; fit: the least work"
    )
    crf: Whole = Field(18, ge=0, le=40, description="H.264 quality; smaller is better and larger")
    metadata: Annotated[dict[str, JsonValue], AfterValidator(_check_metadata)] | None = Field(
        None, description=f"an object of up to {METADATA_MAX_BYTES} bytes of JSON that comes back in the reply"
    )
    output_key: OutputKey | None = Field(
        None, description="the stored file's name, such as talks/anna.mp4; the same name again overwrites it"
    )
    upload_url: UploadUrl | None = Field(
        None, description="presigned URL that takes the MP4 by HTTP PUT, in place of the worker's own storage"
    )
    dry_run: Flag = Field(
        False,
        description="make no video: answer with what the job would take (frames, seconds, cost, the crop, regions and "
        "warnings)",
    )

    quality: Annotated[Quality, BeforeValidator(choice(get_args(Quality), **QUALITY_SYNONYMS))] | None = Field(
        None,
        description="a name for steps, scheduler, cfg_scale, use_speed_lora and shift; of these, what is sent wins",
    )
    voice: AnyVoice = Field("auto", description=VOICE_MEANING)
    video_url: Source | None = Field(
        None, description="a video that is dubbed, in place of image_url: its people say the new sound"
    )
    follow: AnyFollow = Field("keyframes", description=FOLLOW_MEANING)
    motion_strength: Number = Field(0.5, ge=0, le=1, description=STRENGTH_MEANING)
    keep_sound: AnyKeepSound = Field(
        "replace", description="the sound of video_url: replaced by the voices, or left under them"
    )
    keep_sound_level: Number = Field(
        -12.0, ge=-60, le=0, description="of the sound that keep_sound under leaves, in dB below its own level"
    )

    preview: Flag = Field(
        False, description="the last frame of each new window, small, in the progress updates: to cancel early"
    )

    def names(self, field: str) -> bool:
        """Whether the caller sent this field."""
        return field in self.model_fields_set


def field_names() -> list[str]:
    """The published names of a request's fields, in published order."""
    return list(JobInput.model_fields)
