"""Rules between fields, and the defaults that depend on other fields.

Sources, in docs/facts/talk-models.md: #schedulers, #guidance, #sizes, #several-speakers.
"""

from collections.abc import Sequence
from typing import Literal

from contract.fields import JobInput

FIXED_STEPS = {"flowmatch_distill": 4, "multitalk": 4, "rcm": 4}
DISTILLED_SHIFT = 11.0
LARGE_AREA = 640 * 1024
LARGEST_AREA = 1280 * 896  # all 720p sizes lie below
MOST_FROM_1 = 0.5  # of cfg_scale with the speed LoRA, which was distilled at 1
TRAINED_SPEAKERS = 2
NegativeGuidance = Literal["cfg", "nag"]


def choose_scheduler(fields: JobInput, warnings: list[str]) -> str:
    """The caller's scheduler, or one that fits the steps and the LoRA where none was named; see `check_scheduler`."""
    reason, _ = _misfit(fields)
    if not reason:
        return fields.scheduler
    warnings.append(f"scheduler {_fitting(fields)} was chosen: {reason}")
    return _fitting(fields)


def check_scheduler(fields: JobInput, problems: list[str]) -> None:
    """A scheduler that the caller named and that cannot run so is a problem."""
    reason, remedies = _misfit(fields)
    if reason and fields.names("scheduler"):
        problems.append(f"{reason}; send {' and '.join(remedies)}, or scheduler {_fitting(fields)}")


def check_scenes(fields: JobInput, problems: list[str]) -> None:
    """Scenes that change nothing, that begin together, or whose pictures the mode does not take."""
    begun: dict[float, int] = {}
    for number, scene in enumerate(fields.scenes or (), 1):
        if scene.prompt is None and scene.image_url is None:
            problems.append(f"scene {number} changes nothing: send it with a prompt, an image_url, or both")
        if scene.image_url is not None and fields.mode != "infinitetalk":
            problems.append(
                f"image_url of scene {number}: {fields.mode} goes by one picture; send mode infinitetalk, or prompts "
                "only"
            )
        if (first := begun.setdefault(scene.at, number)) != number:
            problems.append(
                f"scenes {first} and {number} both begin at {scene.at:g} s; send one scene with what both have, or "
                "another time"
            )


def warn_about_scenes(fields: JobInput, speakers: int, warnings: list[str]) -> None:
    """What a caller may not expect of them."""
    scenes = fields.scenes or ()
    if speakers > 1 and any(scene.image_url for scene in scenes):
        warnings.append(
            "the speakers' regions are those of image_url in every scene: people should sit where they sit there"
        )
    first = next((number for number, scene in enumerate(scenes, 1) if scene.at == 0 and scene.prompt), None)
    if first is not None and fields.names("positive_prompt"):
        warnings.append(f"positive_prompt has no effect: scene {first} begins at 0 with a prompt of its own")


def _fitting(fields: JobInput) -> str:
    return "dpm++_sde" if fields.use_speed_lora else "unipc"


def _misfit(fields: JobInput) -> tuple[str, list[str]]:
    """Why the scheduler cannot run, empty where it can, and what would make it run."""
    fixed = FIXED_STEPS.get(fields.scheduler)
    wrong_steps = fixed is not None and fields.steps != fixed
    needs_lora = fields.scheduler == "flowmatch_distill" and not fields.use_speed_lora
    remedies = [f"steps {fixed}"] if wrong_steps else []
    remedies += ["use_speed_lora true"] if needs_lora else []
    if wrong_steps:
        return f"{fields.scheduler} runs with exactly {fixed} steps, not {fields.steps}", remedies
    return f"{fields.scheduler} needs the speed LoRA" if needs_lora else "", remedies


def warn_about_quality(fields: JobInput, speakers: int, warnings: list[str]) -> None:
    """What runs, but not as well as the caller may expect."""
    lora = fields.use_speed_lora and fields.speed_lora_strength > 0
    if not lora and (fields.cfg_scale == 1.0 or fields.steps < 20):
        warnings.append(
            f"without the speed LoRA, quality needs cfg_scale of about 5 and 20 to 40 steps "
            f"(this job: {fields.cfg_scale:g} and {fields.steps})"
        )
    if lora and abs(fields.cfg_scale - 1.0) > MOST_FROM_1:
        warnings.append(
            f"cfg_scale {fields.cfg_scale:g} with the speed LoRA, which is made for 1: harsh colours and about "
            "twice the time; send cfg_scale 1, or use_speed_lora false with 20 steps and more"
        )
    if speakers > TRAINED_SPEAKERS:
        warnings.append(
            f"{speakers} speakers are an experiment: the models were trained with one and two, and lips may follow the "
            "wrong voice or none"
        )
    if fields.crf == 0:
        warnings.append("crf 0 was made 1: lossless H.264 is a profile that most players do not know")
    if fields.audio_scale == 0:
        warnings.append("audio_scale 0: the mouth does not follow the voice")
    if fields.output_key is not None and not fields.output_key.lower().endswith(".mp4"):
        warnings.append("output_key does not end in .mp4: some players and browsers go by the name")


