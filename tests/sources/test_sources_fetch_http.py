"""Sources on the web: what arrives is what was sent, and everything else is told by speaker, in one line, in full."""

import gzip
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from contract.errors import ErrorCode, Stage, WorkerError
from tests.sources.media_server import LIMIT, answer, fetched, refused_address, serving, without_proxies

PICTURE, VOICE, OTHER = b"a picture" * 900, b"a voice" * 9000, b"another voice" * 700
NONE_LEFT = "No valid audio files could be downloaded"


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


def _failed(tmp_path: Path, image: str, *voices: str) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        fetched(tmp_path, image, *voices)
    error = caught.value
    assert error.stage is Stage.FETCH
    assert "\n" not in error.message
    assert str(tmp_path) not in error.message
    return error


def _chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


def _endless(request: BaseHTTPRequestHandler) -> None:
    """Says 10 bytes in nothing but a header of its own, and sends until the client has enough."""
    request.protocol_version = "HTTP/1.1"
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.send_header("X-Length", "10")
    request.end_headers()
    for _ in range(10_000):
        try:
            request.wfile.write(_chunked(b"x" * 10_000))
        except OSError:
            request.close_connection = True
            return
    raise AssertionError("the client never stopped")


def test_every_source_is_on_the_disk_in_the_order_of_the_speakers(tmp_path: Path) -> None:
    asked = []

    def counted(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        answer(VOICE)(request)

    with serving(image=answer(PICTURE), one=counted, two=answer(OTHER)) as at:
        inputs = fetched(tmp_path, at + "image", at + "one", at + "two", at + "one")
    assert asked == ["/one"], "a source that two speakers name is fetched once"
    assert inputs.image.read_bytes() == PICTURE
    assert [voice.read_bytes() for voice in inputs.voices] == [VOICE, OTHER, VOICE]


def test_a_redirect_is_followed(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), moved=answer(b"", 302, Location="/voice"), voice=answer(VOICE)) as at:
        assert fetched(tmp_path, at + "image", at + "moved").voices[0].read_bytes() == VOICE


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://[bad", ErrorCode.SOURCE_REFUSED),
        ("file:///etc/hostname", ErrorCode.SOURCE_REFUSED),
        ("http://\x00/", ErrorCode.SOURCE_REFUSED),
        ("/moved", ErrorCode.AUDIO_UNAVAILABLE),
        ("", ErrorCode.AUDIO_UNAVAILABLE),
    ],
)
def test_a_redirect_to_nowhere_is_no_voice(location: str, code: ErrorCode, tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), moved=answer(b"", 302, Location=location)) as at:
        assert _failed(tmp_path, at + "image", at + "moved").code is code


@pytest.mark.parametrize("status", [201, 204, 403, 404, 500, 503])
def test_another_status_than_200_is_unavailable_and_told(status: int, tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), gone=answer(b"<html>", status)) as at:
        error = _failed(tmp_path, at + "image", at + "gone")
        assert error.code is ErrorCode.AUDIO_UNAVAILABLE
        assert error.message.startswith(NONE_LEFT)
        assert str(status) in error.message
        error = _failed(tmp_path, at + "gone", at + "image")
        assert error.code is ErrorCode.IMAGE_UNAVAILABLE
        assert str(status) in error.message


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((status, False) for status in (204, 400, 401, 402, 403, 404, 405, 406, 410, 414, 451)),
        *((status, True) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_what_a_server_says_for_good_is_not_to_be_retried(status: int, retryable: bool, tmp_path: Path) -> None:
    with serving(fine=answer(PICTURE), gone=answer(b"<html>", status)) as at:
        assert _failed(tmp_path, at + "gone", at + "fine").retryable is retryable
        assert _failed(tmp_path, at + "fine", at + "gone").retryable is retryable


def test_one_voice_that_never_comes_decides(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), busy=answer(b"", 503), gone=answer(b"", 404)) as at:
        assert not _failed(tmp_path, at + "image", at + "busy", at + "gone").retryable
        assert _failed(tmp_path, at + "image", at + "busy", at + "busy").retryable


