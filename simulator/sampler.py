"""The sampler: the real loop's windows, ticks, frames and failures, without a model.

It runs the graphs of this project (WanVideoImageToVideoMultiTalk and MultiTalkWav2VecEmbeds into WanVideoSampler) and
refuses others. Where the real server fails it fails at the same point, with the same exception; it is stricter in three
places on purpose: more masks than speakers and a background, masks that vanish on the token grid, and several
references in multitalk mode without colour match, all of which the real one turns into a bad video.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from simulator import pictures, vae, windows
from simulator.audio import loudness
from simulator.call import Call
from simulator.failures import NodeBaseError
from simulator.frames import Artist, whole_frame
from simulator.kept import Kept
from simulator.ready_frames import ReadyFrames
from simulator.values import ClipPlan, Samples, SourceVideo, TextEmbeds, VideoModel, VoiceEmbeds

WEIGHTS = 1233
WEIGHT_TICKS = 12
WEIGHT_SECONDS = 1.0
STEP_SECONDS = 0.25
VOICE_SHARE = 0.75  # of a step that each voice after the first one adds
NAG_SHARE = 0.02  # of a pass, by its operations
ENCODE_SECONDS = 0.15
DECODE_SECONDS = 0.3
MEASURED_CLIP = (81, 400, 704)
ENDLESS_PAUSE_SECONDS = 0.01
DISTILLED_STEPS = 4
FIXED_STEPS = ("multitalk", "rcm")
DEFAULT_SPLIT = ((0.05, 0.45), (0.55, 0.95))


@dataclass(frozen=True)
class Clip:
    """What is to be sampled, complete. told: of it, what the frames say."""

    plan: ClipPlan
    voices: VoiceEmbeds
    mode: str
    negative: bool
    cfg: float
    steps: int
    nag: bool
    told: str
    prompts: tuple[int, ...] = ()
    source: SourceVideo | None = None

    def prompt(self, window: int) -> int | None:
        """Which of several prompts a window (from 1) takes; None where there is one."""
        return self.prompts[min(window, len(self.prompts)) - 1] if self.prompts else None

    def reference(self, window: int) -> Image.Image:
        """What a window (from 1) goes by: in multitalk mode the first begins with it, and so all do."""
        references = self.plan.references
        return references[min(window, len(references)) - 1] if self.mode == "infinitetalk" else references[0]

    @property
    def step_seconds(self) -> float:
        """Simulated seconds of one step: 0.25 at 400x704 with one voice, else by the model's work.

        docs/facts/talk-models.md#the-cost-of-a-window, #the-speed-of-gpus
        """
        plan = self.plan
        share = windows.pass_flops(plan.window, plan.width, plan.height) / windows.pass_flops(*MEASURED_CLIP)
        return STEP_SECONDS * share * (1 + (self.cfg != 1.0) + self.voices.audio_passes + self.nag * NAG_SHARE)

    @property
    def encode_seconds(self) -> float:
        """Simulated seconds of encoding what one window begins with."""
        return ENCODE_SECONDS * self._size

    @property
    def decode_seconds(self) -> float:
        """Simulated seconds of decoding one window."""
        return DECODE_SECONDS * self._size

    @property
    def _size(self) -> float:
        return self.plan.width * self.plan.height / (MEASURED_CLIP[1] * MEASURED_CLIP[2])


def sample(call: Call) -> Samples:
    """Run the loop to its end; frames go to the plan's folder window by window.

    Raises what the real sampler raises (docs/facts/talk-models.md#masks, #schedulers, #guidance), RuntimeError for a
    graph that is not the project's, PromptInterruptedError at a progress tick.
    """
    clip = _clip(call)
    plan, voices = clip.plan, clip.voices
    had_split = voices.split_by_default
    voices.split_by_default = len(voices.audios) == 2 and voices.masks is None
    total = windows.total_frames(voices.frames, voices.together)
    most = windows.estimated_windows(total, plan.window, plan.overlap) * clip.steps
    done = itertools.count(1)
    ready = ReadyFrames(call.folders.frames, call.clock) if call.folders.frames else None
    artists = _Artists(clip, ready)

    def tick(window: windows.Window) -> None:
        call.tick(min(next(done), most), most, window.number)

    frames = 0
    kept = Kept(Path(plan.folder).parent) if plan.folder and plan.kept else None
    for window in windows.walk(total, plan.window, plan.overlap):
        frames += window.frames
        if kept is not None and window.number <= kept.windows:
            for _ in range(clip.steps):
                tick(window)
            continue
        _sample_window(call, clip, window, tick, had_split=had_split)
        if plan.folder:
            _write(artists, Path(plan.folder), window, clip.prompt(window.number))
        if kept is not None and not window.last:
            kept.keep(window.number)
    return Samples(frames, plan.folder, (plan.width, plan.height))


def _sample_window(
    call: Call, clip: Clip, window: windows.Window, tick: Callable[[windows.Window], None], *, had_split: bool
) -> None:
    """Encode what the window begins with, take its steps, decode it."""
    call.faults.at_window(window.number)
    _work_vae(call, vae.encoding(clip.plan, clip.mode, window.number), clip.encode_seconds, window.number)
    for _ in range(clip.steps):
        call.clock.wait(clip.step_seconds)
        if window.number == 1:
            _first_step(clip, had_split)
        tick(window)
        if clip.plan.window < clip.plan.overlap and window.number > 1:
            call.clock.pause(ENDLESS_PAUSE_SECONDS)
    _work_vae(call, vae.decoding(clip.plan), clip.decode_seconds, window.number)
    _match_colours(clip)


def _clip(call: Call) -> Clip:
    model, plan = call.need("model", VideoModel), call.need("image_embeds", ClipPlan)
    voices, text = call.get("multitalk_embeds", VoiceEmbeds), call.get("text_embeds", TextEmbeds)
    _load_weights(call)
    source = call.get("samples", SourceVideo)
    steps = _steps(call.text("scheduler"), call.number("steps")) - _left_out(call, source)
    if voices is None or not plan.references or model.talk is None:
        raise RuntimeError(
            "simulator: only this project's graphs run here: WanVideoSampler needs multitalk_embeds of "
            "MultiTalkWav2VecEmbeds, image_embeds of WanVideoImageToVideoMultiTalk with a start_image, and a model "
            "with a multitalk_model"
        )
    mode = model.talk.mode if plan.mode == "auto" else plan.mode
    negative, nag = text is not None and text.has_negative, text is not None and text.has_nag
    parted = " ".join(str(number) for number, audio in enumerate(voices.audios, 1) if audio.separated)
    told = f"{steps} steps {call.text('scheduler')}{' NAG' if nag else ''}{parted and f' voice alone: {parted}'}"
    if mode != "infinitetalk" and len(plan.references) > 1 and not plan.matched:
        raise RuntimeError("simulator: the real loop would begin with all references at once; multitalk goes by one")
    prompts = text.prompts if text is not None else ()
    return Clip(plan, voices, mode, negative, call.real("cfg", 1.0), steps, nag, told, prompts, source)


def _left_out(call: Call, source: SourceVideo | None) -> int:
    """Steps; the scheduler multitalk takes no notice of them. Stricter than the real sampler, which takes clean latents
    for noise."""
    start = 0 if call.text("scheduler") == "multitalk" else call.number("start_step")
    if bool(start) != bool(source) or (source and not call.flag("add_noise_to_samples", False)):
        raise RuntimeError("simulator: a start_step goes with samples, and these with add_noise_to_samples")
    return start


def _work_vae(call: Call, runs: vae.Runs, seconds: float, window: int) -> None:
    """Take the time, and tell each tile's progress where the VAE works tile by tile."""
    ticks = [(value, most) for most in runs for value in (*range(1, most + 1), 0)]
    for value, most in ticks:
        call.clock.wait(seconds / len(ticks))
        call.tick(value, most, window)
    if not ticks:
        call.clock.wait(seconds)


def _load_weights(call: Call) -> None:
    for tick in range(WEIGHT_TICKS):
        call.tick(1 + tick * (WEIGHTS - 1) // (WEIGHT_TICKS - 1), WEIGHTS)
        call.clock.wait(WEIGHT_SECONDS / WEIGHT_TICKS)
    call.tick(0, WEIGHTS)


def _steps(scheduler: str, asked: int) -> int:
    """How many steps a window takes; raises ValueError like the schedulers with a fixed list of timesteps.

    flowmatch_causvid is held to the recorded server's rule for its small weights; the 14B model would take up to 9.
    """
    if scheduler in FIXED_STEPS:
        return DISTILLED_STEPS
    if scheduler == "flowmatch_distill" and asked != DISTILLED_STEPS:
        raise ValueError("This scheduler is only for 4 steps")
    if scheduler == "flowmatch_causvid" and asked != DISTILLED_STEPS:
        raise ValueError("CausVid 1.3B schedule is only for 4 steps")
    return asked


def _first_step(clip: Clip, had_split: bool) -> None:
    """What the first pass through the model trips over."""
    voices, plan = clip.voices, clip.plan
    count = len(voices.audios)
    if clip.cfg != 1.0 and not clip.negative:
        raise ValueError("Negative embeddings must be provided for CFG scale > 1.0")
    if count > 1 and voices.masks is None and not had_split:
        if count == 2:
            raise AttributeError("'NoneType' object has no attribute 'max'")
        raise TypeError("'NoneType' object is not subscriptable")
    if plan.width % windows.PATCH or plan.height % windows.PATCH:
        columns, rows = plan.width // windows.PATCH, plan.height // windows.PATCH
        latent_frames = (plan.window - 1) // 4 + 1
        values = 16 * latent_frames * (plan.width // 8) * (plan.height // 8)
        raise RuntimeError(
            f"shape '[16, {latent_frames}, {rows * 2}, {columns * 2}]' is invalid for input of size {values}"
        )
    if count > 1 and voices.masks is not None:
        _check_masks(voices.masks.frames, count, plan)


def _check_masks(masks: tuple[Image.Image, ...], speakers: int, plan: ClipPlan) -> None:
    if len(masks) < speakers:
        raise IndexError(f"index {len(masks)} is out of bounds for dimension 0 with size {len(masks)}")
    if len(masks) > speakers + 1:
        raise RuntimeError(
            f"simulator: {speakers} speakers have {speakers + 1} masks, background last; there are {len(masks)}"
        )
    for number, mask in enumerate(masks, 1):
        if not pictures.has_tokens(mask, plan.width, plan.height):
            raise RuntimeError(
                f"simulator: nothing of mask {number} is left on the 16x16 pixel grid of a {plan.width}x{plan.height} "
                "video; the real model would compute NaN attention"
            )


def _match_colours(clip: Clip) -> None:
    """Raises what is no Exception where there is no one reference to match with; it ends the prompt thread."""
    if clip.plan.matched and clip.mode != "infinitetalk" and len(clip.plan.references) > 1:
        raise NodeBaseError("Each image must have 2 or 3 dimensions")


class _Artists:
    """Draws each frame after its window's reference, or after its own picture of a video that is followed; the last
    artist is kept, as frames share it. Where frames are `ready`, these are taken."""

    def __init__(self, clip: Clip, ready: ReadyFrames | None) -> None:
        self._clip, self._ready = clip, ready
        self._last: tuple[object, Artist] | None = None
        self._levels = list(_levels(clip.voices))

    def write(self, path: Path, index: int, window: int, prompt: int | None) -> None:
        """Write frame `index`, from 0, of a window, from 1."""
        if self._ready is not None:
            self._ready.write(path, index)
        else:
            self._of(window, index).write(path, index, window, prompt)

    def _of(self, window: int, frame: int) -> Artist:
        clip, size = self._clip, (self._clip.plan.width, self._clip.plan.height)
        shown = clip.source.frame(frame) if clip.source else clip.reference(window)
        if self._last is None or self._last[0] is not shown:
            picture = Image.open(shown).convert("RGB").resize(size) if isinstance(shown, Path) else shown
            self._last = shown, Artist(picture, _regions(clip.voices, size), self._levels, clip.told)
        return self._last[1]


def _regions(voices: VoiceEmbeds, size: tuple[int, int]) -> list[Image.Image]:
    count = len(voices.audios)
    if voices.masks is not None:
        masks = [mask.resize(size, Image.Resampling.NEAREST) for mask in voices.masks.frames[:count]]
        return masks if all(mask.getbbox() for mask in masks) else [whole_frame(size)]
    if count == 1:
        return [whole_frame(size)]
    regions = []
    for left, right in DEFAULT_SPLIT:
        region = Image.new("L", size, 0)
        region.paste(255, (round(size[0] * left), size[1] // 10, round(size[0] * right), size[1] * 9 // 10))
        regions.append(region)
    return regions


def _levels(voices: VoiceEmbeds) -> Iterator[list[float]]:
    before = 0
    for audio, frames in zip(voices.audios, voices.frames, strict=True):
        levels = loudness(audio, frames, voices.fps)
        yield [0.0] * before + levels
        if voices.together == "add":
            before += frames


def _write(artists: _Artists, folder: Path, window: windows.Window, prompt: int | None) -> None:
    for index in range(window.first_frame, window.first_frame + window.frames):
        artists.write(folder / f"frame_{index:05d}.png", index, window.number, prompt)
