"""Redirects and names that change: every step is checked anew, and the checked address is the one connected to."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import ErrorCode, WorkerError
from sources.places import WebPolicy
from sources.web import Web
from tests.hostile.corpus import NAMES, PLACES_BEHIND_A_REDIRECT
from tests.hostile.fetching import SLOW, failed, fetch, nothing_left
from tests.hostile.hostile_case import attempt
from tests.hostile.servers import PRIVATE, PUBLIC, Authority, Names, Raw, http, in_turn, redirects_to, says

REFUSED, UNAVAILABLE = ErrorCode.SOURCE_REFUSED, ErrorCode.AUDIO_UNAVAILABLE


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.mark.parametrize(
    ("location", "status"),
    [
        *((location, "302 Found") for location in PLACES_BEHIND_A_REDIRECT),
        *(("http://10.0.0.1/", status) for status in ("301 Moved", "303 See", "307 Temporary", "308 Permanent")),
    ],
)
def test_a_redirect_is_checked_like_the_address_itself(location: str, status: str, tmp_path: Path) -> None:
    with Raw(redirects_to(location, status), PUBLIC) as server:
        policy = WebPolicy(allow_private_hosts=frozenset({PUBLIC}))
        code, message = failed(server.url, tmp_path / "job", Web(policy, resolve=Names(**NAMES), times=SLOW))
    assert code is REFUSED
    assert "the address it redirects to" in message
    assert "hush" not in message
    assert server.connections == 1


def _rebinding(*answers: tuple[str, ...], port: int) -> tuple[WebPolicy, Names]:
    return WebPolicy(frozenset({f"{PUBLIC}/32"}), frozenset({port})), Names(twice_test=list(answers))


def test_the_connection_goes_to_the_address_that_was_checked(tmp_path: Path) -> None:
    """The name is public when it is checked and private ever after: it is looked up once."""
    with Raw(says(http(b"public")), PUBLIC) as good, Raw(says(http(b"secret")), PRIVATE, good.port) as bad:
        policy, names = _rebinding((PUBLIC,), (PRIVATE,), port=good.port)
        web = Web(policy, resolve=names, times=SLOW)
        assert fetch(f"http://twice.test:{good.port}/", tmp_path / "job", web) == b"public"
    assert names.asked == ["twice.test"]
    assert bad.connections == 0
    assert f"Host: twice.test:{good.port}\r\n" in good.requests[0]


def test_a_name_that_turns_private_between_repetitions_is_refused(tmp_path: Path) -> None:
    with Raw(says(http(status="503 Busy")), PUBLIC) as good, Raw(says(http(b"secret")), PRIVATE, good.port) as bad:
        policy, names = _rebinding((PUBLIC,), (PRIVATE,), port=good.port)
        web = Web(policy, resolve=names, times=SLOW)
        assert failed(f"http://twice.test:{good.port}/", tmp_path / "job", web)[0] is REFUSED
    assert (good.connections, bad.connections) == (1, 0)


def test_a_name_that_turns_private_between_redirects_is_refused(tmp_path: Path) -> None:
    with Raw(redirects_to("/more"), PUBLIC) as good, Raw(says(http(b"secret")), PRIVATE, good.port) as bad:
        policy, names = _rebinding((PUBLIC,), (PRIVATE,), port=good.port)
        web = Web(policy, resolve=names, times=SLOW)
        assert failed(f"http://twice.test:{good.port}/", tmp_path / "job", web)[0] is REFUSED
    assert (good.connections, bad.connections) == (1, 0)


@pytest.mark.parametrize("answer", [(PUBLIC, PRIVATE), (PRIVATE, PUBLIC)])
def test_one_private_address_among_others_is_enough_to_refuse(answer: tuple[str, ...], tmp_path: Path) -> None:
    with Raw(says(http(b"public")), PUBLIC) as good, Raw(says(http(b"secret")), PRIVATE, good.port) as bad:
        policy, names = _rebinding(answer, port=good.port)
        web = Web(policy, resolve=names, times=SLOW)
        assert failed(f"http://twice.test:{good.port}/", tmp_path / "job", web)[0] is REFUSED
    assert (good.connections, bad.connections) == (0, 0)


def test_the_next_address_is_tried_when_one_does_not_answer(tmp_path: Path) -> None:
    with Raw(says(http(b"public")), PUBLIC) as good:
        names = Names(two_test=[("127.0.0.3", PUBLIC)])
        policy = WebPolicy(frozenset({PUBLIC, "127.0.0.3"}), frozenset({good.port}))
        web = Web(policy, resolve=names, times=SLOW)
        assert fetch(f"http://two.test:{good.port}/", tmp_path / "job", web) == b"public"


def test_tls_proves_the_name_and_not_the_address(tmp_path: Path) -> None:
    authority, heard = Authority(tmp_path), list[str | None]()
    with Raw(says(http(b"public")), PUBLIC, tls=authority.serving("good.test", heard)) as server:
        policy = WebPolicy(frozenset({f"{PUBLIC}/32"}), frozenset({server.port}))
        names = Names(good_test=[(PUBLIC,)], good_test_=[(PUBLIC,)], other_test=[(PUBLIC,)])
        web = Web(policy, resolve=names, times=SLOW, tls=authority.trusting())
        assert fetch(f"https://good.test:{server.port}/", tmp_path / "job", web) == b"public"
        assert heard == ["good.test"]
        assert f"Host: good.test:{server.port}\r\n" in server.requests[0]
        assert fetch(f"https://good.test.:{server.port}/", tmp_path / "job", web) == b"public"
        code, message = failed(f"https://other.test:{server.port}/", tmp_path / "job", web)
        assert (code, message.endswith("the server's certificate is not valid for that name")) == (UNAVAILABLE, True)
        assert failed(server.url, tmp_path / "job", web)[0] is UNAVAILABLE
        usual = Web(policy, resolve=names, times=SLOW)
        assert failed(f"https://good.test:{server.port}/", tmp_path / "job", usual)[0] is UNAVAILABLE
    assert len(server.requests) == 2


def _certificate_told(context: ssl.SSLContext, trusting: ssl.SSLContext, host: str, folder: Path) -> tuple[str, bool]:
    """What is said of a server's certificate, and whether it may pass."""
    with Raw(says(http(b"public")), PUBLIC, tls=context) as server:
        policy = WebPolicy(frozenset({f"{PUBLIC}/32"}), frozenset({server.port}))
        web = Web(policy, resolve=Names(good_test=[(PUBLIC,)], other_test=[(PUBLIC,)]), times=SLOW, tls=trusting)
        url = f"https://{host}:{server.port}/"
        error = attempt(lambda: fetch(url, folder / "job", web))
    assert isinstance(error, WorkerError)
    assert server.requests == []
    return error.message.rsplit("speaker 1: ", 1)[1], error.retryable


