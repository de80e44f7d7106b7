"""Which voices the model hears parted from music: by what the caller asks, their sound, and what this worker has."""

from collections.abc import Collection, Sequence

from contract.errors import ErrorCode, Stage, WorkerError
from contract.request import Request
from contract.sound import VoiceChoice
from media.accompaniment import has_accompaniment
from media.voices import Placed, Timeline
from workflows.own_nodes import SEPARATE_VOICE
from workflows.separation import SeparatedVoice

# Where music was louder than the voice, that much is put back; where there is no voice, no more is made of the rest.
MOST_BEYOND_DB = 12.0
UNDER = "the audio of speaker {} has music or noise under the voice"
LACKING = (
    "voice 'separate' needs the weights that part voices from music, which this worker does not have "
    "(scripts/download_models.sh --separation gets them); send voice 'as_is' or 'auto'"
)


def refuse_without_separator(request: Request, own_nodes: Collection[str]) -> None:
    """Raises WorkerError MODELS_MISSING where a voice is to be separated by name, and nothing here can do it."""
    if SEPARATE_VOICE not in own_nodes and any(speaker.voice == "separate" for speaker in request.speakers):
        raise WorkerError(ErrorCode.MODELS_MISSING, LACKING, stage=Stage.VALIDATE)


def to_separate(
    timeline: Timeline, asked: Sequence[VoiceChoice], *, own_nodes: Collection[str], warnings: list[str]
) -> dict[int, SeparatedVoice]:
    """The speakers, counted from 1, whose voices are parted, where the engine has the node for it. What "auto" decided
    is told."""
    found = {}
    for number, (item, choice) in enumerate(zip(timeline.voices, asked, strict=True), 1):
        if item.length == 0 or item.voice.silent or choice == "as_is":
            continue
        if choice == "auto":
            if not has_accompaniment(item.voice.model):
                continue
            under = UNDER.format(number)
            if SEPARATE_VOICE not in own_nodes:
                warnings.append(
                    f"{under}, which disturbs the lips; this worker has no weights to part them (docs/voices.md): send "
                    "the voice alone"
                )
                continue
            warnings.append(f"{under}: the model hears the voice parted from it, the viewer hears all of it")
        found[number] = _separated(item)
    return found


def _separated(item: Placed) -> SeparatedVoice:
    voice = item.voice
    return SeparatedVoice(
        sound=voice.listener,
        start=item.start_seconds,
        seconds=item.seconds,
        most_gain=max(voice.model_gain_db, 0.0) + MOST_BEYOND_DB,
    )
