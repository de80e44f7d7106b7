"""Dubbing: rules of a job that brings a video in place of a picture.

Source: docs/facts/talk-models.md#a-reference-for-each-window.
"""

from dataclasses import dataclass

from contract.fields import JobInput, KeepSound, Mode

DUBBING_MODES: tuple[Mode, ...] = ("infinitetalk",)
VIDEO_FIELDS = ("keep_sound", "keep_sound_level")


@dataclass(frozen=True)
class Dub:
    """A video whose people get new voices.

    Attributes:
        video: its source.
        keep_sound: whether its own sound stays under the voices.
        sound_level: of what stays, in dB, 0 or below.
    """

    video: str
    keep_sound: KeepSound
    sound_level: float


def check(fields: JobInput, problems: list[str]) -> None:
    """What cannot be, beside a video."""
    if fields.video_url is None:
        return
    if any(scene.image_url is not None for scene in fields.scenes or ()):
        problems.append("scenes have no pictures beside video_url, which brings its own: send prompts alone in scenes")
    if fields.names("mode") and fields.mode not in DUBBING_MODES:
        problems.append(
            f"video_url needs a model that takes a picture for each window: send mode {DUBBING_MODES[0]}, or "
            f"image_url in place of video_url with mode {fields.mode}"
        )


def choose_mode(fields: JobInput, warnings: list[str]) -> Mode:
    """The caller's mode; where none was sent and there is a video, one that can dub."""
    if fields.video_url is None or fields.mode in DUBBING_MODES:
        return fields.mode
    warnings.append(f"mode {DUBBING_MODES[0]} was chosen: video_url needs it")
    return DUBBING_MODES[0]


def dub_of(fields: JobInput, warnings: list[str]) -> Dub | None:
    """What is to be dubbed; what was sent and changes nothing is told."""
    if fields.video_url is None:
        warnings.extend(f"{name} has no effect without video_url" for name in VIDEO_FIELDS if fields.names(name))
        return None
    if fields.names("keep_sound_level") and fields.keep_sound == "replace":
        warnings.append("keep_sound_level has no effect without keep_sound under")
    return Dub(fields.video_url, fields.keep_sound, fields.keep_sound_level)
