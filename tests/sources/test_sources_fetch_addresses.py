"""Which addresses are public: networks that are not, every form of an IPv4 address, the operator's exceptions."""

from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ErrorCode, WorkerError
from sources.addresses import is_public, plain
from sources.places import Place, WebPolicy

# The networks of the registries' special-purpose tables and a few more, written down apart from the code's own list.
SPECIAL = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32", "168.63.129.16/32"),
    *("::/128", "::1/128", "::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001::/32"),
    *("2001:2::/48", "2001:10::/28", "2001:20::/28", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16"),
    *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "::ffff:127.0.0.0/104", "::ffff:10.0.0.0/104"),
    *("64:ff9b::10.0.0.0/104", "64:ff9b::169.254.0.0/112", "64:ff9b::192.168.0.0/112"),
]
PUBLIC = [
    *(
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
    ),
    *("128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255"),
    *("192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15", "168.63.129.17"),
    *("2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888", "2001:200::1", "2400::1", "::ffff:8.8.8.8"),
    "64:ff9b::808:808",
]
v4 = st.integers(0, 2**32 - 1).map(IPv4Address)
v6 = st.integers(0, 2**128 - 1).map(IPv6Address)


def _place(host: str, port: int = 80) -> Place:
    return Place("http", host, port, "/")


def _refused(policy: WebPolicy, host: str, address: str) -> bool:
    return _code(partial(policy.check_address, ip_address(address), _place(host))) is ErrorCode.SOURCE_REFUSED


def _refused_port(policy: WebPolicy, host: str, port: int) -> bool:
    return _code(partial(policy.check_port, _place(host, port))) is ErrorCode.SOURCE_REFUSED


def _code(check: Callable[[], None]) -> ErrorCode | None:
    try:
        check()
    except WorkerError as error:
        return error.code
    return None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(ip_address(address))


@settings(deadline=None, database=None)
@given(st.data())
@pytest.mark.parametrize("network", SPECIAL)
def test_no_address_of_a_special_network_is_public(network: str, data: st.DataObject) -> None:
    if ":" in network:
        six = IPv6Network(network)
        assert not is_public(IPv6Address(data.draw(st.integers(int(six[0]), int(six[-1])))))
    else:
        four = IPv4Network(network)
        assert not is_public(IPv4Address(data.draw(st.integers(int(four[0]), int(four[-1])))))


@pytest.mark.parametrize("network", SPECIAL)
def test_nor_is_the_first_or_the_last(network: str) -> None:
    found = IPv6Network(network) if ":" in network else IPv4Network(network)
    assert not is_public(found[0])
    assert not is_public(found[-1])


@settings(deadline=None, database=None)
@given(v4)
def test_a_mapped_or_translated_address_is_what_the_address_in_it_is(address: IPv4Address) -> None:
    for form in (f"::ffff:{address}", f"64:ff9b::{address}"):
        inside = ip_address(form)
        assert plain(inside) == address
        assert is_public(inside) == is_public(address)


@settings(deadline=None, database=None)
@given(v4)
def test_an_address_inside_6to4_teredo_or_the_compatible_form_is_never_public(address: IPv4Address) -> None:
    number = int(address)
    for form in (0x2002 << 112 | number << 80, 0x20010000 << 96 | number ^ 0xFFFFFFFF, number, 0xFFFF << 48 | number):
        assert not is_public(IPv6Address(form))


@settings(deadline=None, database=None)
@given(st.one_of(v4, v6))
def test_what_is_public_python_calls_global_and_no_multicast(address: IPv4Address | IPv6Address) -> None:
    end = plain(address)
    if is_public(address):
        assert end.is_global
        assert not any((end.is_multicast, end.is_reserved, end.is_link_local, end.is_loopback, end.is_unspecified))


@settings(deadline=None, database=None)
@given(v6)
def test_an_address_with_a_scope_is_never_public(address: IPv6Address) -> None:
    scoped = ip_address(f"{address}%eth0")
    assert not is_public(scoped)
    assert _refused(WebPolicy(frozenset({"::/0", "a.test"})), "a.test", str(scoped))


@settings(deadline=None, database=None)
@given(st.one_of(v4, v6))
def test_without_exceptions_the_policy_takes_public_addresses_alone(address: IPv4Address | IPv6Address) -> None:
    assert _refused(WebPolicy(), "a.test", str(address)) == (not is_public(address))


@pytest.mark.parametrize(
    ("listed", "host", "address", "refused"),
    [
        ("10.0.0.0/8", "a.test", "10.1.2.3", False),
        ("10.0.0.0/8", "a.test", "::ffff:10.1.2.3", False),
        ("10.0.0.0/8", "a.test", "11.0.0.1", False),
        ("10.0.0.0/8", "a.test", "192.168.0.1", True),
        ("10.0.0.1", "a.test", "10.0.0.1", False),
        ("10.0.0.1", "a.test", "10.0.0.2", True),
        ("::1", "a.test", "::1", False),
        ("fd00::/8", "a.test", "fd12::1", False),
        ("a.test", "a.test", "10.0.0.1", False),
        ("A.test", "a.test.", "10.0.0.1", False),
        ("a.test", "b.a.test", "10.0.0.1", True),
        ("a.test", "xa.test", "10.0.0.1", True),
        # a metadata service is let in by its own address alone
        ("a.test", "a.test", "169.254.169.254", True),
        ("a.test", "a.test", "::ffff:169.254.169.254", True),
        ("169.254.0.0/16", "169.254.169.254", "169.254.169.254", True),
        ("0.0.0.0/0", "a.test", "168.63.129.16", True),
        ("169.254.169.254", "169.254.169.254", "169.254.169.254", False),
    ],
)
def test_exceptions(listed: str, host: str, address: str, refused: bool) -> None:
    assert _refused(WebPolicy(frozenset({listed})), host, address) == refused


@pytest.mark.parametrize(
    ("listed", "host", "port", "refused"),
    [
        ("", "a.test", 80, False),
        ("", "a.test", 443, False),
        ("", "a.test", 8080, True),
        ("a.test", "a.test", 8080, False),
        ("a.test", "b.test", 8080, True),
        ("10.0.0.0/8", "10.0.0.1", 9000, False),
        ("10.0.0.0/8", "a.test", 9000, True),
        ("10.0.0.0/8", "167772161", 9000, True),
        ("::1", "::1", 9000, False),
    ],
)
def test_ports(listed: str, host: str, port: int, refused: bool) -> None:
    """Only a host that is listed as it stands may be on any port."""
    assert _refused_port(WebPolicy(frozenset({listed} - {""})), host, port) == refused


def test_other_ports_can_be_allowed() -> None:
    policy = WebPolicy(allowed_ports=frozenset({8443}))
    assert [_refused_port(policy, "a.test", port) for port in (8443, 443, 80)] == [False, True, True]
