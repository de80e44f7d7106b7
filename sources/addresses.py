"""Which IP addresses belong to the public internet. Pure: nothing is looked up here."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

# Python's own is_global is asked as well; these are what it lets pass in one version or another.
NOT_PUBLIC_V4 = (
    IPv4Network("0.0.0.0/8"),  # this host
    IPv4Network("10.0.0.0/8"),  # private
    IPv4Network("100.64.0.0/10"),  # carrier NAT
    IPv4Network("127.0.0.0/8"),  # loopback
    IPv4Network("169.254.0.0/16"),  # link-local
    IPv4Network("172.16.0.0/12"),  # private
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.31.196.0/24"),  # AS112 sink
    IPv4Network("192.52.193.0/24"),  # AMT relays
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("192.168.0.0/16"),  # private
    IPv4Network("192.175.48.0/24"),  # AS112 sink
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv4Network("240.0.0.0/4"),  # reserved, broadcast
)
# Global unicast is all that is given out. IPv4-compatible ::/96, translated ::ffff:0:0:0/96, local NAT64
# 64:ff9b:1::/48, discard 100::/64, segment routing 5f00::/16, ULA fc00::/7, link-local fe80::/10, site-local
# fec0::/10 and multicast ff00::/8 all lie outside of it.
UNICAST_V6 = IPv6Network("2000::/3")
NOT_PUBLIC_V6 = (
    IPv6Network("2001::/23"),  # protocol assignments: Teredo, benchmarks, ORCHID
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address of anybody's choice inside
    IPv6Network("2620:4f:8000::/48"),  # AS112 sink
    IPv6Network("3ffe::/16"),  # 6bone, given back
    IPv6Network("3fff::/20"),  # documentation
)
NAT64 = IPv6Network("64:ff9b::/96")
# Services that tell a machine its secrets. One of them has a public address.
METADATA: frozenset[Address] = frozenset(
    (
        IPv4Address("169.254.169.254"),  # most clouds
        IPv4Address("169.254.170.2"),  # container credentials
        IPv4Address("169.254.170.23"),  # pod credentials
        IPv4Address("168.63.129.16"),  # a platform's wire server, in public space
        IPv4Address("100.100.100.200"),
        IPv4Address("192.0.0.192"),
        IPv6Address("fd00:ec2::254"),
        IPv6Address("fd00:ec2::23"),
        IPv6Address("fd20:ce::254"),
        IPv6Address("fe80::a9fe:a9fe"),
    )
)


def plain(address: Address) -> Address:
    """The IPv4 address that packets to `address` end at, where it is an IPv4-mapped or NAT64 form; else itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could reach this address, and it is no metadata service.

    IPv4-mapped and NAT64 forms are what the IPv4 address in them is. Addresses with a scope are never public.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    end = plain(address)
    if end in METADATA or not end.is_global:
        return False
    if isinstance(end, IPv4Address):
        return not any(end in network for network in NOT_PUBLIC_V4)
    return end in UNICAST_V6 and not any(end in network for network in NOT_PUBLIC_V6)
