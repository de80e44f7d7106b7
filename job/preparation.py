"""Everything about a job that is settled before the GPU is asked: picture, voices, lengths, masks, windows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from contract import rules
from contract.background import beside
from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from contract.fields import ColorMatch
from contract.request import Request
from contract.response import SceneInfo
from job.framing import frame_picture, seat_speakers
from job.scenes import PORTRAIT, PictureRoom, PlacedScenes, draw_pictures, pictures_of, place_scenes
from job.views import Dubbed, FollowedFilm, Seen, draw_references, followed_film, open_view
from job.voices import to_separate
from media.audio import Voice, decode
from media.crop import Box
from media.footage import Footage
from media.image import Fit, draw_fitted
from media.losses import SPARE_SECONDS
from media.masks import PixelBox, draw_masks, draw_masks_with_silent_rest, save_masks
from media.seats import region_of
from media.video import VideoSpec
from media.voices import Bed, Timeline, decode_voices, lay_out, same_sounds, write_listener_mix, write_model_tracks
from sources.fetch import Inputs
from workflows.graph import GraphInputs, References
from workflows.modes import MODES
from workflows.own_nodes import VOICE_EMBEDS
from workflows.plan import Plan, frames_for, make_plan, most_frames
from workflows.separation import SeparatedVoice

PADDING_SECONDS = 0.1  # that encoders put behind the end


@dataclass(frozen=True)
class PreparedJob(GraphInputs):
    """What the graph takes, and what the encoder makes of its frames. All files are in the job's folder.

    `regions` has a box of fractions of the original picture for each speaker, None where any mouth may follow;
    `footage` is the video that is dubbed, where there is one.
    """

    video: VideoSpec
    regions: tuple[Box | None, ...]
    footage: Footage | None = None
    scenes: tuple[SceneInfo, ...] = ()


@dataclass(frozen=True)
class Layout:
    """What is known of a job before anything is written for its graph.

    Attributes:
        seen: the portrait or the video in the frame.
        references: the pictures that the windows go by, written.
        scenes: on the windows of the plan.
        bed: the own sound of a video that is dubbed, where it stays.
        followed: that video, where its motion is followed too.
        timeline: the voices in time.
        boxes: each speaker's region, in pixels of the frame; None where the one speaker has none.
        masks: of the regions and of what is in none; None where there is nobody to tell apart.
        separated: of the voices that the model hears without what sounds under them, by number from 1.
    """

    seen: Seen
    references: References
    scenes: PlacedScenes
    bed: Bed | None
    timeline: Timeline
    plan: Plan
    boxes: list[PixelBox] | None
    masks: list[Image.Image] | None
    video: VideoSpec
    shift: float
    color_match: ColorMatch
    separated: Mapping[int, SeparatedVoice]
    followed: FollowedFilm | None

    @property
    def silent_listeners(self) -> int:
        """People in the picture without a voice, as the model counts them."""
        return len(self.masks) - 1 - len(self.timeline.voices) if self.masks else 0

    @property
    def tracks(self) -> int:
        """How many the model hears."""
        return len(self.timeline.voices) + self.silent_listeners


def lay_out_job(
    request: Request,
    inputs: Inputs,
    folder: Path,
    warnings: list[str],
    cancel: Cancellation,
    *,
    audio_max_seconds: float,
    video_max_seconds: float,
    own_nodes: Collection[str] = (),
) -> Layout:
    """Decode, measure, lay out, fit and draw: everything that can be wrong with the inputs is found here, and told.

    `audio_max_seconds` is the longest that one voice may be, unless the job asks to cut it before, `video_max_seconds`
    the most that is decoded of a video; `own_nodes` are the nodes of our pack that the server has.

    Raises:
        WorkerError: whatever is wrong with the inputs.
    """
    heard = list[str]()
    with beside(lambda: _voices(request, inputs, folder, heard, cancel, longest=audio_max_seconds)) as voices:
        seen = _look(request, inputs, folder, warnings, cancel, longest=video_max_seconds)
    fit, timeline = seen.fit, voices()
    warnings += heard
    plan = _plan(request, fit, timeline.seconds, most_frames(audio_max_seconds, long=VOICE_EMBEDS in own_nodes))
    scenes = place_scenes(request, plan, own_nodes, warnings)
    room = PictureRoom(folder, fit, request.fit, warnings, cancel)
    references = _references(seen, scenes, plan, room, request=request, inputs=inputs)
    boxes = seat_speakers(request, seen.framed, warnings)
    masks = _masks(request, boxes, fit, warnings) if boxes else None
    asked = [speaker.voice for speaker in request.speakers]
    video = VideoSpec(fit.width, fit.height, plan.frames, request.fps, request.crf, folder / "sound.wav")
    return Layout(
        seen=seen,
        references=references,
        scenes=scenes,
        timeline=timeline,
        plan=plan,
        boxes=boxes,
        masks=masks,
        video=video,
        shift=request.shift if request.shift is not None else rules.default_shift(fit.width, fit.height),
        color_match=request.color_match or MODES[request.mode].default_color_match(timeline.seconds),
        separated=to_separate(timeline, asked, own_nodes=own_nodes, warnings=warnings),
        bed=_bed(request, seen.footage, video, warnings, cancel),
        followed=followed_film(request.dub, seen.view),
    )


def write_files(layout: Layout, folder: Path, cancel: Cancellation) -> PreparedJob:
    """What else the graph and the encoder will read."""
    masks_file = None
    if layout.masks:
        masks_file = folder / "masks.png"
        save_masks(layout.masks, masks_file)
    timeline, seconds = layout.timeline, layout.plan.audio_seconds
    tracks = write_model_tracks(
        timeline, seconds, folder, listeners=layout.silent_listeners, cancel=cancel, left_out=layout.separated
    )
    write_listener_mix(timeline, layout.video.seconds, layout.video.audio, cancel, bed=layout.bed)
    return PreparedJob(
        references=layout.references,
        prompts=layout.scenes.prompts,
        scenes=layout.scenes.told,
        voices=tuple(tracks),
        masks=masks_file,
        video=layout.video,
        regions=tuple(region_of(box, layout.seen.fit) for box in layout.boxes) if layout.boxes else (None,),
        plan=layout.plan,
        shift=layout.shift,
        color_match=layout.color_match,
        separated=layout.separated,
        footage=layout.seen.footage,
        motion=layout.followed.write(layout.seen.fit, layout.plan) if layout.followed else None,
    )


def _look(
    request: Request, inputs: Inputs, folder: Path, warnings: list[str], cancel: Cancellation, *, longest: float
) -> Seen:
    """The portrait or the video, framed; a portrait is written as the graph takes it."""
    view = open_view(inputs, folder, warnings, cancel, longest=longest)
    picture = view.first()
    framed = frame_picture(request, picture, warnings)
    if not isinstance(view, Dubbed):  # here, as the voices take longer
        draw_fitted(picture, framed.fit).save(folder / PORTRAIT, compress_level=1)
    return Seen(view, picture, framed)


def _references(
    seen: Seen, scenes: PlacedScenes, plan: Plan, room: PictureRoom, *, request: Request, inputs: Inputs
) -> References:
    """What the windows go by: pictures of the video, or the portrait and the pictures of scenes."""
    if isinstance(seen.view, Dubbed):
        return draw_references(seen.view, seen.fit, plan, room.folder / PORTRAIT)
    return draw_pictures(scenes.pictures, pictures_of(request), inputs.pictures, room)


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
    channels = [speaker.channel for speaker in request.speakers]
    voices = decode_voices(inputs.voices, folder, most + SPARE_SECONDS, cancel, channels)
    if asked is None or asked > longest:
        _refuse_longer(voices, longest)
    named = [(speaker.audio, speaker.channel) for speaker in request.speakers]
    for first, second in same_sounds(voices):
        if named[first - 1] != named[second - 1]:  # else it was told by the request
            warnings.append(rules.same_voice(first, second))
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


def _masks(request: Request, boxes: list[PixelBox], fit: Fit, warnings: list[str]) -> list[Image.Image] | None:
    if not request.silent_others:
        return draw_masks(boxes, fit)
    masks = draw_masks_with_silent_rest(boxes[0], fit)
    if masks is None:
        warnings.append("the speaker's region fills the frame: nobody is left to stay silent")
    return masks
