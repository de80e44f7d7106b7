"""Every kind of sound file that is taken decodes to the source's length, place, pitch and channels."""

from pathlib import Path

import pytest

from media.audio import LISTENER_RATE, MODEL_RATE
from tests.marks import sampled
from tests.media.media_sounds import (
    decoded,
    ffmpeg,
    frequency,
    make_sound,
    onset,
    peak,
    read_wav,
    rms_dbfs,
    sine,
    write_wav,
)

# Silence, then from 0.25 s on a tone of its own on each side.
SECONDS, ONSET = 1.37, 0.25
LEFT, RIGHT = "0.4*sin(2*PI*440*t)*gte(t,0.25)", "0.2*sin(2*PI*880*t)*gte(t,0.25)"
STEREO = f"{LEFT}|{RIGHT}"
FEW_MS = 0.005
# ADTS and an MP3 without the LAME header carry no word about the encoder's own lead and tail.
UNTOLD_AAC, UNTOLD_MP3 = 2 * 1024 / 44_100, 2 * 1152 / 44_100 + 529 / 44_100
UNTOLD_OPUS, UNTOLD_WMA = 0.03, 3 * 2048 / 44_100
# ffmpeg plays the last packet of these to its end.
ROUNDED_UP = ("aac.m4a", "index_at_the_end.mp4", "vorbis.webm")
LAST_PACKET = 1024 / 44_100 + FEW_MS

STEREO_FILES = {
    "pcm8.wav": (("-c:a", "pcm_u8"), FEW_MS),
    "pcm16.wav": (("-c:a", "pcm_s16le"), FEW_MS),
    "pcm24.wav": (("-c:a", "pcm_s24le"), FEW_MS),
    "pcm32.wav": (("-c:a", "pcm_s32le"), FEW_MS),
    "float32.wav": (("-c:a", "pcm_f32le"), FEW_MS),
    "float64.wav": (("-c:a", "pcm_f64le"), FEW_MS),
    "rf64.wav": (("-c:a", "pcm_s16le", "-rf64", "always"), FEW_MS),
    "whole.aiff": (("-c:a", "pcm_s16be"), FEW_MS),
    "float.aifc": (("-c:a", "pcm_f32be", "-f", "aiff"), FEW_MS),
    "little_endian.aifc": (("-c:a", "pcm_s16le", "-f", "aiff"), FEW_MS),
    "pcm.caf": (("-c:a", "pcm_s24be"), FEW_MS),
    "mulaw.caf": (("-c:a", "pcm_mulaw"), FEW_MS),
    "windows.wma": (("-c:a", "wmav2"), UNTOLD_WMA),
    "id3.mp3": (("-c:a", "libmp3lame", "-id3v2_version", "3", "-metadata", "title=a voice"), FEW_MS),
    "no_id3.mp3": (("-c:a", "libmp3lame", "-id3v2_version", "0"), FEW_MS),
    "no_lame_header.mp3": (("-c:a", "libmp3lame", "-id3v2_version", "0", "-write_xing", "0"), UNTOLD_MP3),
    "aac.m4a": (("-c:a", "aac"), FEW_MS),
    "alac.m4a": (("-c:a", "alac"), FEW_MS),
    "index_at_the_end.mp4": (("-c:a", "aac"), FEW_MS),
    "adts.aac": (("-c:a", "aac", "-f", "adts"), UNTOLD_AAC),
    "vorbis.ogg": (("-c:a", "libvorbis"), FEW_MS),
    "opus.ogg": (("-c:a", "libopus", "-ar", "48000"), FEW_MS),
    "flac.flac": (("-c:a", "flac"), FEW_MS),
    "opus.webm": (("-c:a", "libopus", "-ar", "48000"), FEW_MS),
    "vorbis.webm": (("-c:a", "libvorbis"), FEW_MS),
}


