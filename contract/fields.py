"""The `input` of a job, field by field: names, ranges, defaults and what each means.

The first block of `JobInput` is the published interface of this service; its names, ranges and
defaults stay as they are. Rules between fields are in `contract.rules`.
"""

import json
import re
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    model_validator,
)

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
NamedRegion = Literal["left", "center", "right"]

DEFAULT_NEGATIVE_PROMPT = (
    "overexposed, static, blurred details, subtitles, worst quality, low quality, jpeg artifacts, ugly, deformed, "
    "disfigured, extra fingers, poorly drawn hands, poorly drawn face, fused fingers, messy background, "
    "exaggerated gestures, shaking camera"
)
METADATA_MAX_BYTES = 4096
SOURCE_MAX_CHARS = 8192
LONGEST_SCHEME = 40
LONGEST_FILE_NAME = 255
EXACT_FLOATS = 2**53
# Pydantic describes a union branch by branch; these say it in one sentence.
EITHER_OR = {
    "region": "send [left, top, right, bottom] as fractions of the image from 0 to 1 with left < right and "
    "top < bottom, or 'left', 'center' or 'right'",
    "window_frames": "send 'fit' or 33, 37, 41 … 81 (four times a whole number, plus one)",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):")
_UPLOAD_URL = re.compile(r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]")
_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def _check_source(value: str) -> str:
    scheme = _SCHEME.match(value)
    if scheme and scheme[1].lower() not in ("http", "https", "data"):
        called = scheme[1][:LONGEST_SCHEME]
        raise ValueError(f"'{called}:' is not a source; send an https:// or http:// URL, a data: URI or a path")
    if not (scheme and scheme[1].lower() == "data") and len(value) > SOURCE_MAX_CHARS:
        raise ValueError(f"a URL or path has at most {SOURCE_MAX_CHARS} characters")
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in value):
        raise ValueError("a source has no control characters; percent-encode them")
    return value


# The schema says what the checks do, in the plain patterns that every JSON Schema validator knows: without
# look-arounds and flags, and with "not" against the line break that Python's "$" would let pass.
Source = Annotated[
    str,
    Field(
        min_length=1,
        description="https:// or http:// URL, data: URI, or path below a configured input root",
        json_schema_extra={
            "not": {"pattern": r"[\x00-\x1f\x7f]"},
            "anyOf": [
                {"pattern": "^[Dd][Aa][Tt][Aa]:"},
                {"pattern": "^[Hh][Tt][Tt][Pp][Ss]?:", "maxLength": SOURCE_MAX_CHARS},
                {"not": {"pattern": _SCHEME.pattern}, "maxLength": SOURCE_MAX_CHARS},
            ],
        },
    ),
    AfterValidator(_check_source),
]


def _check_prompt(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("a prompt has no control characters but tabs and line breaks")
    return value


Prompt = Annotated[str, Field(json_schema_extra={"not": {"pattern": _CONTROL.pattern}}), AfterValidator(_check_prompt)]


def _check_box(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    if not (left < right and top < bottom):
        raise ValueError(EITHER_OR["region"])
    return box


Near = Annotated[float, Field(ge=0, lt=1)]
Far = Annotated[float, Field(gt=0, le=1)]
Box = Annotated[tuple[Near, Near, Far, Far], Field(strict=False), AfterValidator(_check_box)]
Region = NamedRegion | Box


def _whole(value: object) -> object:
    """25.0 is an integer to JSON Schema, and some clients write it so."""
    if not isinstance(value, float) or not value.is_integer():
        return value
    if abs(value) > EXACT_FLOATS:
        raise ValueError("send an integer without point or exponent: so large, such a number is not exact")
    return int(value)


Whole = Annotated[int, BeforeValidator(_whole)]


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


def _check_output_key(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._\-/]+", value):
        raise ValueError("an output_key has letters, digits, '.', '_', '-' and '/' only")
    if any(part in ("", ".", "..") for part in value.split("/")):
        raise ValueError("an output_key has no '..', no empty part, and neither starts nor ends with '/'")
    if any(len(part) > LONGEST_FILE_NAME for part in value.split("/")):
        raise ValueError(f"between two '/' an output_key has at most {LONGEST_FILE_NAME} characters")
    if any(re.fullmatch(r"\..*\.part", part) for part in value.split("/")):
        raise ValueError("an output_key is not called '.….part', as unfinished files are")
    return value


OutputKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        description="the video's place in the storage, such as talks/anna.mp4; default: named after the job",
        json_schema_extra={
            "pattern": "^[A-Za-z0-9._/-]+$",
            "not": {"pattern": r"^/|//|/$|(^|/)[.][.]?(/|$)|\n|[^/]{256}|(^|/)[.][^/]*[.]part(/|$)"},
        },
    ),
    AfterValidator(_check_output_key),
]


