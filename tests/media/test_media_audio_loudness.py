"""Loudness and silence: what is silent is told, and what the model hears is at -23 LUFS and never clipped."""

import array
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from media.audio import LISTENER_RATE, MODEL_RATE
from media.voices import lay_out, write_model_tracks
from tests.marks import slow
from tests.media.media_sounds import decoded, lufs, make_sound, peak, read_wav, rms_dbfs, sine, timeline_of, write_wav

# Bursts like syllables, so that the peak is well above the mean.
SPEECH = "{level}*sin(2*PI*330*t)*(0.15+0.85*gt(sin(2*PI*3*t)\\,0))"
MONO, STEREO, LEFT_ONLY = (1.0,), (1.0, 1.0), (1.0, 0.0)


def _model_track(source: Path, folder: Path) -> Path:
    voice = decoded(source, folder)
    (track,) = write_model_tracks(timeline_of((voice, 0)), voice.seconds, folder, listeners=0, cancel=Cancellation())
    return track


@pytest.mark.parametrize(
    ("level", "sides"),
    [
        *((0.9, MONO), (0.02, MONO), (0.2, STEREO), (0.2, LEFT_ONLY)),
        *slow((0.2, MONO), (0.9, STEREO), (0.02, STEREO), (0.9, LEFT_ONLY), (0.02, LEFT_ONLY)),
    ],
)
def test_the_model_hears_a_voice_at_minus_23_lufs(level: float, sides: tuple[float, ...], tmp_path: Path) -> None:
    expression = "|".join(SPEECH.format(level=level * side) for side in sides)
    track = _model_track(make_sound(tmp_path / "voice.wav", expression, 4, LISTENER_RATE), tmp_path)
    assert lufs(track) == pytest.approx(-23, abs=1)


def test_a_voice_with_hard_peaks_is_not_clipped_on_its_way_to_the_level(tmp_path: Path) -> None:
    """A soft voice with a loud click a second: -23 LUFS would push the clicks over the top."""
    expression = "0.02*sin(2*PI*330*t)+0.7*lt(mod(t\\,1)\\,0.0005)"
    source = make_sound(tmp_path / "voice.wav", expression, 4, MODEL_RATE)
    (samples,) = read_wav(_model_track(source, tmp_path), MODEL_RATE)
    assert 20_000 < peak(samples) < 32_767


@pytest.mark.parametrize("rate", [MODEL_RATE, 44_100, LISTENER_RATE])
def test_a_voice_that_was_recorded_at_full_scale_is_not_clipped(rate: int, tmp_path: Path) -> None:
    """A square wave: another sample rate overshoots its corners."""
    square = array.array("h", (32_000 if i * 440 * 2 // rate % 2 else -32_000 for i in range(rate)))
    (samples,) = read_wav(_model_track(write_wav(tmp_path / "voice.wav", rate, square), tmp_path), MODEL_RATE)
    assert peak(samples) < 32_767


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.3, 0.45])
def test_very_short_clips_are_neither_lost_nor_clipped(seconds: float, tmp_path: Path) -> None:
    """Too short to have a loudness by EBU R128 (0.4 s)."""
    source = write_wav(tmp_path / "voice.wav", LISTENER_RATE, sine(440, seconds, LISTENER_RATE, 0.3))
    voice = decoded(source, tmp_path)
    assert voice.seconds == pytest.approx(seconds, abs=1e-4)
    assert not voice.silent
    (samples,) = read_wav(_model_track(source, tmp_path), MODEL_RATE)
    assert 1000 < peak(samples) < 32_767


def test_one_sample_of_sound_is_a_voice_of_one_sample(tmp_path: Path) -> None:
    source = write_wav(tmp_path / "voice.wav", LISTENER_RATE, array.array("h", [20_000]))
    assert decoded(source, tmp_path).samples == 1


@pytest.mark.parametrize(("level", "silent"), [(0.0, True), (0.001, True), (0.01, False), (0.5, False)])
def test_silence_is_what_nobody_would_hear(level: float, silent: bool, tmp_path: Path) -> None:
    source = write_wav(tmp_path / "voice.wav", LISTENER_RATE, sine(440, 1, LISTENER_RATE, level))
    assert decoded(source, tmp_path).silent is silent


def test_a_silent_voice_is_told_by_its_speaker_and_stays_silent_for_the_model(tmp_path: Path) -> None:
    spoken = make_sound(tmp_path / "spoken.wav", SPEECH.format(level=0.5), 1, LISTENER_RATE)
    silent = make_sound(tmp_path / "silent.wav", "0.0005*sin(2*PI*440*t)", 1, LISTENER_RATE)
    warnings: list[str] = []
    voices = [decoded(spoken, tmp_path), decoded(silent, tmp_path)]
    lay_out(voices, [0, 0], "together", None, warnings)
    (warning,) = warnings
    assert "speaker 2" in warning
    assert "silent" in warning
    (samples,) = read_wav(_model_track(silent, tmp_path), MODEL_RATE)
    assert rms_dbfs(samples) < -60
