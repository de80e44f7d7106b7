"""A file with a speaker on each channel: each channel is a voice, alone and at the level that it has in the file."""

from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.audio import LISTENER_RATE, MODEL_RATE, decode
from media.voices import Placed, Timeline, decode_voices, same_sounds, write_listener_mix
from tests.media.media_sounds import frequency, make_sound, peak, read_wav, rms_dbfs

TONES = (300, 500, 700, 900, 1100, 1300)
TELL_APART = 40  # dB


def _tones(path: Path, channels: int, *options: str, layout: str = "") -> Path:
    parts = "|".join(f"0.2*sin(2*PI*{tone}*t)" for tone in TONES[:channels])
    return make_sound(path, parts, 1.0, 48_000, *options, layout=layout)


@pytest.mark.parametrize(
    ("name", "channels", "options", "layout"),
    [
        ("call.wav", 2, (), ""),
        ("call.flac", 2, (), ""),
        ("call.m4a", 2, ("-c:a", "aac", "-b:a", "192k"), ""),
        ("call.mp3", 2, ("-b:a", "192k", "-joint_stereo", "0"), ""),
        ("call.ogg", 2, ("-c:a", "libopus", "-b:a", "192k"), ""),
        ("panel.wav", 4, (), "quad"),
        ("panel.flac", 6, (), "5.1"),
        ("unnamed.wav", 3, (), "FL+FR+LFE"),
    ],
)
def test_each_channel_is_a_voice_of_its_own(
    name: str, channels: int, options: tuple[str, ...], layout: str, tmp_path: Path
) -> None:
    source = _tones(tmp_path / name, channels, *options, layout=layout)
    numbers = range(1, channels + 1)
    voices = decode_voices([source] * min(channels, 4), tmp_path, 10.0, Cancellation(), list(numbers)[:4])
    for tone, voice in zip(TONES, voices, strict=False):
        (heard,) = read_wav(voice.listener, LISTENER_RATE)
        middle = heard[4800:43200]
        assert abs(frequency(middle, LISTENER_RATE) - tone) < 4
        assert abs(rms_dbfs(middle) - -17.0) < 0.5, "0.2 of full scale, as in the file"
        assert abs(frequency(read_wav(voice.model, MODEL_RATE)[0][1600:14400], MODEL_RATE) - tone) < 4
    assert same_sounds(voices) == []
    near = range(TONES[channels - 1] - 3, TONES[channels - 1] + 4)
    (last,) = decode_voices([source], tmp_path, 10.0, Cancellation(), [channels])
    assert round(frequency(read_wav(last.listener, LISTENER_RATE)[0][4800:43200], LISTENER_RATE)) in near


def test_without_a_channel_all_are_mixed_for_the_model_and_kept_for_the_listener(tmp_path: Path) -> None:
    voice = decode(_tones(tmp_path / "call.wav", 2), tmp_path, "whole", 10.0, Cancellation())
    assert len(read_wav(voice.listener, LISTENER_RATE)) == 2


def test_two_channels_with_one_sound_are_told_and_two_silent_ones_are_not(tmp_path: Path) -> None:
    same = make_sound(tmp_path / "same.wav", "0.2*sin(2*PI*300*t)|0.2*sin(2*PI*300*t)", 1, 48_000)
    mute = make_sound(tmp_path / "mute.wav", "0|0", 1, 48_000)
    voices = decode_voices([same, same, mute, mute], tmp_path, 10.0, Cancellation(), [1, 2, 1, 2])
    assert same_sounds(voices) == [(1, 2)]


@pytest.mark.parametrize(
    ("channels", "asked", "words"),
    [
        (1, 1, "it has one channel (mono): send it without channel, or a file with a speaker on each channel"),
        (1, 2, "it has one channel (mono): send it without channel, or a file with a speaker on each channel"),
        (2, 3, "it has 2 channels and no channel 3: send channel 'left' or 'right'"),
        (4, 5, "it has 4 channels and no channel 5: send channel 'left', 'right' or a number up to 4"),
    ],
)
def test_a_channel_that_is_not_there_is_refused(channels: int, asked: int, words: str, tmp_path: Path) -> None:
    source = _tones(tmp_path / "call.wav", channels, layout="quad" if channels == 4 else "")
    with pytest.raises(WorkerError) as caught:
        decode_voices([source], tmp_path, 10.0, Cancellation(), [asked])
    assert caught.value.code is ErrorCode.AUDIO_INVALID
    assert caught.value.message == f"The audio of speaker 1 cannot be used: {words}"


def test_the_viewer_hears_each_channel_in_the_middle(tmp_path: Path) -> None:
    source = _tones(tmp_path / "call.wav", 2)
    left, right = decode_voices([source] * 2, tmp_path, 10.0, Cancellation(), [1, 2])
    timeline = Timeline((Placed(left, 0, left.samples), Placed(right, 0, right.samples)), left.samples)
    write_listener_mix(timeline, 1.0, tmp_path / "mix.wav", Cancellation())
    one, other = read_wav(tmp_path / "mix.wav", LISTENER_RATE)
    assert one == other
    assert peak(one) > 0.35 * 32767, "both, at the level that they have in the file"
