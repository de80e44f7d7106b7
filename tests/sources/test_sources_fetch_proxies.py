"""Proxies of the environment: left alone unless the operator allows them, and then still no way to private places."""

import socket
from pathlib import Path

import pytest

from contract.errors import ErrorCode
from sources.places import WebPolicy
from sources.web import Times, Web
from tests.hostile.fetching import failed, fetch
from tests.hostile.servers import Authority, Names, Raw, http, says
from tests.sources.media_server import without_proxies

ANSWER = says(http(b"through the proxy"))
TIMES = Times(connect=5, read=5, back_off=0.001)
THROUGH = WebPolicy(allow_proxy=True)


@pytest.fixture(autouse=True)
def _no_other_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


def test_without_leave_the_environment_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Raw(ANSWER) as proxy, Raw(says(http(b"direct"))) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        policy = WebPolicy(frozenset({"127.0.0.1"}))
        assert fetch(server.url, tmp_path / "job", Web(policy, times=TIMES)) == b"direct"
    assert proxy.connections == 0


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
def test_with_leave_the_proxy_is_asked_and_knows_the_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names()
    with Raw(ANSWER) as proxy:
        monkeypatch.setenv(name, proxy.url.replace("//", "//me:hush@"))
        web = Web(THROUGH, resolve=names, times=TIMES)
        assert fetch("http://a.test/v?x=1", tmp_path / "job", web) == b"through the proxy"
    assert names.asked == []
    request = proxy.requests[0].splitlines()
    assert request[0] == "GET http://a.test/v?x=1 HTTP/1.1"
    assert "Host: a.test" in request
    assert "proxy-authorization: Basic bWU6aHVzaA==" in request


def test_https_goes_through_a_tunnel_that_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials for the proxy are for the proxy alone."""
    authority = Authority(tmp_path)
    context = authority.serving("a.test")
    inside: list[str] = []

    def tunnel(sock: socket.socket, request: str) -> None:
        sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        with context.wrap_socket(sock, server_side=True) as secure:
            inside.append(secure.recv(4096).decode())
            secure.sendall(http(b"inside"))
            secure.unwrap()

    with Raw(tunnel) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//me:hush@"))
        web = Web(THROUGH, resolve=Names(), times=TIMES, tls=authority.trusting())
        assert fetch("https://a.test/v", tmp_path / "job", web) == b"inside"
    assert proxy.requests[0].startswith("CONNECT a.test:443 ")
    assert "authorization" in proxy.requests[0].lower()
    assert inside[0].startswith("GET /v HTTP/1.1\r\nHost: a.test\r\n")
    assert "authorization" not in inside[0].lower()


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "169.254.169.254", "10.0.0.1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_private_addresses_are_refused_all_the_same(
    scheme: str, host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Raw(ANSWER) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        assert failed(f"{scheme}://{host}/", tmp_path / "job", Web(THROUGH, times=TIMES))[0] is ErrorCode.SOURCE_REFUSED
    assert proxy.connections == 0


def test_hosts_that_the_environment_excepts_are_checked_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Raw(ANSWER) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "a.test")
        web = Web(THROUGH, resolve=Names(a_test=[("10.0.0.1",)]), times=TIMES)
        assert failed("http://a.test/", tmp_path / "job", web)[0] is ErrorCode.SOURCE_REFUSED
    assert proxy.connections == 0


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "https://127.0.0.1:1", "http://", "http://["])
def test_a_proxy_of_another_kind_is_told(proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    code, message = failed("http://a.test/", tmp_path / "job", Web(THROUGH, resolve=Names(), times=TIMES))
    assert (code, message.endswith("the worker's proxy setting cannot be used")) == (ErrorCode.AUDIO_UNAVAILABLE, True)
