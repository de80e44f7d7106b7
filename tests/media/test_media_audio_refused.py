"""What is not audio is refused by name, without a path, and never reaches the layout."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from contract.cancel import Cancellation
from contract.errors import ErrorCode, Stage, WorkerError
from media.voices import decode_voices
from tests.media.media_sounds import ffmpeg, make_sound

ALONE = "The audio of speaker 1 cannot be used: "
PUBLISHED = "No valid audio files could be downloaded"  # of what could not be downloaded; this could


def _wav(path: Path) -> bytes:
    return make_sound(path, "0.4*sin(2*PI*440*t)", 1, 16_000).read_bytes()


def _text(path: Path) -> None:
    path.write_text("Dear sir, this is a letter and no voice at all.\n" * 20)


def _utf16_text(path: Path) -> None:
    path.write_bytes("a letter of another kind\n".encode("utf-16"))  # its first bytes look like an MP3 frame


def _jpeg(path: Path) -> None:
    Image.new("RGB", (64, 64), "red").save(path, "JPEG")


def _video_without_sound(path: Path) -> None:
    ffmpeg("-loglevel", "error", "-f", "lavfi", "-i", "color=red:s=64x64:d=1", "-f", "mp4", str(path))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _truncated_header(path: Path) -> None:
    path.write_bytes(_wav(path.with_suffix(".wav"))[:30])


def _header_without_sound(path: Path) -> None:
    path.write_bytes(_wav(path.with_suffix(".wav")).partition(b"data")[0] + b"data" + bytes(4))


def _half_an_m4a(path: Path) -> None:
    whole = make_sound(path.with_suffix(".m4a"), "0.4*sin(2*PI*440*t)", 1, 16_000).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])  # its index is at the end


def _m3u8(path: Path) -> None:
    inside = path.with_suffix(".wav")
    _wav(inside)
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{inside}\n#EXT-X-ENDLIST\n")


def _concat(path: Path) -> None:
    inside = path.with_suffix(".wav")
    _wav(inside)
    path.write_text(f"ffconcat version 1.0\nfile '{inside}'\n")


def _noise_behind_a_magic(path: Path) -> None:
    path.write_bytes(b"\xff\xfb\x90\x00" + bytes(range(1, 200)) * 3)


NOT_AUDIO: list[Callable[[Path], None]] = [
    *(_text, _utf16_text, _jpeg, _video_without_sound, _empty, _truncated_header),
    *(_header_without_sound, _half_an_m4a, _m3u8, _concat, _noise_behind_a_magic),
]


def _refusal(sources: list[Path], folder: Path) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        decode_voices(sources, folder, 10.0, Cancellation())
    error = caught.value
    assert error.code is ErrorCode.AUDIO_INVALID
    assert error.stage is Stage.PREPARE
    assert not error.retryable
    assert "/" not in error.message
    assert "\n" not in error.message
    return error


@pytest.mark.parametrize("make", NOT_AUDIO)
def test_the_only_voice_is_named_and_was_downloaded(make: Callable[[Path], None], tmp_path: Path) -> None:
    bad = tmp_path / "bad.source"
    make(bad)
    message = _refusal([bad], tmp_path).message
    assert message.startswith(ALONE)
    assert PUBLISHED not in message


@pytest.mark.parametrize("make", [_text, _header_without_sound, _half_an_m4a])
def test_one_of_several_is_named(make: Callable[[Path], None], tmp_path: Path) -> None:
    good, bad = tmp_path / "good.source", tmp_path / "bad.source"
    good.write_bytes(_wav(tmp_path / "good.wav"))
    make(bad)
    message = _refusal([good, bad], tmp_path).message
    assert "speaker 2" in message
    assert "speaker 1" not in message


def test_several_that_are_all_bad_are_all_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.source"
    _text(bad)
    message = _refusal([bad, bad], tmp_path).message
    assert message.startswith(ALONE)
    assert "speaker 2" in message


def test_voices_keep_the_order_of_the_speakers(tmp_path: Path) -> None:
    sources = [make_sound(tmp_path / f"{n}.wav", "0.4*sin(2*PI*440*t)", n / 10, 16_000) for n in (9, 6, 7)]
    voices = decode_voices(sources, tmp_path, 10.0, Cancellation())
    assert [voice.seconds for voice in voices] == [0.9, 0.6, 0.7]


def test_a_cancelled_job_decodes_nothing_more(tmp_path: Path) -> None:
    source = make_sound(tmp_path / "voice.wav", "0.4*sin(2*PI*440*t)", 1, 16_000)
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(WorkerError) as caught:
        decode_voices([source], tmp_path, 10.0, cancel)
    assert caught.value.code is ErrorCode.CANCELLED
