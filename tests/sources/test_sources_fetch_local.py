"""Sources that are no web address: data: URIs, and paths that stay below the roots they may be in."""

import base64
import os
from pathlib import Path

import pytest

from contract.errors import ErrorCode, Stage, WorkerError
from tests.sources.media_server import LIMIT, fetched

VOICE = bytes(range(256)) * 20
FINE = "data:image/png,fine"
NONE_LEFT = "No valid audio files could be downloaded"


def _failed(tmp_path: Path, *voices: str, roots: tuple[Path, ...] = ()) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        fetched(tmp_path, FINE, *voices, roots=roots)
    assert caught.value.stage is Stage.FETCH
    assert str(tmp_path) not in caught.value.message
    return caught.value


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An input root with a voice in it, and one beside it that must not be reached."""
    made = tmp_path / "volume"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "voice.wav").write_bytes(VOICE)
    (tmp_path / "outside.wav").write_bytes(b"not yours")
    (tmp_path / "volume-of-another").mkdir()
    (tmp_path / "volume-of-another" / "voice.wav").write_bytes(b"not yours")
    return made


def _bytes(tmp_path: Path, voice: str, *roots: Path) -> bytes:
    return fetched(tmp_path, FINE, voice, roots=roots).voices[0].read_bytes()


def test_data_uris(tmp_path: Path) -> None:
    encoded = base64.b64encode(VOICE).decode()
    assert _bytes(tmp_path, f"data:audio/wav;base64,{encoded}") == VOICE
    assert _bytes(tmp_path, f"DATA:audio/wav;codecs=1;BASE64,{encoded}") == VOICE
    assert (
        _bytes(tmp_path, f"data:;base64,{encoded.replace('+', '%2B').replace('/', '%2F').replace('=', '%3D')}") == VOICE
    )
    loose = f"data:audio/wav; base64 ;x=1,{encoded[:60]}\r\n {encoded[60:100]}%20\t{encoded[100:]}\n"
    assert _bytes(tmp_path, loose) == VOICE
    assert _bytes(tmp_path, f"data:base64,{encoded}") == VOICE
    assert _bytes(tmp_path, "data:text/plain,a%20voice%00%ff") == b"a voice\x00\xff"
    assert _bytes(tmp_path, "data:,a,b") == b"a,b"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 49_151, 49_152, 49_153, 98_305])
def test_base64_needs_no_padding_and_may_be_that_of_addresses(size: int, tmp_path: Path) -> None:
    """Also where the pieces in which it is read end within a group of four."""
    data = bytes((7 * index) % 256 for index in range(size))
    plain, urlsafe = base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()
    for text in (plain, plain.rstrip("="), urlsafe, urlsafe.rstrip("="), "\n".join(plain), plain.replace("=", "%3D")):
        assert _bytes(tmp_path, f"data:;base64,{text}") == data


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "data:audio/wav;base64,%%%",
            "data:audio/wav;base64,abcde",
            "data:audio/wav;base64,é",
            "data:audio/wav;base64",
        ),
        *(
            "data:;base64,a===",
            "data:;base64,abc==",
            "data:;base64,abcd=",
            "data:;base64,ab==cd==",
            "data:;base64,+-ab",
        ),
        *("data:;base64,a/_b", "data:;base64,ab\u200bcd", "data:;base64,ab\\ncd", "data:;base64,ab…"),
    ],
)
def test_broken_data_uris_are_refused(uri: str, tmp_path: Path) -> None:
    assert _failed(tmp_path, uri).code is ErrorCode.SOURCE_REFUSED


def test_a_data_uri_of_too_many_bytes_is_refused(tmp_path: Path) -> None:
    encoded = base64.b64encode(bytes(LIMIT + 1)).decode()
    assert _failed(tmp_path, f"data:audio/wav;base64,{encoded}").code is ErrorCode.SOURCE_TOO_LARGE
    assert _failed(tmp_path, "data:," + "x" * (LIMIT + 1)).code is ErrorCode.SOURCE_TOO_LARGE
    assert _failed(tmp_path, "data:," + "x" * (4 * LIMIT)).code is ErrorCode.SOURCE_TOO_LARGE
    assert len(_bytes(tmp_path, "data:," + "%00" * LIMIT)) == LIMIT


def test_paths_below_a_root(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "second"
    other.mkdir()
    (other / "only_here.wav").write_bytes(b"here")
    assert _bytes(tmp_path, "deep/voice.wav", root) == VOICE
    assert _bytes(tmp_path, str(root / "deep" / "voice.wav"), root) == VOICE
    assert _bytes(tmp_path, "deep/../deep/voice.wav", root) == VOICE
    assert _bytes(tmp_path, "only_here.wav", root, other) == b"here"


def test_a_link_that_stays_below_the_root_is_followed(root: Path, tmp_path: Path) -> None:
    (root / "link.wav").symlink_to("deep/voice.wav")
    assert _bytes(tmp_path, "link.wav", root) == VOICE
    (tmp_path / "way_in").symlink_to(root)
    assert _bytes(tmp_path, "deep/voice.wav", tmp_path / "way_in") == VOICE


@pytest.mark.parametrize(
    "path",
    [
        *("../outside.wav", "deep/../../outside.wav", "{tmp}/outside.wav", "../volume-of-another/voice.wav"),
        *(
            "link_out.wav",
            "folder_out/outside.wav",
            "deep",
            ".",
            "missing.wav",
            "deep/voice.wav/more",
            "pipe",
            "/dev/zero",
        ),
        *("/proc/self/environ", "", "~/voice.wav", "deep/voice.wav\0"),
    ],
)
def test_everything_else_is_refused(path: str, root: Path, tmp_path: Path) -> None:
    (root / "link_out.wav").symlink_to(tmp_path / "outside.wav")
    (root / "folder_out").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    error = _failed(tmp_path, path.format(tmp=tmp_path), roots=(root,))
    assert error.code in (ErrorCode.SOURCE_REFUSED, ErrorCode.AUDIO_UNAVAILABLE)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("media.example.com/voice.wav", "did you forget https:// in front of it?"),
        ("//MEDIA.example.com/voice.wav", "did you forget https:// in front of it?"),
        ("A" * 200, "if it is base64, put data:;base64, in front of it"),
        ("voice.wav", "a file of your own comes as an https:// address or a data: URI"),
    ],
)
def test_what_a_path_that_leads_nowhere_may_have_meant(path: str, words: str, root: Path, tmp_path: Path) -> None:
    told = _failed(tmp_path, path, roots=(root,)).message
    assert told.endswith(words)
    assert told.count("; ") == 1


def test_no_root_takes_no_path(root: Path, tmp_path: Path) -> None:
    assert _failed(tmp_path, str(root / "deep" / "voice.wav")).code is ErrorCode.SOURCE_REFUSED


def test_a_name_longer_than_any_file_can_have_is_refused(root: Path, tmp_path: Path) -> None:
    error = _failed(tmp_path, "x" * 300 + ".wav", roots=(root,))
    assert error.code in (ErrorCode.SOURCE_REFUSED, ErrorCode.AUDIO_UNAVAILABLE)


def test_a_colon_in_a_file_name_is_no_scheme(root: Path, tmp_path: Path) -> None:
    (root / "deep" / "10:30.wav").write_bytes(VOICE)
    assert _bytes(tmp_path, "deep/10:30.wav", root) == VOICE
    assert _bytes(tmp_path, str(root / "deep" / "10:30.wav"), root) == VOICE


def test_a_file_that_is_too_large_is_refused(root: Path, tmp_path: Path) -> None:
    (root / "large.wav").write_bytes(bytes(LIMIT + 1))
    assert _failed(tmp_path, "large.wav", roots=(root,)).code is ErrorCode.SOURCE_TOO_LARGE


@pytest.mark.parametrize(
    "source", ["ftp://host/voice.wav", "file:///etc/hostname", "s3://bucket/voice.wav", "concat:a|b"]
)
def test_other_schemes_are_refused(source: str, tmp_path: Path) -> None:
    error = _failed(tmp_path, source, roots=(Path("/"),))
    assert error.code is ErrorCode.SOURCE_REFUSED
    assert not error.retryable


def test_the_source_is_left_as_it_was(root: Path, tmp_path: Path) -> None:
    _bytes(tmp_path, "deep/voice.wav", root)
    assert (root / "deep" / "voice.wav").read_bytes() == VOICE


@pytest.mark.parametrize("bad", ["missing.wav", "data:audio/wav;base64,%%%", "ftp://host/voice.wav"])
def test_one_of_two_voices_that_cannot_be_had_is_named(bad: str, root: Path, tmp_path: Path) -> None:
    """ "If one of several voices cannot be had, the job fails and names it", whatever kind of source it is."""
    assert "speaker 2" in _failed(tmp_path, "deep/voice.wav", bad, roots=(root,)).message


def test_paths_that_are_all_missing_begin_with_the_published_phrase(root: Path, tmp_path: Path) -> None:
    assert _failed(tmp_path, "missing.wav", roots=(root,)).message.startswith(NONE_LEFT)
    assert _failed(tmp_path, "missing.wav", "gone.wav", roots=(root,)).message.startswith(NONE_LEFT)
