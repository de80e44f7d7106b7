"""What is tried again, how often and when; a download that broke off begins anew."""

import socket
import time
from email.utils import formatdate
from pathlib import Path
from threading import Barrier

import pytest

from contract.cancel import Cancellation
from contract.errors import ErrorCode
from sources.fetch import FetchLimits, fetch_inputs
from sources.web import ATTEMPTS, Times, Web
from tests.hostile.fetching import failed, fetch, nothing_left
from tests.hostile.servers import Raw, Script, http, in_turn, redirects_to, says
from tests.sources.media_server import AT_ONCE, HERE

BODY = b"a voice" * 20_000
WEB = Web(HERE, times=AT_ONCE)
FINE_ANSWER = says(http(BODY[:1000]))
PASSING: dict[str, Script] = {
    "408": says(http(b"x", status="408 Too Late")),
    "425": says(http(b"x", status="425 Too Early")),
    "429": says(http(b"x", status="429 Too Many Requests")),
    "500": says(http(b"x", status="500 Oops")),
    "502": says(http(b"x", status="502 Bad Gateway")),
    "503": says(http(b"x", status="503 Busy")),
    "no answer": says(b""),
    "half a head": says(b"HTTP/1.1 200 OK\r\nContent-"),
    "an empty body": says(http()),
    "half a body": says(http(b"another voice", length=50)),
    "half a chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
}
LASTING: dict[str, Script] = {
    **{
        status: says(http(b"x", status=f"{status} No"))
        for status in ("201", "204", "304", "400", "401", "402", "403", "404", "405", "406", "410", "416", "451")
    },
    "a redirect that is refused": redirects_to("ftp://a.test/"),
    "broken gzip": says(http(b"not packed", "Content-Encoding: gzip")),
}


@pytest.mark.parametrize("name", PASSING)
@pytest.mark.parametrize("times", [1, 2])
def test_what_may_pass_is_tried_again_and_begins_anew(name: str, times: int, tmp_path: Path) -> None:
    with nothing_left(), Raw(in_turn(*[PASSING[name]] * times, FINE_ANSWER)) as server:
        assert fetch(server.url, tmp_path / "job", WEB) == BODY[:1000]
    assert server.connections == times + 1


@pytest.mark.parametrize("name", PASSING)
def test_three_times_is_all(name: str, tmp_path: Path) -> None:
    with nothing_left(), Raw(PASSING[name]) as server:
        assert failed(server.url, tmp_path / "job", WEB)[0] is ErrorCode.AUDIO_UNAVAILABLE
    assert server.connections == ATTEMPTS == 3


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_is_not_tried_again(name: str, tmp_path: Path) -> None:
    with nothing_left(), Raw(in_turn(LASTING[name], FINE_ANSWER)) as server:
        failed(server.url, tmp_path / "job", WEB)
    assert server.connections == 1


def test_redirects_are_walked_again_from_the_first(tmp_path: Path) -> None:
    with Raw(in_turn(redirects_to("/b"), says(http(status="503 Busy")), redirects_to("/c"), FINE_ANSWER)) as server:
        fetch(server.url, tmp_path / "job", WEB)
    assert [request.split()[1] for request in server.requests] == ["/", "/b", "/", "/c"]


class Pauses(Cancellation):
    """Notes the pauses that are asked for, and ends each at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> None:
        self.seconds.append(seconds)
        super().wait(0)


def test_pauses_grow(tmp_path: Path) -> None:
    pauses = Pauses()
    with Raw(PASSING["503"]) as server:
        failed(server.url, tmp_path / "job", Web(HERE, times=Times(back_off=0.2)), cancel=pauses)
    first, second = pauses.seconds
    assert 0.1 <= first <= 0.3
    assert 0.2 <= second <= 0.6


def test_a_server_may_say_when(tmp_path: Path) -> None:
    pauses = Pauses()
    script = in_turn(says(http(b"x", "Retry-After: 7", "429 Slow down")), FINE_ANSWER)
    with Raw(script) as server:
        fetch(server.url, tmp_path / "job", WEB, cancel=pauses)
    assert pauses.seconds == [7]


def test_a_server_may_say_the_date(tmp_path: Path) -> None:
    """Of ten minutes, five are left for a machine that is busy with something else."""
    pauses = Pauses()
    said = formatdate(time.time() + 600, usegmt=True)
    script = in_turn(says(http(b"x", f"Retry-After: {said}", "429 Slow down")), FINE_ANSWER)
    with Raw(script) as server:
        fetch(server.url, tmp_path / "job", WEB, cancel=pauses, seconds=3600)
    (pause,) = pauses.seconds
    assert 300 < pause <= 600


@pytest.mark.parametrize(
    "said", ["", "-5", "soon", "1e9", "²", "Wed, 21 Oct 2015 07:28:00 GMT", "Mon, 99 Foo 99999 99:99:99"]
)
def test_a_time_that_is_none_or_past_changes_nothing(said: str, tmp_path: Path) -> None:
    pauses = Pauses()
    script = in_turn(says(http(b"x", f"Retry-After: {said}", "503 Busy")), FINE_ANSWER)
    with Raw(script) as server:
        fetch(server.url, tmp_path / "job", Web(HERE, times=Times(back_off=0.2)), cancel=pauses)
    (pause,) = pauses.seconds
    assert 0.1 <= pause <= 0.3


def test_sources_are_fetched_side_by_side(tmp_path: Path) -> None:
    """Each of two servers answers once the other was asked too."""
    together = Barrier(3)

    def script(sock: socket.socket, request: str) -> None:
        together.wait(30)
        FINE_ANSWER(sock, request)

    with Raw(script) as server:
        voices = (f"{server.url}/anna", f"{server.url}/ben")  # one source is fetched once, whoever names it
        inputs = fetch_inputs(server.url, voices, tmp_path, FetchLimits((), 10**6, 10**6, HERE), Cancellation())
    assert [path.read_bytes() for path in (inputs.image, *inputs.voices)] == [BODY[:1000]] * 3