def warn_about_no_effect(fields: JobInput, speakers: int, warnings: list[str]) -> None:
    """What was sent and changes nothing."""
    if fields.names("blocks_to_swap") and fields.blocks_to_swap > 0 and not fields.use_block_swap:
        warnings.append("blocks_to_swap has no effect without use_block_swap true")
    if fields.use_block_swap and fields.blocks_to_swap == 0:
        warnings.append("use_block_swap has no effect with blocks_to_swap 0")
    if fields.names("speed_lora_strength") and not fields.use_speed_lora:
        warnings.append("speed_lora_strength has no effect with use_speed_lora false")
    if fields.use_speed_lora and fields.speed_lora_strength == 0:
        warnings.append("use_speed_lora has no effect with speed_lora_strength 0")
    if fields.timing == "turns" and speakers == 1:
        warnings.append("timing has no effect with one voice")


def warn_about_sources(voices: Sequence[tuple[str, int | None]], timing: str, warnings: list[str]) -> None:
    """Two speakers who say the same, and a conversation that is pulled apart: mostly slips. A voice is a source, and a
    channel of it."""
    for second, voice in enumerate(voices, 1):
        first = voices.index(voice) + 1
        if first < second:
            ways = "" if voice[1] else "; where each speaker has a channel of that file, send speakers with channel"
            warnings.append(same_voice(first, second) + ways)
    parted = [source for source, channel in dict.fromkeys(voices) if channel]
    if timing == "turns" and len(parted) > len(set(parted)):
        warnings.append(
            "timing turns plays the channels of one file one after the other; "
            "timing together keeps the conversation as it was recorded"
        )


def same_voice(first: int, second: int) -> str:
    """The warning that two speakers, counted from 1, have one voice."""
    return f"speakers {first} and {second} have the same sound: both mouths will say the same words"


def warn_about_size(width: int, height: int, warnings: list[str]) -> None:
    """More pixels than any size that the models were trained with."""
    if width * height > LARGEST_AREA:
        warnings.append(
            f"{width}x{height} is far more than the models were made for (480p, up to 720p): faces and hands may "
            "double, and time and memory grow faster than the picture; resolution '720p' is safer"
        )


def multiple_of_16(name: str, value: int, warnings: list[str]) -> int:
    """The nearest multiple of 16 pixels (halves go up), with a warning where that is not the value itself."""
    rounded = (value + 8) // 16 * 16
    if rounded != value:
        warnings.append(f"{name} {value} was rounded to {rounded}: sizes are multiples of 16")
    return rounded


def fixed_shift(fields: JobInput) -> float | None:
    """The flow shift where it does not depend on the size: 11 with the speed LoRA, for every scheduler."""
    return DISTILLED_SHIFT if fields.use_speed_lora else None


def default_shift(width: int, height: int) -> float:
    """The flow shift without the speed LoRA: 7 around 480p, 11 around 720p."""
    return 11.0 if width * height >= LARGE_AREA else 7.0


def audio_cfg_scale(fields: JobInput) -> float:
    """1 (no extra pass) with the speed LoRA; without it and with cfg, 0.8: the models' own text 5, audio 4."""
    if fields.audio_cfg_scale is not None:
        return fields.audio_cfg_scale
    return 0.8 if not fields.use_speed_lora and fields.cfg_scale != 1.0 else 1.0


def negative_guidance(fields: JobInput) -> NegativeGuidance | None:
    """What a negative prompt works by: guidance (cfg) or, at cfg_scale 1, normalized attention guidance (NAG) where the
    caller sent one; None where it has no effect. The default list of words alone is not worth NAG's time."""
    if fields.cfg_scale != 1.0:
        return "cfg"
    return "nag" if fields.names("negative_prompt") and fields.negative_prompt else None
