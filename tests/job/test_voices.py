"""Which voices the model hears parted from music, and what the caller is told of it."""

from pathlib import Path

import pytest

from contract.errors import ErrorCode, Stage, WorkerError
from contract.request import parse_request
from contract.sound import VoiceChoice
from job.voices import refuse_without_separator, to_separate
from media.audio import LISTENER_RATE
from media.voices import Placed, Timeline
from tests.contract.contract_samples import VOICE, parse, speaking
from tests.media.made_music import chords, over, speech, write
from tests.media.media_sounds import decoded
from workflows.own_nodes import SEPARATE_VOICE

SECONDS = 6.0
NODES = (SEPARATE_VOICE,)


@pytest.fixture(scope="module")
def timeline(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    """A voice alone, one over music, and one over music that begins later and is cut after 2 s."""
    folder = tmp_path_factory.mktemp("voices")
    sounds = {"alone": speech(SECONDS), "over": over(speech(SECONDS), chords(SECONDS), -6)}
    alone, mixed = (decoded(write(folder / f"{name}.wav", sound), folder) for name, sound in sounds.items())
    late = Placed(mixed, 4 * LISTENER_RATE, 2 * LISTENER_RATE)
    return Timeline((Placed(alone, 0, alone.samples), Placed(mixed, 0, mixed.samples), late), 6 * LISTENER_RATE)


def _parted(timeline: Timeline, *asked: VoiceChoice, own_nodes: tuple[str, ...] = NODES) -> tuple[list[int], list[str]]:
    warnings: list[str] = []
    return list(to_separate(timeline, asked, own_nodes=own_nodes, warnings=warnings)), warnings


def test_auto_goes_by_the_sound_and_says_so(timeline: Timeline) -> None:
    parted, warnings = _parted(timeline, "auto", "auto", "as_is")
    assert parted == [2]
    assert [warning.partition(":")[0] for warning in warnings] == [
        "the audio of speaker 2 has music or noise under the voice"
    ]


def test_a_name_outweighs_the_sound_and_is_not_told(timeline: Timeline) -> None:
    assert _parted(timeline, "separate", "as_is", "separate") == ([1, 3], [])


def test_auto_without_weights_goes_on_and_tells_what_it_would_have_done(timeline: Timeline) -> None:
    parted, warnings = _parted(timeline, "auto", "auto", "as_is", own_nodes=())
    assert parted == []
    assert ["send the voice alone" in warning for warning in warnings] == [True]


def test_the_parted_voice_keeps_its_place_and_its_cut(timeline: Timeline) -> None:
    found = to_separate(timeline, ("as_is", "as_is", "separate"), own_nodes=NODES, warnings=[])[3]
    assert (found.start, found.seconds) == (4.0, 2.0)
    assert found.sound == timeline.voices[2].voice.listener
    assert found.most_gain >= 12


def test_a_voice_that_is_not_heard_is_not_parted(timeline: Timeline) -> None:
    silent = Timeline((Placed(timeline.voices[1].voice, 0, 0),), LISTENER_RATE)
    assert _parted(silent, "separate") == ([], [])


def test_separate_by_name_needs_the_weights() -> None:
    wanted = parse_request(speaking({"audio": VOICE}, {"audio": "b.wav", "voice": "separate"}))
    with pytest.raises(WorkerError) as refused:
        refuse_without_separator(wanted, ())
    assert (refused.value.code, refused.value.stage) == (ErrorCode.MODELS_MISSING, Stage.VALIDATE)
    refuse_without_separator(wanted, NODES)
    refuse_without_separator(parse(), ())
    assert Path("scripts/download_models.sh").read_text().count("--separation")
