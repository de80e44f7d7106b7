"""Places that the worker must not go to, in every notation: each is refused without a single connection."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import ErrorCode
from sources.places import WebPolicy
from sources.web import Web
from tests.hostile.corpus import HOSTS_NOT_PUBLIC, NAMES, NO_ADDRESSES, NO_PORTS, PATHS, PORTS, SCHEMES
from tests.hostile.fetching import SLOW, failed, nothing_left
from tests.hostile.servers import Names

REFUSED, UNAVAILABLE = ErrorCode.SOURCE_REFUSED, ErrorCode.AUDIO_UNAVAILABLE


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    with nothing_left():
        yield


def _web() -> Web:
    return Web(WebPolicy(), resolve=Names(**NAMES), times=SLOW)


@pytest.mark.parametrize("host", HOSTS_NOT_PUBLIC)
def test_a_host_that_is_not_public_is_refused(host: str, tmp_path: Path) -> None:
    for scheme in ("http", "https"):
        code, message = failed(f"{scheme}://{host}/v?token=hush", tmp_path / "job", _web())
        assert code is REFUSED
        assert message.endswith("the address is not public")


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    names = Names(**NAMES)
    code, message = failed(url, tmp_path / "job", Web(WebPolicy(), resolve=names, times=SLOW))
    assert code is REFUSED
    assert "hush" not in message
    assert names.asked in ([], [url.removeprefix("http://").rstrip("/")])  # only what may be a name is looked up


@pytest.mark.parametrize("port", PORTS)
def test_other_ports_are_refused_before_anything_is_looked_up(port: int, tmp_path: Path) -> None:
    names = Names()
    code, message = failed(f"http://a.test:{port}/", tmp_path / "job", Web(WebPolicy(), resolve=names, times=SLOW))
    assert (code, names.asked) == (REFUSED, [])
    assert message.endswith("the address has a port that is not allowed")


@pytest.mark.parametrize("port", NO_PORTS)
def test_what_is_no_port_is_refused(port: str, tmp_path: Path) -> None:
    assert failed(f"http://a.test:{port}/", tmp_path / "job", _web())[0] is REFUSED


@pytest.mark.parametrize("url", SCHEMES)
def test_other_schemes_are_refused(url: str, tmp_path: Path) -> None:
    assert failed(url, tmp_path / "job", _web(), roots=(tmp_path,))[0] is REFUSED


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_leads_elsewhere_or_to_no_regular_file_is_refused(path: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "v.wav").write_bytes(b"fine")
    (tmp_path / "secret.wav").write_bytes(b"not yours")
    (root / "link_out").symlink_to("../secret.wav")
    (root / "folder_out").symlink_to(tmp_path)
    (root / "chain").symlink_to("link_out")
    (root / "self").symlink_to("self")
    (root / "dangling").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    os.mknod(root / "socket", stat.S_IFSOCK | 0o600)
    assert failed(path, tmp_path / "job", _web(), roots=(root,))[0] is REFUSED


@pytest.mark.parametrize(
    "host", ["gone.test", "none.test", "127.0.0.1.", "256.256.256.256", "0x7f.1.", "1.2.3.4.5", "a_b.test"]
)
def test_a_name_without_an_address_is_unavailable(host: str, tmp_path: Path) -> None:
    code, message = failed(f"http://{host}/", tmp_path / "job", _web())
    assert code is UNAVAILABLE
    assert message.endswith("the name of the server is not known")


@pytest.mark.parametrize("url", ["http://a.test#@loop.test/", "http://a.test?@loop.test/", "http://a.test/@loop.test"])
def test_what_follows_the_host_is_no_host(url: str, tmp_path: Path) -> None:
    names = Names(**NAMES)
    assert failed(url, tmp_path / "job", Web(WebPolicy(), resolve=names, times=SLOW))[0] is UNAVAILABLE
    assert names.asked == ["a.test"]
