"""Everything about a job that is settled before the GPU is asked: picture, voices, lengths, masks, windows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from contract import rules
from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from contract.request import Request
from contract.response import SceneInfo
from job.scenes import PictureRoom, draw_pictures, pictures_of, place_scenes
from job.views import Dubbed, View, draw_references, follow_motion, open_view
from media.audio import Voice, decode
from media.footage import Footage
from media.image import Fit, choose_bucket, plan_fit
from media.losses import SPARE_SECONDS
from media.masks import draw_masks, draw_masks_with_silent_rest, save_masks, speaker_boxes
from media.video import VideoSpec
from media.voices import Bed, Timeline, decode_voices, lay_out, write_listener_mix, write_model_tracks
from sources.fetch import Inputs, same_voices
from workflows.graph import GraphInputs
from workflows.modes import MODES
from workflows.own_nodes import VOICE_EMBEDS
from workflows.plan import Plan, frames_for, make_plan, most_frames

PADDING_SECONDS = 0.1  # that encoders put behind the end


@dataclass(frozen=True)
class PreparedJob(GraphInputs):
    """What the graph takes, and what the encoder makes of its frames. All files are in the job's folder.

    Attributes:
        footage: the video that is dubbed, where there is one.
    """

    video: VideoSpec
    footage: Footage | None = None
    scenes: tuple[SceneInfo, ...] = ()


def prepare(
    request: Request,
    inputs: Inputs,
    folder: Path,
    warnings: list[str],
    cancel: Cancellation,
    *,
    audio_max_seconds: float,
    video_max_seconds: float,
    own_nodes: Collection[str] = (),
) -> PreparedJob:
    """Decode, measure, lay out, fit, draw and write what the graph and the encoder will read.

    `audio_max_seconds` is the longest that one voice may be, unless the job asks to cut it before, `video_max_seconds`
    the most that is decoded of a video; `own_nodes` are the nodes of our pack that the server has.

    Raises:
        WorkerError: whatever is wrong with the inputs.
    """
    view = open_view(inputs, folder, warnings, cancel, longest=video_max_seconds)
    fit = _fit(request, view, warnings)
    for first, second in same_voices(inputs):
        if request.speakers[first - 1].audio != request.speakers[second - 1].audio:  # else it was told by the request
            warnings.append(rules.same_voice(first, second))
    timeline = _voices(request, inputs, folder, warnings, cancel, longest=audio_max_seconds)
    plan = _plan(request, fit, timeline.seconds, most_frames(audio_max_seconds, long=VOICE_EMBEDS in own_nodes))
    scenes = place_scenes(request, plan, own_nodes, warnings)
    motion = follow_motion(request.dub, view, fit, plan, own_nodes)
    references = draw_references(view, fit, plan, folder / "portrait.png")
    if not inputs.filmed:
        room = PictureRoom(folder, fit, request.fit, warnings, cancel)
        references = draw_pictures(scenes.pictures, pictures_of(request), inputs.pictures, room)
    masks = _masks(request, fit, warnings)
    silent_listeners = len(masks) - 1 - len(request.speakers) if masks else 0
    masks_file = None
    if masks:
        masks_file = folder / "masks.png"
        save_masks(masks, masks_file)
    tracks = write_model_tracks(timeline, plan.audio_seconds, folder, listeners=silent_listeners, cancel=cancel)
    video = VideoSpec(fit.width, fit.height, plan.frames, request.fps, request.crf, folder / "sound.wav")
    footage = view.footage if isinstance(view, Dubbed) else None
    bed = _bed(request, footage, video, warnings, cancel)
    write_listener_mix(timeline, video.seconds, video.audio, cancel, bed=bed)
    return PreparedJob(
        references=references,
        motion=motion,
        prompts=scenes.prompts,
        scenes=scenes.told,
        voices=tuple(tracks),
        masks=masks_file,
        video=video,
        plan=plan,
        shift=request.shift if request.shift is not None else rules.default_shift(fit.width, fit.height),
        color_match=request.color_match or MODES[request.mode].default_color_match(timeline.seconds),
        footage=footage,
    )


def _plan(request: Request, fit: Fit, seconds: float, most: int) -> Plan:
    return make_plan(
        frames_for(seconds),
        fit.width,
        fit.height,
        request.mode,
        window_frames=request.window_frames,
        steps=request.steps,
        scheduler=request.scheduler,
        cfg_scale=request.cfg_scale,
        audio_cfg_scale=request.audio_cfg_scale,
        most_frames=most,
        nag=request.negative_guidance == "nag",
        start_step=request.dub.start_step if request.dub else 0,
    )


def _fit(request: Request, view: View, warnings: list[str]) -> Fit:
    if request.size is not None:
        frame = (request.size.width, request.size.height)
    else:
        frame = choose_bucket(str(request.resolution), *view.size)
    return plan_fit(view.size, frame, request.fit, warnings)


def _bed(
    request: Request, footage: Footage | None, video: VideoSpec, warnings: list[str], cancel: Cancellation
) -> Bed | None:
    """The own sound of a video that is dubbed, where it is to stay; that there is none is told."""
    if footage is None or request.dub is None or request.dub.keep_sound == "replace":
        return None
    most = video.seconds + SPARE_SECONDS
    try:
        sound = decode(footage.file, video.audio.parent, "own_sound", most, cancel, demuxer=footage.demuxer)
    except WorkerError as error:
        if error.code is not ErrorCode.AUDIO_INVALID:
            raise
        warnings.append(f"the video's own sound cannot be kept: {error.message}")
        return None
    warnings += [f"the video's own sound {told}" for told in sound.told]
    return Bed(sound, request.dub.sound_level)


def _voices(
    request: Request, inputs: Inputs, folder: Path, warnings: list[str], cancel: Cancellation, *, longest: float
) -> Timeline:
    asked = request.max_audio_duration
    most = longest if asked is None else min(asked, longest)
    voices = decode_voices(inputs.voices, folder, most + SPARE_SECONDS, cancel)
    if asked is None or asked > longest:
        _refuse_longer(voices, longest)
    offsets = [speaker.offset_seconds for speaker in request.speakers]
    return lay_out(voices, offsets, request.timing, asked, warnings)


def _refuse_longer(voices: Sequence[Voice], longest: float) -> None:
    """Raises AUDIO_TOO_LONG; lengths are those of the decoded sound, whatever a header says."""
    over = [str(number) for number, voice in enumerate(voices, 1) if voice.seconds > longest + PADDING_SECONDS]
    if over:
        raise WorkerError(
            ErrorCode.AUDIO_TOO_LONG,
            f"The audio of speaker {' and '.join(over)} is longer than {longest:g} s; "
            f"send max_audio_duration {longest:g} or less, or several jobs",
        )


def _masks(request: Request, fit: Fit, warnings: list[str]) -> list[Image.Image] | None:
    if len(request.speakers) == 1 and not request.silent_others:
        return None
    boxes = speaker_boxes([speaker.region for speaker in request.speakers], fit)
    if not request.silent_others:
        return draw_masks(boxes, fit)
    masks = draw_masks_with_silent_rest(boxes[0], fit)
    if masks is None:
        warnings.append("the speaker's region fills the frame: nobody is left to stay silent")
    return masks
