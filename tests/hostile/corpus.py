"""Addresses and paths that must be refused, in every notation."""

# ruff: noqa: SIM905 - as lists these would be five times as long

from sources.places import URL_MAX_CHARS

# What the names in this corpus resolve to.
NAMES: dict[str, list[tuple[str, ...]]] = {
    "localhost_": [("127.0.0.1",)],
    "metadata_google_internal": [("169.254.169.254",)],
    "wire_test": [("168.63.129.16",)],
    "loop_test": [("127.0.0.1",)],
    "six_test": [("::1",)],
    "mapped_test": [("::ffff:10.0.0.1",)],
    "scoped_test": [("fe80::1%eth0",)],
    "mixed_test": [("93.184.216.34", "10.0.0.1")],
    "mixed6_test": [("2606:2800:220:1::1", "fd00::1")],
    "none_test": [()],
    "xn--bcher-kva_test": [("192.168.0.1",)],
}
HOSTS_NOT_PUBLIC = [
    *"127.0.0.1 127.0.0.2 127.255.255.254 localhost LOCALHOST localhost. [::1] [0:0:0:0:0:0:0:1]".split(),
    # the same in other notations
    *"2130706433 0x7f000001 0x7F000001 017700000001 127.1 127.0.1 0177.0.0.1 0177.1 0x7f.1 0x7f.0x0.0x0.0x1".split(),
    *"00000177.0.0.1 127.0x1 0 0x0 0.0.0.0 [::]".split(),
    # private
    *"10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1 167772161 0xc0a80101 012.1".split(),
    # link-local and metadata
    *"169.254.0.1 169.254.169.254 169.254.170.2 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.16689662".split(),
    *"100.100.100.200 168.63.129.16 192.0.0.192 [fd00:ec2::254] [fd20:ce::254] metadata.google.internal".split(),
    # carrier NAT, protocol assignments, benchmarks, documentation, 6to4 relays
    *"100.64.0.1 100.127.255.255 192.0.0.1 198.18.0.1 198.19.255.255 192.0.2.1 198.51.100.1".split(),
    *"203.0.113.1 192.88.99.1".split(),
    # multicast, reserved, broadcast
    *"224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 [ff02::1] [ff0e::1]".split(),
    # IPv4 inside IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo
    *"[::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:a9fe:a9fe] [::127.0.0.1] [::7f00:1] [::ffff:0:127.0.0.1]".split(),
    *"[64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::8.8.8.8] [2002:7f00:1::] [2002:808:808::1]".split(),
    *"[2001:0:808:808::1] [2001::1]".split(),
    # IPv6: private, link-local, site-local, documentation, discard, benchmarks, segment routing
    *"[fc00::1] [fd12:3456::1] [fe80::1] [febf::1] [fec0::1] [2001:db8::1] [3fff::1] [100::1]".split(),
    *"[2001:2::1] [5f00::1]".split(),
    # names
    *"wire.test loop.test LOOP.test six.test mapped.test scoped.test mixed.test mixed6.test bücher.test".split(),
]
NO_ADDRESSES = [
    *"http:// http:///x http:x http:/x https://:443/ http://? http://[ http://[::1 http://::1/ http://.. ".split(),
    *"http://a..b/ http://.a/ http://*/ http://%zz/ http://127%2e0%2e0%2e1/ http://[v1.a]/ http://a,b/".split(),
    *"http://[fe80::1%25eth0]/ http://[fe80::1%eth0]/ http://[127.0.0.1]/".split(),
    "http://a b/",
    # user info, and what some readers take for it
    *"http://me@loop.test/ http://me:hush@loop.test/ http://@loop.test/ http://a.test@127.0.0.1/".split(),
    *"http://a.test:80@127.0.0.1/ http://a.test\\@127.0.0.1/ http:\\\\127.0.0.1\\".split(),
    # control characters, and those that turn the writing around
    "http://a.test/\r\nHost: b",
    "http://a.test\n/",
    "http://a\t.test/",
    "http://a.test/\0",
    "http://a.test/\x7f",
    "http://a.test/\x85",
    "http://\u202ea.test/",
    # digits, dots and letters that look like others
    *"http://①②⑦.⓪.⓪.①/ http://127。0。0。1/ http://\uff11\uff12\uff17.0.0.1/ http://ⓛoop.test/".split(),
    "http://loop\u00ad.test/",
    # lengths
    "http://" + "a" * 64 + ".test/",
    "http://" + "a." * 200 + "test/",
    "http://a.test/" + "x" * URL_MAX_CHARS,
    "http://a.test/?" + "é" * 3000 + "x" * URL_MAX_CHARS,
]
PORTS = [0, 1, 21, 22, 23, 25, 53, 111, 2375, 3306, 5432, 6379, 8080, 8188, 9200, 11211, 27017, 65535]
NO_PORTS = ["65536", "99999", "-1", "+80", "0x50", "80:80", "\uff18\uff10", "http", "8 0"]
SCHEMES = [
    *"file:///etc/passwd file:/etc/passwd FILE:///etc/passwd ftp://a.test/v gopher://127.0.0.1:6379/_INFO".split(),
    *"dict://127.0.0.1:11211/stats ldap://127.0.0.1/ s3://bucket/v ws://a.test/ jar:http://a.test!/v".split(),
    *"unix:///var/run/docker.sock http+unix://%2Fvar%2Frun%2Fdocker.sock/ concat:a|b javascript:0".split(),
    *"view-source:http://a.test/ blob:http://a.test/1 netdoc:///etc/passwd php://filter/x https+x://a.test/".split(),
]
PATHS = [
    *"/etc/passwd ../secret.wav in/../../secret.wav //127.0.0.1/v \\\\127.0.0.1\\v ://a.test/ //loop.test/v".split(),
    *"link_out folder_out/secret.wav chain self dangling pipe socket in . / /dev/zero /dev/tty ~/v.wav".split(),
    *"/proc/self/environ /proc/self/fd/0 %2e%2e/secret.wav ..\\secret.wav missing.wav".split(),
    "",
    " http://127.0.0.1/",
    "\thttp://127.0.0.1/",
    "v.wav/../v.wav\0",
    "x" * 300,
    "x/" * 3000,
    "\udcff",
]
PLACES_BEHIND_A_REDIRECT = [
    *"http://127.0.0.1/ http://169.254.169.254/latest/meta-data/ http://2130706433/ //localhost/ http://[::1]/".split(),
    *"http://metadata.google.internal/ http://0x7f.1/ http://mixed.test/ file:///etc/passwd ftp://loop.test/".split(),
    *"http://me:hush@loop.test/ http://loop.test:22/ //loop.test:6379 gopher://127.0.0.1/ http://[ http://\\x".split(),
    *"data:audio/wav,x javascript:0".split(),
    "http://a\x00b/",
    "http://loop.test/?" + "x" * 9000,
]
