"""Sound that a file promises and does not hold is told, or refused from a tenth on; what lies behind a cut is not."""

import random
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.audio import MODEL_RATE
from media.losses import SPARE_SECONDS
from media.voices import decode_voices, lay_out
from tests.marks import sampled
from tests.media.media_pieces import SECONDS, heard, known_wav, shift
from tests.media.media_sounds import decoded, ffmpeg, read_wav

KINDS = {
    "whole.wav": (),
    "whole.aiff": (),
    "whole.caf": (),
    "whole.flac": ("-c:a", "flac", "-frame_size", "512"),
    "whole.mp3": ("-c:a", "libmp3lame", "-b:a", "32k"),
    "index_in_front.m4a": ("-c:a", "aac", "-b:a", "32k", "-movflags", "+faststart"),
    "whole.webm": ("-c:a", "libopus", "-b:a", "32k", "-cluster_time_limit", "200"),
    "whole.wma": ("-c:a", "wmav2"),
}
# Of these a hole of zeros leaves a trace; in samples that are not packed it is silence.
HOLES = ("whole.flac", "whole.mp3", "index_in_front.m4a", "frames.aac", "frames.mp3")
UNTOLD = ("frames.aac", "frames.mp3", "pages.ogg", "live.webm")
UNTOLD_KINDS = {
    "frames.aac": ("-c:a", "aac"),
    "frames.mp3": ("-c:a", "libmp3lame", "-b:a", "32k", "-write_xing", "0", "-id3v2_version", "0"),
    "pages.ogg": ("-c:a", "libopus", "-page_duration", "200000"),
    "live.webm": ("-c:a", "libopus", "-live", "1", "-cluster_time_limit", "200"),  # as a browser records
}


def _encoded(folder: Path, name: str) -> bytes:
    path = folder / name
    ffmpeg("-loglevel", "error", "-i", str(known_wav(folder)), *(KINDS | UNTOLD_KINDS)[name], str(path))
    return path.read_bytes()


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "voice.source"
    path.write_bytes(data)
    return path


def _refused(source: Path, folder: Path) -> str:
    with pytest.raises(WorkerError) as caught:
        decoded(source, folder)
    assert caught.value.code is ErrorCode.AUDIO_INVALID
    return caught.value.message