def test_what_is_wrong_with_a_certificate_is_told_as_it_is(tmp_path: Path) -> None:
    ours, strangers = Authority(tmp_path), Authority(tmp_path)
    trusting = ours.trusting()
    fine = ours.serving("good.test")
    told = {
        "name": _certificate_told(fine, trusting, "other.test", tmp_path),
        "address": _certificate_told(fine, trusting, PUBLIC, tmp_path),
        "expired": _certificate_told(ours.serving("good.test", hours=(-2, -1)), trusting, "good.test", tmp_path),
        "early": _certificate_told(ours.serving("good.test", hours=(1, 2)), trusting, "good.test", tmp_path),
        "stranger": _certificate_told(strangers.serving("good.test"), trusting, "good.test", tmp_path),
        "itself": _certificate_told(strangers.serving_itself(), trusting, "good.test", tmp_path),
    }
    assert told == {
        "name": ("the server's certificate is not valid for that name", False),
        "address": ("the server's certificate is not valid for that address", False),
        "expired": ("the server's certificate has expired", True),
        "early": ("the server's certificate is not valid yet", True),
        "stranger": (
            "the server's certificate comes from an issuer that is not trusted here, or was sent without its chain",
            False,
        ),
        "itself": ("the server's certificate is signed by itself, so nobody vouches for it", False),
    }


