"""From the raw `input` to a typed, frozen `Request`, or one `WorkerError`.

Nothing else in the worker reads raw input.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue, ValidationError

from contract import dubbing, presets, rules
from contract.dubbing import Dub
from contract.errors import ErrorCode, WorkerError
from contract.explain import explain
from contract.fields import ColorMatch, JobInput, Mode, Quality, Region
from contract.rules import NegativeGuidance
from contract.settle import settle
from contract.sound import VoiceChoice, channel_number

MOST_VALUES = 10_000  # more than fields, lists and metadata can hold
LARGEST_CHOSEN_SEED = 2**53 - 1  # a larger number would not survive a JavaScript caller


@dataclass(frozen=True)
class Speaker:
    """One voice: its source, whose mouth it moves (None: the default column), seconds of silence before it, which
    channel of the source it is, counted from 1 (None: all of them, mixed), and whether it is parted from music."""

    audio: str
    region: Region | None
    offset_seconds: float
    channel: int | None = None
    voice: VoiceChoice = "auto"


@dataclass(frozen=True)
class Scene:
    """What is to be seen from `at` (seconds) on: another prompt, another picture (a source), or both; None: as before.

    `number` is its place in the request, from 1.
    """

    number: int
    at: float
    prompt: str | None
    image: str | None


@dataclass(frozen=True)
class Size:
    """Pixels, multiples of 16."""

    width: int
    height: int


@dataclass(frozen=True)
class Request:
    """A job with every rule applied; what was adjusted is told in `warnings`.

    `size` is None where `resolution` asks for the bucket nearest to the image's own aspect; it may give way to the
    picture's own aspect where `size_sent` is False.
    `shift` is None where it depends on that size (`contract.rules.default_shift`), `color_match`
    where it depends on the mode and the length (which the graphs know). `negative_guidance` is None where the negative
    prompt has no effect. `scenes` are in the order of their times. There is either an `image` or a `dub`.
    """

    image: str | None
    dub: Dub | None
    speakers: tuple[Speaker, ...]
    positive_prompt: str
    negative_prompt: str
    size: Size | None
    size_sent: bool
    resolution: str | None
    fit: str
    fps: int
    steps: int
    cfg_scale: float
    scheduler: str
    seed: int
    mode: Mode
    blocks_to_swap: int | None
    speed_lora_strength: float | None
    max_audio_duration: float | None
    timing: str
    shift: float | None
    audio_scale: float
    audio_cfg_scale: float
    color_match: ColorMatch | None
    window_frames: int | None
    crf: int
    metadata: dict[str, JsonValue] | None
    output_key: str | None
    upload_url: str | None
    dry_run: bool
    quality: Quality | None
    preview: bool
    negative_guidance: NegativeGuidance | None
    warnings: tuple[str, ...]
    scenes: tuple[Scene, ...] = ()

    @property
    def silent_others(self) -> bool:
        """One speaker with a region: everybody else in the picture stays silent."""
        return len(self.speakers) == 1 and self.speakers[0].region is not None


def parse_request(raw: object) -> Request:
    """Validate and resolve a job's `input`.

    Raises:
        WorkerError: MISSING_PARAMETER or INVALID_INPUT, with a message that says what to send instead.
    """
    if not isinstance(raw, dict):
        text = ", not as JSON in a text" if isinstance(raw, str) else ""
        raise WorkerError(ErrorCode.INVALID_INPUT, f"input must be an object with image_url and audio_urls{text}")
    if _has_too_many_values(raw):
        raise WorkerError(ErrorCode.INVALID_INPUT, f"Invalid input: it has more than {MOST_VALUES} values")
    if isinstance(raw.get("input"), dict):
        raise WorkerError(ErrorCode.INVALID_INPUT, "Invalid input: it holds an input of its own: send input once")
    settled = settle(raw)
    try:
        fields = JobInput.model_validate(settled.fields)
    except ValidationError as error:
        raise explain(error, settled) or WorkerError(ErrorCode.INVALID_INPUT, "Invalid input") from error
    fields = presets.with_preset(fields, settled.warnings)
    rules.check_scheduler(fields, settled.problems)
    dubbing.check(fields, settled.problems)
    rules.check_scenes(fields, settled.problems)
    if refusal := explain(None, settled):
        raise refusal
    return _resolve(fields, settled.warnings)


def _has_too_many_values(raw: dict[object, object]) -> bool:
    """Counted before anybody looks at them: a complaint about each takes minutes where there are half a million."""
    counted, waiting = 0, list[object]([raw])
    while waiting:
        value = waiting.pop()
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        counted += len(inner)
        if counted > MOST_VALUES:
            return True
        waiting.extend(inner)
    return False


def _resolve(fields: JobInput, warnings: list[str]) -> Request:
    speakers = _speakers(fields)
    mode = dubbing.choose_mode(fields, warnings)
    scheduler = dubbing.choose_scheduler(fields, rules.choose_scheduler(fields, warnings), warnings)
    dub = dubbing.dub_of(fields, scheduler, warnings)
    size = _size(fields, warnings)
    _warn(fields, speakers, size, warnings)
    return Request(
        image=fields.image_url,
        dub=dub,
        speakers=speakers,
        positive_prompt=fields.positive_prompt,
        negative_prompt=fields.negative_prompt,
        size=size,
        size_sent=any(fields.names(name) for name in ("width", "height", "resolution")),
        resolution=fields.resolution if size is None else None,
        fit=fields.fit,
        fps=fields.fps,
        steps=fields.steps,
        cfg_scale=fields.cfg_scale,
        scheduler=scheduler,
        seed=fields.seed if fields.seed > 0 else 1 + secrets.randbelow(LARGEST_CHOSEN_SEED),
        mode=mode,
        blocks_to_swap=fields.blocks_to_swap if fields.use_block_swap else None,
        speed_lora_strength=fields.speed_lora_strength if fields.use_speed_lora else None,
        max_audio_duration=fields.max_audio_duration,
        timing=fields.timing,
        shift=fields.shift if fields.shift is not None else rules.fixed_shift(fields),
        audio_scale=fields.audio_scale,
        audio_cfg_scale=rules.audio_cfg_scale(fields),
        color_match=fields.color_match,
        window_frames=None if fields.window_frames == "fit" else fields.window_frames,
        crf=fields.crf,
        metadata=fields.metadata,
        output_key=fields.output_key,
        upload_url=fields.upload_url,
        dry_run=fields.dry_run,
        scenes=_scenes(fields),
        quality=fields.quality,
        preview=fields.preview,
        negative_guidance=rules.negative_guidance(fields),
        warnings=tuple(warnings),
    )


def _warn(fields: JobInput, speakers: Sequence[Speaker], size: Size | None, warnings: list[str]) -> None:
    rules.warn_about_quality(fields, len(speakers), warnings)
    rules.warn_about_no_effect(fields, len(speakers), warnings)
    rules.warn_about_scenes(fields, len(speakers), warnings)
    rules.warn_about_sources([(speaker.audio, speaker.channel) for speaker in speakers], fields.timing, warnings)
    if size is not None:
        rules.warn_about_size(size.width, size.height, warnings)


def _size(fields: JobInput, warnings: list[str]) -> Size | None:
    """What was sent, in multiples of 16; None where `resolution` leaves it to the picture."""
    width, height = fields.width, fields.height
    if fields.resolution is not None:
        if "x" not in fields.resolution:
            return None
        width, height = map(int, fields.resolution.split("x"))
    return Size(
        rules.multiple_of_16("width", width, warnings),
        rules.multiple_of_16("height", height, warnings),
    )


def _speakers(fields: JobInput) -> tuple[Speaker, ...]:
    if fields.speakers is None:
        return tuple(Speaker(source, None, 0.0, None, fields.voice) for source in fields.audio_urls or ())
    return tuple(
        Speaker(
            audio=one.audio,
            region=one.region,
            offset_seconds=one.offset_seconds or 0.0,
            channel=channel_number(one.channel),
            voice=one.voice or fields.voice,
        )
        for one in fields.speakers
    )


def _scenes(fields: JobInput) -> tuple[Scene, ...]:
    """In the order of their times; numbered as they were sent."""
    sent = enumerate(fields.scenes or (), 1)
    scenes = [Scene(number, scene.at, scene.prompt, scene.image_url) for number, scene in sent]
    return tuple(sorted(scenes, key=lambda scene: scene.at))
