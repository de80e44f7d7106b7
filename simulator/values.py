"""What travels along the links of a graph: just enough of each thing to judge a graph and draw its frames."""

from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from simulator.audio import Audio
from simulator.windows import Together


@dataclass(frozen=True)
class Loaded:
    """A loaded file, or something made of one, of which only kind and name matter."""

    kind: str
    name: str

    def __str__(self) -> str:
        """What PreviewAny shows."""
        return f"<simulated {self.kind} {self.name}>"


@dataclass(frozen=True)
class Images:
    """A batch of RGB pictures of one size."""

    frames: tuple[Image.Image, ...]

    def __str__(self) -> str:
        """What PreviewAny shows."""
        return f"<simulated IMAGE batch of {len(self.frames)}>"


@dataclass(frozen=True)
class Masks:
    """A batch of masks: L pictures of one size, any value above 0 counts as inside."""

    frames: tuple[Image.Image, ...]


@dataclass(frozen=True)
class Lora:
    """A LoRA and whether it is to be merged into the model's weights."""

    name: str
    merged: bool


@dataclass(frozen=True)
class TalkModel:
    """A MultiTalk or InfiniteTalk file; mode is what the loader makes of its name."""

    name: str

    @property
    def mode(self) -> str:
        """`infinitetalk` iff the file name contains "infinite" (docs/facts/talk-models.md#the-mode-of-a-file)."""
        return "infinitetalk" if "infinite" in self.name.lower() else "multitalk"


@dataclass(frozen=True)
class VideoModel:
    """The base model with the talk model patched in (None: a plain video model)."""

    name: str
    talk: TalkModel | None


@dataclass(frozen=True)
class TextEmbeds:
    """Prompts as embeddings. has_negative: whether there is a negative one for cfg; has_nag: and one for NAG; prompts:
    which of several (from 1) each window takes, the last for all after it."""

    has_negative: bool
    has_nag: bool = False
    prompts: tuple[int, ...] = ()


@dataclass
class VoiceEmbeds:
    """The voices of a clip.

    audios: in speaking order; frames: length of each in frames at `fps`; split_by_default: set by the first run of two
    speakers without masks, after which the real node pack has a left/right split to use
    (docs/facts/talk-models.md#masks).
    """

    audios: tuple[Audio, ...]
    frames: tuple[int, ...]
    together: Together
    fps: float
    masks: Masks | None
    audio_passes: bool
    split_by_default: bool = field(default=False)


@dataclass(frozen=True)
class ClipPlan:
    """What WanVideoImageToVideoMultiTalk hands to the sampler. references: the pictures that the windows go by, one a
    window, the last for all after it; folder: where frames go, "" for none; tiled: whether the VAE works tile by tile;
    matched: whether the colours of a window are matched to its reference's; kept: whether our node pack keeps what a
    finished window hands to the next."""

    references: tuple[Image.Image, ...]
    width: int
    height: int
    window: int
    overlap: int
    mode: str
    folder: str
    tiled: bool = False
    matched: bool = False
    kept: bool = True


@dataclass(frozen=True)
class SourceVideo:
    """A video whose motion is followed: a file for each frame, the last one held."""

    files: tuple[Path, ...]

    def frame(self, number: int) -> Path:
        """Of frame `number`, from 0."""
        return self.files[min(number, len(self.files) - 1)]


@dataclass(frozen=True)
class Samples:
    """A finished clip: how many frames, where they are ("" in memory), their size."""

    frames: int
    folder: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Video:
    """Frames that stay in memory, on their way to a file."""

    frames: int
    size: tuple[int, int]
