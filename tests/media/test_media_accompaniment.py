"""Whether music or noise lies under a voice: speech alone, speech over music of several levels, music alone."""

from pathlib import Path

import numpy as np
import pytest

from media.accompaniment import has_accompaniment
from tests.media.made_music import RATE, Sound, band, chords, noise, over, speech, write
from tests.media.media_sounds import ffmpeg

SECONDS = 12.0
VOICE = ("anna", "ben", "hello")


@pytest.mark.parametrize(
    ("music", "levels"),
    [(chords, (0, -6, -12)), (band, (0, -6, -12)), (noise, (0, -12))],
    ids=["chords", "band", "noise"],
)
def test_what_lies_under_a_voice_is_noticed(music: object, levels: tuple[int, ...], tmp_path: Path) -> None:
    assert callable(music)
    assert has_accompaniment(write(tmp_path / "alone.wav", music(SECONDS)))
    for relative in levels:
        mixed = over(speech(SECONDS), music(SECONDS), relative)
        assert has_accompaniment(write(tmp_path / "mixed.wav", mixed)), relative


@pytest.mark.parametrize("name", VOICE)
def test_a_voice_alone_is_none(name: str, tmp_path: Path) -> None:
    assert not has_accompaniment(write(tmp_path / "voice.wav", speech(SECONDS, name)))


@pytest.mark.parametrize("music", [chords, band, noise], ids=["chords", "band", "noise"])
def test_what_nobody_minds_is_left_as_it_is(music: object, tmp_path: Path) -> None:
    assert callable(music)
    assert not has_accompaniment(write(tmp_path / "soft.wav", over(speech(SECONDS), music(SECONDS), -24)))


@pytest.mark.parametrize(
    "filters",
    [
        "aecho=0.8:0.7:20|37|61|93|140:0.5|0.4|0.3|0.2|0.12",
        "acompressor=threshold=-35dB:ratio=8:makeup=12",
        "dynaudnorm",
    ],
    ids=["a room", "a compressor", "levelled"],
)
def test_a_voice_alone_stays_one_in_a_room_and_behind_a_compressor(filters: str, tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.wav", speech(SECONDS))
    ffmpeg("-loglevel", "error", "-i", str(plain), "-af", filters, "-ar", str(RATE), str(tmp_path / "treated.wav"))
    assert not has_accompaniment(tmp_path / "treated.wav")


def test_an_opening_tune_before_a_voice_is_noticed(tmp_path: Path) -> None:
    """Lips must not follow it."""
    assert has_accompaniment(write(tmp_path / "tune.wav", np.concatenate([chords(6), speech(24)])))


def _silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * RATE))


@pytest.mark.parametrize(
    "sound",
    [
        0.5 * np.sin(2 * np.pi * 220 * np.arange(5 * RATE) / RATE),
        _silence(0.1),
        _silence(5.0),
        chords(0.5),
        np.concatenate([_silence(20), speech(4), _silence(20)]),
    ],
    ids=["a test tone", "next to none", "silence", "half a second", "a voice between silences"],
)
def test_silence_and_what_is_too_short_say_nothing(sound: Sound, tmp_path: Path) -> None:
    assert not has_accompaniment(write(tmp_path / "sound.wav", sound))