@pytest.mark.parametrize("name", sampled(KINDS, 2))
def test_a_file_that_is_cut_short(name: str, tmp_path: Path) -> None:
    data = _encoded(tmp_path, name)
    cut = _file(tmp_path, data[: len(data) * 6 // 10])
    assert "damaged" in _refused(cut, tmp_path)
    assert " of 4." in _refused(cut, tmp_path)
    # The job wants less than what is there.
    voice = decoded(cut, tmp_path, most_seconds=1.5 + SPARE_SECONDS)
    assert voice.told == ()
    assert shift(heard(voice.listener), 1.0, 1.0, 0.2)[1] > 0.9


@pytest.mark.parametrize("name", ["whole.wav", "whole.mp3", "index_in_front.m4a"])
def test_a_little_that_is_missing_is_told(name: str, tmp_path: Path) -> None:
    data = _encoded(tmp_path, name)
    source = _file(tmp_path, data[: len(data) * 94 // 100])
    warnings: list[str] = []
    lay_out(decode_voices([source], tmp_path, 60, Cancellation()), [0], "together", None, warnings)
    (warning,) = warnings
    assert warning.startswith("the audio of speaker 1 is damaged: 3.")
    assert " of 4." in warning  # an MP3 counts what its encoder padded, too
    assert warning.endswith(" s could be read")


@pytest.mark.parametrize("name", HOLES)
def test_a_hole_in_the_middle(name: str, tmp_path: Path) -> None:
    data = bytearray(_encoded(tmp_path, name))
    begin, end = len(data) * 4 // 10, len(data) * 7 // 10
    data[begin:end] = bytes(end - begin)
    assert "damaged" in _refused(_file(tmp_path, bytes(data)), tmp_path)


def test_a_hole_keeps_its_time_where_the_container_has_a_clock(tmp_path: Path) -> None:
    data = bytearray(_encoded(tmp_path, "whole.flac"))
    place = len(data) * 4 // 10
    data[place : place + len(data) // 40] = random.Random(3).randbytes(len(data) // 40)  # noqa: S311 - damage
    voice = decoded(_file(tmp_path, bytes(data)), tmp_path)
    assert "is damaged" in voice.told[0]
    sound = heard(voice.listener)
    for begin in (0.5, 2.3, 3.3):
        assert shift(sound, begin, begin)[1] > 0.9


@pytest.mark.parametrize("damage", ["zeros", "noise", "gone"])
@pytest.mark.parametrize("name", ["whole.mp3", "frames.mp3", "frames.aac"])
def test_a_hole_between_frames_keeps_its_time(name: str, damage: str, tmp_path: Path) -> None:
    """As far as headers tell how long it is: of bytes that are gone only the count at the head of an MP3 does."""
    data = bytearray(_encoded(tmp_path, name))
    begin, count = len(data) * 4 // 10, len(data) * 4 // 100
    filling = {"zeros": bytes(count), "noise": random.Random(3).randbytes(count), "gone": b""}[damage]  # noqa: S311
    data[begin : begin + count] = filling
    voice = decoded(_file(tmp_path, bytes(data)), tmp_path)
    sound = heard(voice.listener)
    assert shift(sound, 0.5, 0.5, 0.2)[1] > 0.9
    if damage == "gone" and name != "whole.mp3":
        assert shift(sound, 3.3, 3.3 - 0.04 * SECONDS, 0.25)[1] > 0.9
        return
    assert "is damaged" in voice.told[0]
    for piece in (2.3, 3.3):
        later, alike = shift(sound, piece, piece, 0.2)
        assert alike > 0.9
        assert abs(later - shift(sound, 0.5, 0.5, 0.2)[0]) < 0.045
    model = read_wav(voice.model, MODEL_RATE)[0]
    assert len(model) == pytest.approx(voice.seconds * MODEL_RATE, abs=MODEL_RATE // 100)


@pytest.mark.parametrize("name", UNTOLD)
def test_a_file_of_unknown_length_that_stops_in_the_middle_is_told(name: str, tmp_path: Path) -> None:
    data = _encoded(tmp_path, name)
    assert decoded(_file(tmp_path, data), tmp_path).told == ()
    (told,) = decoded(_file(tmp_path, data[: len(data) * 6 // 10 + 1]), tmp_path).told
    assert "breaks off" in told


@pytest.mark.parametrize("name", ["frames.aac", "frames.mp3"])
def test_a_file_that_begins_in_the_middle_of_a_frame_is_taken(name: str, tmp_path: Path) -> None:
    data = _encoded(tmp_path, name)
    voice = decoded(_file(tmp_path, data[50:]), tmp_path)
    assert voice.seconds == pytest.approx(SECONDS, abs=0.4)
    assert voice.told == ()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("index_in_front.m4a", "MP4"), ("whole.aiff", "AIFF"), ("whole.caf", "CAF"), ("whole.wma", "WMA"), ("", "AMR")],
)
def test_files_in_a_row_of_which_only_the_first_would_be_heard_are_refused(
    name: str, kind: str, tmp_path: Path
) -> None:
    data = _encoded(tmp_path, name) if name else b"#!AMR\n" + (b"\x3c" + bytes(range(31))) * 100
    assert f"several {kind} files" in _refused(_file(tmp_path, 2 * data), tmp_path)
    if name:
        assert decoded(_file(tmp_path, data), tmp_path).told == ()


@pytest.mark.parametrize(
    ("name", "codec", "gain"),
    [("v.wav", "pcm_f32le", 90.3), ("v.wav", "pcm_f64le", 9), ("v.aiff", "pcm_f32be", 9), ("v.mka", "pcm_f32le", 9)],
)
def test_samples_beyond_full_scale_are_turned_down_as_a_whole(
    name: str, codec: str, gain: float, tmp_path: Path
) -> None:
    """Such as whole numbers of 16 bit that a program wrote as fractions (90.3 dB)."""
    path = tmp_path / name
    louder = f"aformat=flt,volume={gain}dB:precision=double"
    ffmpeg("-loglevel", "error", "-i", str(known_wav(tmp_path)), "-af", louder, "-c:a", codec, str(path))
    voice = decoded(path, tmp_path)
    for begin in (0.2, 2.0, 3.4):
        assert shift(heard(voice.listener), begin, begin, 0.001)[1] > 0.99
    (told,) = voice.told
    assert "turned down by" in told
    assert -1 < voice.peak_dbfs <= 0
