"""How the text of an address is read: once, strictly, and the same way for redirects."""

import re
from ipaddress import ip_address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.errors import ErrorCode, WorkerError
from sources.places import Place, WebPolicy, place_of, redirected

START = Place("https", "a.test", 443, "/dir/page?x=1")
odd = st.text(alphabet="ahtp:/\\@#?%.[]0178xF-_ \t\r\n\0é。\u202e\ud800", max_size=40)


def _read(text: str, as_redirect: bool) -> Place | WorkerError:
    try:
        return redirected(START, text) if as_redirect else place_of(text)
    except WorkerError as error:
        return error


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://a.test", ("http", "a.test", 80, "/")),
        ("HTTPS://A.Test:443/B?C#D", ("https", "a.test", 443, "/B?C")),
        ("http://a.test:/x", ("http", "a.test", 80, "/x")),
        ("http://a.test?x=1", ("http", "a.test", 80, "/?x=1")),
        ("http://a.test/ä b/%2f?q=é", ("http", "a.test", 80, "/%C3%A4%20b/%2F?q=%C3%A9")),
        ("http://[2606:4700::1]:8080/", ("http", "2606:4700::1", 8080, "/")),
        ("http://bücher.test/", ("http", "xn--bcher-kva.test", 80, "/")),
        ("http://a_b-c.test./", ("http", "a_b-c.test.", 80, "/")),
        ("http://a.test//b/../c", ("http", "a.test", 80, "//c")),
    ],
)
def test_addresses(url: str, place: tuple[str, str, int, str]) -> None:
    found = place_of(url)
    assert (found.scheme, found.host, found.port, found.target) == place


def test_an_address_has_8192_characters_at_most() -> None:
    assert len(place_of("http://a.test/".ljust(8192, "x")).target) == 8192 - 13
    with pytest.raises(WorkerError, match="more than 8192 characters"):
        place_of("http://a.test/".ljust(8193, "x"))


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "https://a.test/b"),
        ("b", "https://a.test/dir/b"),
        ("?y=2", "https://a.test/dir/page?y=2"),
        ("../b", "https://a.test/b"),
        ("//b.test/c", "https://b.test/c"),
        ("https://b.test:8443/c", "https://b.test:8443/c"),
        ("/\u00c3\u00a4", "https://a.test/%C3%A4"),  # UTF-8 bytes, as http.client gives them
    ],
)
def test_redirects(location: str, url: str) -> None:
    assert redirected(START, location).url == url


@pytest.mark.parametrize("location", ["http://a.test/", "HTTP:/b", "ftp://a.test/", "https://u@a.test/", "/\r\nX: y"])
def test_redirects_that_are_refused(location: str) -> None:
    with pytest.raises(WorkerError, match="the address it redirects to") as caught:
        redirected(START, location)
    assert caught.value.code is ErrorCode.SOURCE_REFUSED


@settings(deadline=None, database=None)
@given(st.one_of(odd, st.text(), odd.map("http://".__add__)), st.booleans())
@example("http://" + "[" * 50, False)
@example("//[", True)
def test_any_text_is_a_strict_place_or_refused(text: str, as_redirect: bool) -> None:
    place = _read(text, as_redirect)
    if isinstance(place, WorkerError):
        assert place.code is ErrorCode.SOURCE_REFUSED
        assert len(place.message) < 100
        return
    assert place.scheme in ("http", "https")
    assert re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", place.host)
    assert re.fullmatch(r"/[!-~]*", place.target)
    assert 0 <= place.port <= 65535


@settings(deadline=None, database=None)
@given(st.one_of(odd, st.text()).map("http://a.test/".__add__))
def test_reading_an_address_again_changes_nothing(url: str) -> None:
    try:
        place = place_of(url)
    except WorkerError:
        return
    assert place_of(place.url) == place


@pytest.mark.parametrize(
    ("listed", "url", "address", "allowed"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/", "127.0.0.1", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8001/", "127.0.0.1", False),
        ("127.0.0.1:8000", "http://127.0.0.1/", "127.0.0.1", False),
        ("127.0.0.1:80", "http://127.0.0.1/", "127.0.0.1", True),
        ("127.0.0.1:80", "http://media.test/", "127.0.0.1", True),  # as an entry without a port
        ("127.0.0.1:8000", "http://media.test:8000/", "127.0.0.1", False),
        ("[::1]:8000", "http://[::1]:8000/", "::1", True),
        ("[::1]:8000", "http://[::1]:8001/", "::1", False),
        ("minio:9000", "http://minio:9000/", "10.0.0.7", True),
        ("minio:9000", "http://minio/", "10.0.0.7", False),
        ("169.254.169.254:80", "http://minio/", "169.254.169.254", True),
        ("minio:80", "http://minio/", "169.254.169.254", False),
    ],
)
def test_an_entry_with_a_port_is_for_that_port_alone(listed: str, url: str, address: str, allowed: bool) -> None:
    policy, place = WebPolicy(allow_private_hosts=frozenset({listed})), place_of(url)

    def look() -> None:
        policy.check_port(place)
        policy.check_address(ip_address(address), place)

    if allowed:
        look()
    else:
        with pytest.raises(WorkerError):
            look()
