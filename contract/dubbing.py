"""Dubbing: rules of a job that brings a video in place of a picture.

Sources, in docs/facts/talk-models.md: #a-reference-for-each-window, #following-a-video.
"""

from dataclasses import dataclass

from contract.fields import JobInput, Mode
from contract.film import Follow, KeepSound
from contract.rules import FIXED_STEPS

DUBBING_MODES: tuple[Mode, ...] = ("infinitetalk",)
VIDEO_FIELDS = ("follow", "motion_strength", "keep_sound", "keep_sound_level")
# The one takes no notice of the step to begin at. The timesteps of the other are angles, and upstream, which takes them
# for thousandths, would mix no noise into the source.
BLIND_SCHEDULERS = ("multitalk", "rcm")
MOTION_SCHEDULER = "dpm++_sde"
FEWEST_STEPS = 2  # of which one is left out


@dataclass(frozen=True)
class Dub:
    """A video whose people get new voices.

    Attributes:
        video: its source.
        follow: what is taken of it.
        start_step: with "motion", how many of the steps are left out: the sampler begins with the source instead.
        keep_sound: whether its own sound stays under the voices.
        sound_level: of what stays, in dB, 0 or below.
    """

    video: str
    follow: Follow
    start_step: int
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
    if not follows_motion(fields):
        return
    if fields.names("scheduler") and fields.scheduler in BLIND_SCHEDULERS:
        problems.append(
            f"scheduler {fields.scheduler} cannot begin part of the way, as follow motion does; send scheduler "
            f"{MOTION_SCHEDULER}, or follow keyframes"
        )
    if fields.steps < FEWEST_STEPS:
        problems.append(f"follow motion leaves steps out: send steps {FEWEST_STEPS} or more, or follow keyframes")


def follows_motion(fields: JobInput) -> bool:
    """Whether what happens between the keyframes counts."""
    return fields.video_url is not None and fields.follow == "motion" and fields.motion_strength > 0


def choose_scheduler(fields: JobInput, chosen: str, warnings: list[str]) -> str:
    """`chosen`, or for motion the scheduler of the published example, where nothing that was sent decides."""
    decided = fields.names("scheduler") or fields.quality or chosen != fields.scheduler
    if decided or not follows_motion(fields):
        return chosen
    warnings.append(f"scheduler {MOTION_SCHEDULER} was chosen: follow motion was published with it")
    return MOTION_SCHEDULER


def choose_mode(fields: JobInput, warnings: list[str]) -> Mode:
    """The caller's mode; where none was sent and there is a video, one that can dub."""
    if fields.video_url is None or fields.mode in DUBBING_MODES:
        return fields.mode
    warnings.append(f"mode {DUBBING_MODES[0]} was chosen: video_url needs it")
    return DUBBING_MODES[0]


def dub_of(fields: JobInput, scheduler: str, warnings: list[str]) -> Dub | None:
    """What is to be dubbed; what was sent and changes nothing is told."""
    if fields.video_url is None:
        warnings.extend(f"{name} has no effect without video_url" for name in VIDEO_FIELDS if fields.names(name))
        return None
    if fields.names("keep_sound_level") and fields.keep_sound == "replace":
        warnings.append("keep_sound_level has no effect without keep_sound under")
    if fields.names("motion_strength") and fields.follow == "keyframes":
        warnings.append("motion_strength has no effect without follow motion")
    if fields.follow == "motion" and fields.motion_strength == 0:
        warnings.append("follow motion has no effect with motion_strength 0: the keyframes alone are followed")
    steps = FIXED_STEPS.get(scheduler, fields.steps)
    start = max(1, min(steps - 1, round(fields.motion_strength * steps))) if follows_motion(fields) else 0
    return Dub(
        video=fields.video_url,
        follow="motion" if start else "keyframes",
        start_step=start,
        keep_sound=fields.keep_sound,
        sound_level=fields.keep_sound_level,
    )
