"""The part of a graph that parts a voice from music: right for a server, and nothing of it where nobody asks."""

from pathlib import Path

import pytest

from contract.fields import Mode
from tests.workflows.graph_checker import problems
from tests.workflows.graph_samples import MODES, arguments
from workflows.graph import build_graph
from workflows.models import separator_file
from workflows.separation import SeparatedVoice, separation_graph

FILE = separator_file().file
SECOND = {2: SeparatedVoice(Path("/job/voice_2_48k.wav"), start=1.5, seconds=4.25, most_gain=12.0)}


@pytest.mark.parametrize("mode", MODES)
def test_the_voice_embeds_hear_the_parted_voice_and_the_others_as_they_are(mode: Mode) -> None:
    graph = build_graph(**arguments(mode, 2, separated=SECOND))
    assert problems(graph) == []
    embeds = next(node for node in graph.values() if node["class_type"] == "MultiTalkWav2VecEmbeds")["inputs"]
    (first, _), (second, _) = embeds["audio_1"], embeds["audio_2"]
    assert graph[first]["class_type"] == "LoadAudio"
    parted = graph[second]
    assert parted["class_type"] == "TalkingVideoSeparateVoice"
    assert parted["inputs"]["sound"] == "/job/voice_2_48k.wav"
    assert [parted["inputs"][name] for name in ("start", "seconds", "most_gain")] == [1.5, 4.25, 12.0]
    assert graph[parted["inputs"]["track"][0]]["inputs"]["audio"] == "/job/track_2.wav"
    assert graph[parted["inputs"]["separator"][0]]["inputs"] == {"model_name": FILE}


def test_a_job_that_parts_nothing_has_nothing_of_it() -> None:
    graph = build_graph(**arguments("infinitetalk", 2))
    assert not [node for node in graph.values() if node["class_type"].startswith("TalkingVideoSeparat")]


def test_what_a_server_must_have_is_told_by_a_graph_of_its_own() -> None:
    classes = {node["class_type"] for node in separation_graph().values()}
    assert classes == {"LoadAudio", "TalkingVideoSeparatorLoader", "TalkingVideoSeparateVoice"}
