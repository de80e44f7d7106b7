"""WAV files whose sizes are untrue end with their last sample; several in a row are heard as one."""

import random
import struct
from pathlib import Path

import pytest

from contract.errors import ErrorCode, WorkerError
from tests.marks import sampled
from tests.media.media_pieces import RATE, SECONDS, heard, known_sound, shift
from tests.media.media_sounds import decoded, make_sound, peak

FORM = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
NOISE = random.Random(1).randbytes(3000)  # noqa: S311 - what a tag may hold
TAIL = b"LIST" + struct.pack("<I", 12) + b"INFOISFT\0\0\0\0" + b"id3 " + struct.pack("<I", len(NOISE)) + NOISE
UNTOLD = 0xFFFFFFFF


def _wav(samples: bytes, size: int, tail: bytes = b"", *, head: bytes = b"RIFF\xff\xff\xff\xffWAVE") -> bytes:
    return head + FORM + b"data" + struct.pack("<I", size) + samples + tail


def _ds64(size: int, head: bytes) -> bytes:
    return head + b"\xff\xff\xff\xffWAVEds64" + struct.pack("<IQQQI", 28, size, size, size // 2, 0)


SOUND = known_sound().tobytes()
HALF = len(SOUND) // 2
FILES = {
    **{f"size_{size:x}": _wav(SOUND, size) for size in (0, UNTOLD, UNTOLD - 36, 0x7FFFFFFF, 0x80000000)},
    **{f"size_{size:x}_tail": _wav(SOUND, size, TAIL) for size in (0, UNTOLD, UNTOLD - 36, 0x7FFFFFFF, 0x80000000)},
    "true_tail": _wav(SOUND, len(SOUND), TAIL),
    "rf64": _wav(SOUND, UNTOLD, TAIL, head=_ds64(len(SOUND), b"RF64")),
    "bw64": _wav(SOUND, UNTOLD, TAIL, head=_ds64(len(SOUND), b"BW64")),
    "rf64_untold": _wav(SOUND, UNTOLD, TAIL, head=_ds64(0, b"RF64")),
    "bw64_untold": _wav(SOUND, UNTOLD, TAIL, head=_ds64(2**64 - 1, b"BW64")),
    "two": _wav(SOUND[:HALF], HALF) + _wav(SOUND[HALF:], HALF),
    "two_untold": _wav(SOUND[:HALF], UNTOLD) + _wav(SOUND[HALF:], UNTOLD),
}


@pytest.mark.parametrize("name", sampled(FILES, 3))
def test_the_samples_and_nothing_else(name: str, tmp_path: Path) -> None:
    source = tmp_path / f"{name}.wav"
    source.write_bytes(FILES[name])
    voice = decoded(source, tmp_path)
    assert voice.seconds == pytest.approx(SECONDS, abs=0.0005)
    sound = heard(voice.listener)
    for begin in (0.2, 1.7, 2.3, 3.5):
        assert shift(sound, begin, begin, 0.001)[1] > 0.95
    assert peak(sound[-80:]) < 14_000
    assert voice.told == ()


def test_several_of_different_formats_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "two.wav"
    source.write_bytes(FILES["true_tail"] + make_sound(tmp_path / "b.wav", "0.4*sin(440*t)", 1, 16_000).read_bytes())
    with pytest.raises(WorkerError) as caught:
        decoded(source, tmp_path)
    assert caught.value.code is ErrorCode.AUDIO_INVALID
    assert "several WAV files" in caught.value.message


def test_samples_behind_a_size_that_is_too_small_are_told(tmp_path: Path) -> None:
    """A recorder that broke down had written the size once, at its beginning."""
    source = tmp_path / "stale.wav"
    source.write_bytes(_wav(SOUND, HALF))
    (told,) = decoded(source, tmp_path).told
    assert "100% more" in told
