"""What of a source's sound is a voice, and what of it the model hears."""

from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema

from contract.spelling import choice, whole

NamedChannel = Literal["left", "right"]
CHANNEL_SYNONYMS = {"l": "left", "r": "right"}
CHANNEL_NUMBERS = {"left": 1, "right": 2}
MOST_CHANNELS = 32
CHANNEL_MEANING = (
    "the one channel of the file that is this voice: left, right, or its number, counted from 1; default: all of them, "
    "mixed"
)
CHANNEL_TO_SEND = "send 'left', 'right', or the number of a channel, counted from 1 (left is 1, right is 2)"

ChannelNumber = Annotated[
    int,
    Field(ge=1, le=MOST_CHANNELS),
    BeforeValidator(whole),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_CHANNELS}),
]
Channel = Annotated[NamedChannel | ChannelNumber, BeforeValidator(choice(get_args(NamedChannel), **CHANNEL_SYNONYMS))]
VoiceChoice = Literal["auto", "as_is", "separate"]
AnyVoice = Annotated[VoiceChoice, BeforeValidator(choice(get_args(VoiceChoice)))]
VOICE_MEANING = (
    "what the model hears: separate parts the voice from music under it, as_is does not, auto decides by the sound; "
    "the video keeps the sound as it is"
)
VOICE_TO_SEND = (
    "send 'auto', 'as_is' or 'separate': whether the model hears the voice parted from music under it; the sound "
    "itself goes in audio_urls, or audio of a speaker"
)


def channel_number(channel: str | int | None) -> int | None:
    """A channel counted from 1; None for all of a file."""
    return CHANNEL_NUMBERS[channel] if isinstance(channel, str) else channel