@pytest.mark.parametrize("name", sampled(STEREO_FILES, 2))
def test_a_container_decodes_to_the_source(name: str, tmp_path: Path) -> None:
    options, tolerance = STEREO_FILES[name]
    voice = decoded(make_sound(tmp_path / name, STEREO, SECONDS, 44_100, *options), tmp_path)
    left, right = read_wav(voice.listener, LISTENER_RATE)
    assert voice.samples == len(left)
    assert voice.seconds == pytest.approx(SECONDS, abs=LAST_PACKET if name in ROUNDED_UP else tolerance)
    assert onset(left) / LISTENER_RATE == pytest.approx(ONSET, abs=tolerance)
    middle = slice(LISTENER_RATE // 2, LISTENER_RATE)
    assert frequency(left[middle], LISTENER_RATE) == pytest.approx(440, rel=0.005)
    assert frequency(right[middle], LISTENER_RATE) == pytest.approx(880, rel=0.005)
    assert rms_dbfs(left[middle]) - rms_dbfs(right[middle]) == pytest.approx(6, abs=0.5)
    (model,) = read_wav(voice.model, MODEL_RATE)
    assert len(model) / MODEL_RATE == pytest.approx(voice.seconds, abs=1 / MODEL_RATE)
    assert onset(model) / MODEL_RATE == pytest.approx(onset(left) / LISTENER_RATE, abs=0.002)


@pytest.mark.parametrize(
    ("rate", "channels"),
    sampled(
        [
            *((8_000, 1), (11_025, 2), (16_000, 1), (22_050, 6), (24_000, 1), (32_000, 2)),
            *((44_100, 1), (44_100, 6), (48_000, 1), (48_000, 6), (96_000, 2), (96_000, 6)),
        ],
        3,
    ),
)
def test_rates_and_channels(rate: int, channels: int, tmp_path: Path) -> None:
    expression = "|".join(["0.1*sin(2*PI*440*t)*gte(t,0.25)"] * channels)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    voice = decoded(make_sound(tmp_path / "sound.wav", expression, SECONDS, rate, layout=layout), tmp_path)
    left, *others = read_wav(voice.listener, LISTENER_RATE)
    assert len(others) == min(channels, 2) - 1
    assert voice.seconds == pytest.approx(SECONDS, abs=0.002)
    assert all(other == left for other in others)
    assert onset(left, 400) / LISTENER_RATE == pytest.approx(ONSET, abs=0.002)
    assert frequency(left[LISTENER_RATE // 2 :], LISTENER_RATE) == pytest.approx(440, rel=0.005)
    (model,) = read_wav(voice.model, MODEL_RATE)
    assert frequency(model[MODEL_RATE // 2 :], MODEL_RATE) == pytest.approx(440, rel=0.005)


def test_stereo_of_48_khz_passes_bit_exact(tmp_path: Path) -> None:
    left, right = sine(440, 1.0, LISTENER_RATE, 0.9), sine(660, 1.0, LISTENER_RATE, 0.3)
    voice = decoded(write_wav(tmp_path / "voice.wav", LISTENER_RATE, left, right), tmp_path)
    assert read_wav(voice.listener, LISTENER_RATE) == [left, right]


def test_a_mono_voice_is_heard_as_it_was_sent(tmp_path: Path) -> None:
    sound = sine(440, 1.0, LISTENER_RATE, 0.5)
    voice = decoded(write_wav(tmp_path / "voice.wav", LISTENER_RATE, sound), tmp_path)
    assert read_wav(voice.listener, LISTENER_RATE) == [sound]


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le"])
def test_six_loud_channels_do_not_clip_when_they_become_two(codec: str, tmp_path: Path) -> None:
    expression = "|".join(["0.9*sin(2*PI*440*t)"] * 6)
    voice = decoded(
        make_sound(tmp_path / "sound.wav", expression, 0.5, LISTENER_RATE, "-c:a", codec, layout="5.1"), tmp_path
    )
    left, _ = read_wav(voice.listener, LISTENER_RATE)
    assert peak(left) > 16_000
    assert sum(abs(value) >= 32_767 for value in left) == 0
    assert voice.peak_dbfs <= 0


def test_a_voice_that_is_opposite_on_the_two_sides_still_reaches_the_model(tmp_path: Path) -> None:
    """A balanced cable wired as stereo: the listener hears a voice, so the mouth must not stay shut without a word."""
    expression = "0.4*sin(2*PI*440*t)|-0.4*sin(2*PI*440*t)"
    voice = decoded(make_sound(tmp_path / "sound.wav", expression, 1, LISTENER_RATE), tmp_path)
    (model,) = read_wav(voice.model, MODEL_RATE)
    assert not voice.silent
    assert rms_dbfs(model) > -40


@pytest.mark.parametrize("name", ["adts.aac", "flac.flac"])
def test_an_id3_tag_before_something_else_than_mp3(name: str, tmp_path: Path) -> None:
    """Players and podcasts tools write them before AAC and FLAC as well."""
    sound = make_sound(tmp_path / name, STEREO, SECONDS, 44_100)
    tag = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)
    tagged = tmp_path / f"tagged_{name}"
    tagged.write_bytes(tag + sound.read_bytes())
    voice = decoded(tagged, tmp_path)
    assert voice.seconds == pytest.approx(SECONDS, abs=UNTOLD_AAC)


def test_a_cover_picture_and_a_second_track_are_left_out(tmp_path: Path) -> None:
    first = make_sound(tmp_path / "first.wav", STEREO, SECONDS, 44_100)
    second = make_sound(tmp_path / "second.wav", "0.5*sin(2*PI*3000*t)", 3, 44_100)
    cover = tmp_path / "cover.png"
    ffmpeg("-loglevel", "error", "-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", str(cover))
    both = tmp_path / "both.m4a"
    inputs = [part for path in (first, second, cover) for part in ("-i", str(path))]
    maps = ["-map", "0:a", "-map", "1:a", "-map", "2:v", "-c:v", "mjpeg", "-disposition:v", "attached_pic"]
    ffmpeg("-loglevel", "error", *inputs, *maps, "-c:a", "aac", str(both))
    voice = decoded(both, tmp_path)
    assert voice.seconds == pytest.approx(SECONDS, abs=LAST_PACKET)
    left, _ = read_wav(voice.listener, LISTENER_RATE)
    assert frequency(left[LISTENER_RATE // 2 : LISTENER_RATE], LISTENER_RATE) == pytest.approx(440, rel=0.005)


def test_a_video_with_sound_gives_its_sound(tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    picture = ["-f", "lavfi", "-i", f"color=red:s=64x64:d={SECONDS}"]
    sound = ["-f", "lavfi", "-i", f"aevalsrc='{STEREO}':s=44100:d={SECONDS}"]
    ffmpeg("-loglevel", "error", *picture, *sound, "-c:v", "libx264", "-c:a", "aac", str(video))
    assert decoded(video, tmp_path).seconds == pytest.approx(SECONDS, abs=LAST_PACKET)


@pytest.mark.parametrize("name", ["pcm16.wav", "id3.mp3", "aac.m4a", "adts.aac", "vorbis.ogg", "opus.ogg", "opus.webm"])
def test_no_more_than_asked_is_decoded(name: str, tmp_path: Path) -> None:
    """And no less: the cut at max_audio_duration is told only where the decoded voice is longer than that."""
    options, tolerance = STEREO_FILES[name]
    source = make_sound(tmp_path / name, STEREO, 3, 44_100, *options)
    voice = decoded(source, tmp_path, most_seconds=0.8)
    assert voice.samples == pytest.approx(0.8 * LISTENER_RATE, abs=1)
    left, _ = read_wav(voice.listener, LISTENER_RATE)
    assert onset(left) / LISTENER_RATE == pytest.approx(ONSET, abs=tolerance)