def test_one_of_two_voices_is_named(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), voice=answer(VOICE), gone=answer(b"", 404)) as at:
        for voices, number in (((at + "voice", at + "gone"), 2), ((at + "gone", at + "voice"), 1)):
            error = _failed(tmp_path, at + "image", *voices)
            assert error.code is ErrorCode.AUDIO_UNAVAILABLE
            assert not error.retryable
            assert f"speaker {number}" in error.message
            assert f"speaker {3 - number}" not in error.message
            assert not error.message.startswith(NONE_LEFT)


def test_all_voices_missing_begins_with_the_published_phrase(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), gone=answer(b"", 404), broken=answer(b"", 500)) as at:
        error = _failed(tmp_path, at + "image", at + "gone", at + "broken")
    assert error.message.startswith(NONE_LEFT)
    assert "speaker 1" in error.message
    assert "speaker 2" in error.message


def test_a_refused_connection(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE)) as at:
        error = _failed(tmp_path, at + "image", refused_address())
    assert error.code is ErrorCode.AUDIO_UNAVAILABLE
    assert "127.0.0.1" not in error.message


def test_an_empty_body_is_unavailable(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), empty=answer(b"")) as at:
        assert _failed(tmp_path, at + "image", at + "empty").code is ErrorCode.AUDIO_UNAVAILABLE
        assert _failed(tmp_path, at + "empty", at + "image").code is ErrorCode.IMAGE_UNAVAILABLE


def test_a_body_that_ends_early_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), half=answer(VOICE, length=len(VOICE) + 5)) as at:
        assert _failed(tmp_path, at + "image", at + "half").code is ErrorCode.AUDIO_UNAVAILABLE


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), much=answer(bytes(LIMIT + 1)), just=answer(bytes(LIMIT))) as at:
        assert _failed(tmp_path, at + "image", at + "much").code is ErrorCode.SOURCE_TOO_LARGE
        assert _failed(tmp_path, at + "much", at + "image").code is ErrorCode.SOURCE_TOO_LARGE
        assert fetched(tmp_path, at + "just", at + "just").image.stat().st_size == LIMIT


def test_an_endless_body_is_ended_by_counting(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), endless=_endless) as at:
        assert _failed(tmp_path, at + "image", at + "endless").code is ErrorCode.SOURCE_TOO_LARGE


def test_a_small_body_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(bytes(50 * LIMIT))
    with serving(image=answer(PICTURE), bomb=answer(packed, Content_Encoding="gzip")) as at:
        assert _failed(tmp_path, at + "image", at + "bomb").code is ErrorCode.SOURCE_TOO_LARGE


def test_the_speaker_of_a_voice_that_is_too_large_is_named(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), voice=answer(VOICE), much=answer(bytes(LIMIT + 1))) as at:
        assert "speaker 2" in _failed(tmp_path, at + "image", at + "voice", at + "much").message


@pytest.mark.parametrize(
    "address",
    [
        "http://",
        "http://[",
        "http://a:99999/x",
        "http://..",
        "http://a..b/",
        "http://*/",
        "https://:443",
        "http://%zz/",
    ],
)
def test_an_address_that_is_none_is_refused(address: str, tmp_path: Path) -> None:
    with serving(image=answer(PICTURE)) as at:
        assert _failed(tmp_path, at + "image", address).code is ErrorCode.SOURCE_REFUSED


def test_a_secret_in_the_address_is_not_told(tmp_path: Path) -> None:
    with serving(image=answer(PICTURE), gone=answer(b"", 403)) as at:
        assert "hush" not in _failed(tmp_path, at + "image", at.replace("//", "//me:hush@") + "gone").message


@pytest.mark.parametrize(("status", "told"), [(403, True), (404, True), (200, False)])
def test_a_refused_url_that_was_escaped_for_html_is_told(tmp_path: Path, status: int, told: bool) -> None:
    with serving(**{"image": answer(PICTURE), "voice&amp;b=1": answer(VOICE, status)}) as at:
        url = at + "voice&amp;b=1"
        if not told:
            assert fetched(tmp_path, at + "image", url).voices[0].read_bytes() == VOICE
            return
        error = _failed(tmp_path, at + "image", url)
    assert f"HTTP {status}; the URL was escaped for HTML: send & where it has &amp;" in error.message
    assert not error.retryable