def test_a_server_without_tls_is_told_so(tmp_path: Path) -> None:
    def greet() -> None:
        caller, _ = door.accept()
        with caller:
            caller.sendall(b"HTTP/1.1 400 What?\r\n\r\n")
            while caller.recv(1000):
                pass

    with socket.create_server((PUBLIC, 0)) as door:
        thread = threading.Thread(target=greet)
        thread.start()
        web = Web(WebPolicy(frozenset({PUBLIC})), times=SLOW)
        code, message = failed(f"https://{PUBLIC}:{door.getsockname()[1]}/", tmp_path / "job", web)
        thread.join()
    assert code is UNAVAILABLE
    assert "the server does not speak https there" in message


@pytest.mark.parametrize("location", ["http://127.0.0.2:{port}/", "http://good.test:{port}/"])
def test_a_redirect_from_https_to_http_is_refused(location: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Raw(says(http(b"plain")), PUBLIC) as plain:
        script = redirects_to(location.format(port=plain.port))
        with Raw(script, PUBLIC, tls=authority.serving("good.test")) as server:
            policy = WebPolicy(frozenset({f"{PUBLIC}/32"}), frozenset({server.port, plain.port}))
            web = Web(policy, resolve=Names(good_test=[(PUBLIC,)]), times=SLOW, tls=authority.trusting())
            code, message = failed(f"https://good.test:{server.port}/", tmp_path / "job", web)
    assert (code, plain.connections) == (REFUSED, 0)
    assert message.endswith("the address it redirects to leads from https to http")


def test_a_redirect_from_http_to_https_and_on_is_followed(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    script = in_turn(redirects_to("/b"), redirects_to("c?d=e#f"), says(http(b"here")))
    with Raw(script, PUBLIC, tls=authority.serving(PUBLIC)) as server, Raw(redirects_to(server.url), PUBLIC) as first:
        policy = WebPolicy(frozenset({PUBLIC}))
        assert fetch(first.url, tmp_path / "job", Web(policy, times=SLOW, tls=authority.trusting())) == b"here"
    assert [request.split()[1] for request in server.requests] == ["/", "/b", "/c?d=e"]


@pytest.mark.parametrize(("redirects", "code"), [(5, None), (6, UNAVAILABLE)])
def test_five_redirects_are_followed_and_no_more(redirects: int, code: ErrorCode | None, tmp_path: Path) -> None:
    script = in_turn(*[redirects_to(f"/{n}") for n in range(redirects)], says(http(b"here")))
    with Raw(script, PUBLIC) as server:
        web = Web(WebPolicy(frozenset({PUBLIC})), times=SLOW)
        if code is None:
            assert fetch(server.url, tmp_path / "job", web) == b"here"
        else:
            assert failed(server.url, tmp_path / "job", web)[0] is code
    assert server.connections == 6


def test_nothing_that_a_server_or_address_says_is_sent_on(tmp_path: Path) -> None:
    """No cookies, no Referer, no credentials of this machine."""
    script = in_turn(says(http(head="Set-Cookie: a=b\nLocation: /next", status="302 Found")), says(http(b"here")))
    with Raw(script, PUBLIC) as server:
        fetch(server.url + "one?key=hush", tmp_path / "job", Web(WebPolicy(frozenset({PUBLIC})), times=SLOW))
    names = {line.split(":")[0] for line in server.requests[1].splitlines()[1:] if line}
    assert names == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}
