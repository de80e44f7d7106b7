"""Servers that stall, lie, flood or never end: each costs limited time and bytes, and ends with an error."""

import gzip
import socket
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from threading import Event

import brotli  # type: ignore[import-untyped]
import pytest
from backports import zstd

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from sources.places import WebPolicy
from sources.web import Times, Web
from tests.hostile.fetching import LIMIT, QUICK, SLOW, failed, fetch, nothing_left
from tests.hostile.servers import (
    PRIVATE,
    Authority,
    Names,
    Raw,
    Script,
    http,
    in_turn,
    never_accepting,
    repeats,
    says,
    silent,
    until_connecting,
)

TOO_LARGE, UNAVAILABLE = ErrorCode.SOURCE_TOO_LARGE, ErrorCode.AUDIO_UNAVAILABLE
HERE = WebPolicy(allow_private_hosts=frozenset({PRIVATE}))
SHORT = 0.5  # seconds of a source that a server would keep for ever
GRACE = 20.0  # only a test that fails waits so long
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b"a voice" * 5000
ZEROS = bytes(300 * LIMIT)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": partial(brotli.compress, quality=1),
    "zstd": zstd.compress,
}
# Only the time of the source ends these: every read gets something.
ENDLESS: dict[str, Script] = {
    "header bytes, slowly": repeats(HEAD, b"X", 0.01),
    "header lines, slowly": repeats(HEAD, b"X: y\r\n", 0.01),
    "status bytes, slowly": repeats(b"", b"H", 0.01),
    "body bytes, slowly": repeats(http(length=10**9), b"x", 0.01),
    "body without a length, slowly": repeats(HEAD + b"\r\n", b"x", 0.01),
    "chunks, slowly": repeats(CHUNKED, b"1\r\nx\r\n", 0.01),
    "chunk length, slowly": repeats(CHUNKED, b"0", 0.01),
    "trailers": repeats(CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n"),
    "continue": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "empty gzip members": repeats(HEAD + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b""), 0.001),
}
TOO_MUCH: dict[str, Script] = {
    "without a length": repeats(HEAD + b"\r\n", b"x" * 10_000),
    "a length that is too small a number": repeats(HEAD + b"Content-Length: -1\r\n\r\n", b"x" * 10_000),
    "a length that is none": repeats(HEAD + b"Content-Length: ten\r\n\r\n", b"x" * 10_000),
    "a large length": repeats(http(length=10**15), b"x" * 10_000),
    "chunks": repeats(CHUNKED, b"2710\r\n" + b"x" * 10_000 + b"\r\n"),
    "one chunk": repeats(CHUNKED + b"FFFFFFFFFFFFFFF\r\n", b"x" * 10_000),
    "chunks of one byte": repeats(CHUNKED, b"1\r\nx\r\n" * 2000),
    "one byte more": says(http(bytes(LIMIT + 1))),
}
BROKEN: dict[str, Script] = {
    "nothing": says(b""),
    "no HTTP": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "TLS": says(b"\x15\x03\x01\x00\x02\x02\x28"),
    "noise": says(bytes(range(256)) * 40),
    "an old status line": says(b"ICY 200 OK\r\n\r\nx"),
    "a status that is none": says(b"HTTP/1.1 9999 Hm\r\n\r\nx"),
    "a status line without an end": repeats(b"HTTP/1.1 200 ", b"x" * 10_000),
    "a header line without an end": repeats(HEAD + b"X: ", b"x" * 10_000),
    "header lines without an end": repeats(HEAD, b"X: y\r\n" * 100),
    "half a head": says(HEAD + b"Content-Le"),
    "an empty body": says(http()),
    "an empty body in chunks": says(CHUNKED + b"0\r\n\r\n"),
    "less than its length": says(http(b"x" * 10, length=11)),
    "two lengths": says(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy"),
    "chunks that end early": says(CHUNKED + b"5\r\nabc"),
    "chunks without an end": says(CHUNKED + b"3\r\nabc\r\n"),
    "chunk lengths that are none": says(CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n"),
    "a chunk length below zero": says(CHUNKED + b"-5\r\nabc\r\n0\r\n\r\n"),
    "everything as one chunk": repeats(CHUNKED + b"-1\r\n", b"x" * 10_000),
    "a chunk length without an end": repeats(CHUNKED, b"0" * 10_000),
    "no chunks where some are said": says(CHUNKED + b"just text"),
    "a trailer line without an end": repeats(CHUNKED + b"1\r\nx\r\n0\r\nX: ", b"x" * 10_000),
    "gzip that is none": says(http(b"not packed", "Content-Encoding: gzip")),
    "broken gzip": says(http(gzip.compress(BODY)[:9] + b"\xff" * 100, "Content-Encoding: gzip")),
    "brotli that is none": says(http(b"\xff" * 100, "Content-Encoding: br")),
    "too many encodings": says(http(b"x", "Content-Encoding: " + ", ".join(["gzip"] * 50))),
    "silence": silent,
    "a head and silence": repeats(http(length=5), b"", GRACE),
    "a part": says(http(b"abc", "Content-Range: bytes 0-2/9", "206 Partial Content")),
    "a login": says(http(b"who?", 'WWW-Authenticate: Basic realm="x"', "401 Unauthorized")),
    "not modified": says(http(status="304 Not Modified")),
    "a redirect to nowhere": says(http(status="302 Found")),
    "choices": says(http(b"x", "Location: /other", "300 Multiple Choices")),
    "another protocol": says(http(status="101 Switching Protocols")),
}


@cache
def _bomb(encoding: str) -> bytes:
    packed = ZEROS
    for name in encoding.split(", "):
        packed = PACKERS[name](packed)
    return packed


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_ended_by_the_time_of_the_source(name: str, tmp_path: Path) -> None:
    with Raw(ENDLESS[name]) as server:
        code, message = failed(server.url, tmp_path / "job", Web(HERE, times=SLOW), seconds=SHORT)
    # a hundred header lines may come in that time
    assert (code, "it took longer than 0.5 s" in message or name == "header lines, slowly") == (UNAVAILABLE, True)


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_is_too_much_is_ended_by_counting(name: str, tmp_path: Path) -> None:
    with Raw(TOO_MUCH[name]) as server:
        assert failed(server.url, tmp_path / "job", Web(HERE, times=SLOW))[0] is TOO_LARGE


@pytest.mark.parametrize("encoding", [*PACKERS, "gzip, gzip", "br, gzip"])
@pytest.mark.parametrize("chunked", [False, True])
def test_what_unpacks_to_too_much_is_ended_by_counting(encoding: str, chunked: bool, tmp_path: Path) -> None:
    bomb, head = _bomb(encoding), f"Content-Encoding: {encoding}\r\n".encode()
    assert len(bomb) < LIMIT
    whole = HEAD + head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(bomb), bomb)
    with Raw(says(whole if chunked else http(bomb, head.decode()))) as server:
        assert failed(server.url, tmp_path / "job", Web(HERE, times=SLOW))[0] is TOO_LARGE


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_unavailable(name: str, tmp_path: Path) -> None:
    with Raw(BROKEN[name]) as server:
        code, message = failed(server.url + "?token=hush", tmp_path / "job", Web(HERE, times=QUICK), seconds=10)
    assert code is UNAVAILABLE
    assert "took longer" not in message
    assert "hush" not in message
    assert PRIVATE not in message


def test_no_log_tells_the_query(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Presigned addresses are secrets, and urllib3 is fond of telling them."""
    caplog.set_level(0)
    odd = HEAD + b"no colon here\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    with Raw(in_turn(says(b""), says(http(b"x", "Location: /x?token=hush", "302 Found")), says(odd))) as server:
        fetch(server.url + "?token=hush", tmp_path / "job", Web(HERE, times=SLOW))
    assert "hush" not in caplog.text


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, br", "identity", "aws-chunked", ""])
def test_what_is_packed_though_nobody_asked_is_unpacked(encoding: str, tmp_path: Path) -> None:
    packed = {"gzip": gzip.compress(BODY), "deflate": zlib.compress(BODY), "br": brotli.compress(BODY)}
    packed["gzip, br"] = brotli.compress(packed["gzip"])
    script = says(http(packed.get(encoding, BODY), f"Content-Encoding: {encoding}"))
    with Raw(script) as server:
        assert fetch(server.url, tmp_path / "job", Web(HERE, times=SLOW)) == BODY
    assert "Accept-Encoding: identity\r\n" in server.requests[0]


def test_of_more_than_its_length_the_length_is_taken(tmp_path: Path) -> None:
    with Raw(says(http(b"abcdef", length=3))) as server:
        assert fetch(server.url, tmp_path / "job", Web(HERE, times=SLOW)) == b"abc"


def test_a_server_without_tls_is_no_https_server(tmp_path: Path) -> None:
    with Raw(says(http(b"x"))) as server:
        url = server.url.replace("http:", "https:")
        assert failed(url, tmp_path / "job", Web(HERE, times=Times(connect=0.3, back_off=0.001)))[0] is UNAVAILABLE


# Each phase of a download in which a server, or nobody, can keep the worker waiting.
PHASES = ["look-up", "connect", "handshake", "head", "body", "body inside TLS", "pause"]


class Stall:
    """A download that is kept waiting in one phase, told by `begun`."""

    def __init__(self, phase: str, folder: Path) -> None:
        self.phase = phase
        self.folder = folder
        self.released = Event()
        self._looking_up = Event()

    def download(self, seconds: float, cancel: Cancellation, told: Event) -> ErrorCode:
        """Fetch until something ends it; gives the error's code."""
        authority = Authority(self.folder)
        tls = authority.serving(PRIVATE) if self.phase == "body inside TLS" else None
        web = Web(HERE, times=SLOW, tls=authority.trusting(), resolve=self._resolve)
        with Raw(self._script(told), tls=tls) as server, never_accepting() as full:
            urls = {
                "look-up": "http://stalled.test/",
                "connect": f"http://{PRIVATE}:{full}/",
                "handshake": server.url.replace("http:", "https:"),
            }
            with ThreadPoolExecutor(1) as pool:
                job = pool.submit(
                    fetch, urls.get(self.phase, server.url), self.folder / "job", web, seconds=seconds, cancel=cancel
                )
                self._until_begun(server, full, told)
                told.set()
                return self._code(job)

    def _until_begun(self, server: Raw, full: int, told: Event) -> None:
        if self.phase == "connect":
            until_connecting(full)
        else:
            begun = {"look-up": self._looking_up, "handshake": server.connected}.get(self.phase, told)
            assert begun.wait(GRACE)

    def _code(self, job: "Future[bytes]") -> ErrorCode:
        try:
            error = job.exception(GRACE)
        finally:
            self.released.set()
        assert isinstance(error, WorkerError)
        return error.code

    def _resolve(self, host: str) -> tuple[str, ...]:
        if host != "stalled.test":
            return Names()(host)
        self._looking_up.set()
        self.released.wait()
        return (PRIVATE,)

    def _script(self, told: Event) -> Script:
        if self.phase == "pause":
            first = says(http(status="503 Busy", head="Retry-After: 50"))
        elif self.phase.startswith("body"):
            first = says(http(b"abc", length=1000))
        else:
            first = says(b"")

        def script(sock: socket.socket, request: str) -> None:
            first(sock, request)
            told.set()
            if self.phase != "pause":
                silent(sock, request)

        return script


@pytest.mark.parametrize("phase", PHASES)
def test_a_cancel_ends_a_download_in_any_phase(phase: str, tmp_path: Path) -> None:
    cancel, told = Cancellation(), Event()
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(Stall(phase, tmp_path).download, 10 * GRACE, cancel, told)
        assert told.wait(GRACE)
        cancel.cancel()
        assert job.result(2 * GRACE) is ErrorCode.CANCELLED


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase != "pause"])
def test_the_time_of_the_source_ends_a_download_in_any_phase(phase: str, tmp_path: Path) -> None:
    assert Stall(phase, tmp_path).download(1.0, Cancellation(), Event()) is UNAVAILABLE


@pytest.mark.parametrize("retry_after", ["100", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_pause_longer_than_the_time_of_the_source_is_not_begun(retry_after: str, tmp_path: Path) -> None:
    with Raw(says(http(b"x", f"Retry-After: {retry_after}", "503 Busy"))) as server:
        code, message = failed(server.url, tmp_path / "job", Web(HERE, times=SLOW), seconds=60)
    assert (code, server.connections) == (UNAVAILABLE, 1)
    assert "HTTP 503" in message
