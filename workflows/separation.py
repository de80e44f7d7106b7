"""The part of a graph that parts voices from music: our own nodes, between a speaker's track and the voice embeds.

Not in the templates: a server may lack the weights, and does every other job without them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflows.models import separator_file
from workflows.own_nodes import SEPARATE_VOICE, SEPARATOR_LOADER

Nodes = dict[str, dict[str, Any]]
LOADER_ID = "separator"


@dataclass(frozen=True)
class SeparatedVoice:
    """A voice that ComfyUI parts from music.

    Attributes:
        sound: the decoded voice, a WAV of 16 bit as the viewer hears it; ComfyUI can read it.
        start: seconds of the track at which it begins.
        seconds: how much of it is used.
        most_gain: dB, the most that the parted voice may be turned up.
    """

    sound: Path
    start: float
    seconds: float
    most_gain: float


def separate_voices(graph: Nodes, voices: Mapping[int, SeparatedVoice]) -> None:
    """Let the voice embeds hear these speakers, counted from 1, parted from music.

    The track of such a speaker has room tone alone.
    """
    if not voices:
        return
    ids = {entry["_meta"]["title"]: node for node, entry in graph.items()}
    graph[LOADER_ID] = _node(SEPARATOR_LOADER, "Separator", model_name=separator_file().file)
    for number, voice in voices.items():
        inputs = graph[ids["Voice embeds"]]["inputs"]
        track, node = inputs[f"audio_{number}"], f"separated_{number}"
        inputs[f"audio_{number}"] = [node, 0]
        graph[node] = _node(
            SEPARATE_VOICE,
            f"Separated voice {number}",
            separator=[LOADER_ID, 0],
            track=track,
            sound=str(voice.sound),
            start=round(voice.start, 6),
            seconds=round(voice.seconds, 6),
            most_gain=round(voice.most_gain, 3),
        )


def separation_graph() -> Nodes:
    """Everything that a server must have for it, as a graph."""
    graph = {
        "track": {"class_type": "LoadAudio", "inputs": {"audio": "track.wav"}, "_meta": {"title": "Voice 1"}},
        "embeds": {"class_type": "PreviewAny", "inputs": {"audio_1": ["track", 0]}, "_meta": {"title": "Voice embeds"}},
    }
    separate_voices(graph, {1: SeparatedVoice(Path("voice.wav"), 0.0, 1.0, 0.0)})
    del graph["embeds"]
    return graph


def _node(class_type: str, title: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}
