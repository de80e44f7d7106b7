"""Each piece of a voice is heard when its container says so: pauses of a recorder, sound that begins late."""

from pathlib import Path

import pytest

from media.tracks import LONGEST_LEAD_SECONDS
from tests.marks import sampled
from tests.media.media_pieces import RATE, SECONDS, heard, known_sound, known_wav, shift
from tests.media.media_sounds import decoded, ffmpeg, write_wav

PAUSE = "aselect='not(between(t,1,2))'"
FRAME = 0.03  # of the longest codec: what an encoder or a container without a word about it adds in front
OPUS, AAC, PCM = ("-c:a", "libopus", "-b:a", "48k"), ("-c:a", "aac", "-b:a", "64k"), ("-c:a", "pcm_s16le")
FRAGMENTS = ("-movflags", "frag_keyframe+empty_moov", "-frag_duration", "500000")
CONTAINERS = {
    "opus.webm": OPUS,
    "aac.mkv": AAC,
    "pcm.mkv": PCM,
    "aac.mp4": AAC,
    "fragments.mp4": (*AAC, *FRAGMENTS),
    "opus.ogg": OPUS,
    "flac.mkv": ("-c:a", "flac"),
    "windows.wma": ("-c:a", "wmav2"),
}


def _encode(folder: Path, name: str, *options: str, before: tuple[str, ...] = ()) -> Path:
    path = folder / name
    ffmpeg("-loglevel", "error", *before, "-i", str(known_wav(folder)), *options, str(path))
    return path


@pytest.mark.parametrize("name", sampled(CONTAINERS, 2))
def test_a_pause_of_the_recorder_is_heard_as_a_pause(name: str, tmp_path: Path) -> None:
    voice = decoded(_encode(tmp_path, name, "-af", PAUSE, *CONTAINERS[name]), tmp_path)
    sound = heard(voice.listener)
    delay, alike = shift(sound, 0.3, 0.3, 0.3)
    assert alike > 0.9
    assert 0 <= delay < 0.3  # of the codec, where the container does not tell of it
    for begin in (2.3, 3.2):
        assert shift(sound, begin, begin + delay)[1] > 0.9
    assert max(map(abs, sound[round((1.2 + delay) * RATE) : round((1.8 + delay) * RATE)])) < 300
    assert voice.seconds == pytest.approx(SECONDS, abs=0.3)
    assert voice.told == ()


@pytest.mark.parametrize("name", ["aac.mp4", "pcm.mov", "opus.webm", "opus.ogg"])
def test_sound_that_begins_late_in_its_file_is_heard_late(name: str, tmp_path: Path) -> None:
    options = PCM if name == "pcm.mov" else CONTAINERS[name]
    late = _encode(tmp_path, name, *options, before=("-itsoffset", "0.6"))
    voice = decoded(late, tmp_path)
    delay, alike = shift(heard(voice.listener), 0.5, 1.1)
    assert alike > 0.9
    assert abs(delay) < FRAME
    assert voice.seconds == pytest.approx(SECONDS + 0.6, abs=1024 / RATE)  # a whole packet at the end


def test_a_piece_of_a_long_recording_does_not_wait_for_its_clock(tmp_path: Path) -> None:
    begin = LONGEST_LEAD_SECONDS + 3600
    voice = decoded(_encode(tmp_path, "live.webm", *OPUS, before=("-itsoffset", f"{begin}")), tmp_path)
    delay, alike = shift(heard(voice.listener), 0.5, 0.5)
    assert alike > 0.9
    assert abs(delay) < FRAME


def test_sound_that_begins_after_its_film_is_heard_after_it(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    picture = ("-f", "lavfi", "-i", "color=red:s=64x64:r=10:d=6", "-itsoffset", "0.6", "-i", str(known_wav(tmp_path)))
    ffmpeg("-loglevel", "error", *picture, "-c:v", "libx264", "-preset", "ultrafast", *AAC, str(film))
    voice = decoded(film, tmp_path)
    assert shift(heard(voice.listener), 0.5, 1.1)[1] > 0.9
    assert voice.told == ()  # the film is longer than its sound, which is no damage


def test_recordings_one_behind_the_other_are_heard_one_after_the_other(tmp_path: Path) -> None:
    """A recorder that wrote two WebM files into one: the clock of the second begins anew."""
    half = RATE * 2
    parts = []
    for number, samples in enumerate((known_sound()[:half], known_sound()[half:])):
        part = tmp_path / f"{number}.webm"
        ffmpeg("-loglevel", "error", "-i", str(write_wav(tmp_path / "half.wav", RATE, samples)), *OPUS, str(part))
        parts.append(part.read_bytes())
    both = tmp_path / "both.webm"
    both.write_bytes(b"".join(parts))
    sound = heard(decoded(both, tmp_path).listener)
    assert shift(sound, 0.5, 0.5)[1] > 0.9
    assert shift(sound, 2.5, 2.5)[1] > 0.9


@pytest.mark.parametrize(("name", "marks"), [("two.m4a", "default"), ("two.mkv", "default+original")])
def test_the_default_track_is_heard_where_it_is_not_the_first(name: str, marks: str, tmp_path: Path) -> None:
    path = tmp_path / name
    inputs = ("-f", "lavfi", "-i", "sine=3000:d=1", "-i", str(known_wav(tmp_path)), "-map", "0:a", "-map", "1:a")
    ffmpeg(
        *("-loglevel", "error", *inputs, *AAC),
        *("-disposition:a:0", "0", "-disposition:a:1", marks, str(path)),
    )
    assert shift(heard(decoded(path, tmp_path).listener), 0.5, 0.5, 0.2)[1] > 0.9