def _check_metadata(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except (ValueError, UnicodeEncodeError) as error:
        raise ValueError("metadata must be plain JSON without NaN, Infinity or lone surrogates") from error
    if size > METADATA_MAX_BYTES:
        raise ValueError(f"metadata has {size} bytes as JSON; send at most {METADATA_MAX_BYTES}")
    return value


def _check_upload_url(value: str) -> str:
    if not _UPLOAD_URL.search(value) or _BLANK_OR_CONTROL.search(value):
        raise ValueError("an upload_url is an https:// or http:// URL, without blanks or control characters")
    return value


UploadUrl = Annotated[
    str,
    Field(
        max_length=SOURCE_MAX_CHARS,
        json_schema_extra={"pattern": _UPLOAD_URL.pattern, "not": {"pattern": _BLANK_OR_CONTROL.pattern}},
    ),
    AfterValidator(_check_upload_url),
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SpeakerInput(_Model):
    """One voice, and optionally whose mouth it moves and when it starts."""

    audio: Source
    region: Region | None = Field(
        None,
        description="[left, top, right, bottom] as fractions of the original image, or left, center, right; "
        "default: equal columns from left to right",
    )
    offset_seconds: float | None = Field(None, ge=0, le=3600, description="silence before this voice starts")


class JobInput(_Model):
    """What a caller may send as `input`."""

    image_url: Source
    audio_urls: Annotated[
        tuple[Source, ...] | None,
        Field(strict=False, min_length=1, max_length=4, description="speakers, left to right"),
    ] = None
    positive_prompt: Prompt = Field("The person takes turns talking", min_length=1, max_length=2000)
    negative_prompt: Prompt = Field(DEFAULT_NEGATIVE_PROMPT, max_length=2000)
    width: Whole = Field(400, ge=256, le=1536)
    height: Whole = Field(704, ge=256, le=1536)
    fps: Whole = Field(25, ge=10, le=60)
    steps: Whole = Field(4, ge=1, le=50)
    cfg_scale: float = Field(1.0, ge=0.1, le=20)
    scheduler: Scheduler = "flowmatch_distill"
    seed: Whole = Field(0, ge=0, le=2**63 - 1, description="0 chooses one; the reply names it")
    mode: Mode = "multitalk"
    use_block_swap: bool = False
    blocks_to_swap: Whole = Field(20, ge=0, le=40)
    use_speed_lora: bool = True
    speed_lora_strength: float = Field(1.0, ge=0, le=2)
    max_audio_duration: float | None = Field(None, gt=0, description="seconds; longer audio is cut there")

    speakers: Annotated[
        tuple[SpeakerInput, ...] | None,
        Field(strict=False, min_length=1, max_length=4, description="in place of audio_urls"),
    ] = None
    timing: Literal["together", "turns"] = "together"
    resolution: Literal["480p", "720p"] | None = Field(None, description="in place of width and height")
    fit: Literal["cover", "contain"] = "cover"
    shift: float | None = Field(None, ge=0.1, le=100)
    audio_scale: float = Field(1.0, ge=0, le=10)
    audio_cfg_scale: float | None = Field(None, ge=0, le=10)
    color_match: ColorMatch | None = None
    window_frames: Literal["fit"] | WindowFrames = "fit"
    crf: Whole = Field(18, ge=0, le=40)
    metadata: Annotated[dict[str, JsonValue], AfterValidator(_check_metadata)] | None = None
    output_key: OutputKey | None = None
    upload_url: UploadUrl | None = Field(
        None, description="presigned URL that takes the MP4 by HTTP PUT, in place of the worker's own storage"
    )

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if self.audio_urls is not None and self.speakers is not None:
            raise ValueError("send audio_urls or speakers, not both")
        if self.upload_url is not None and self.output_key is not None:
            raise ValueError("send upload_url or output_key, not both: the URL names the place")
        if self.resolution is not None and {"width", "height"} & self.model_fields_set:
            raise ValueError("send resolution or width and height, not both")
        return self

    def names(self, field: str) -> bool:
        """Whether the caller sent this field."""
        return field in self.model_fields_set


def field_names() -> list[str]:
    """The names a request may have, in published order."""
    return list(JobInput.model_fields)
