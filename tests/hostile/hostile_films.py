"""Videos to dub that strangers might send: cut, lying, without end, or something else."""

from collections.abc import Iterator
from pathlib import Path

from tests.hostile.hostile_case import OK, VIDEO, Case, noise
from tests.media.films import make_film

REFUSED, EITHER = (VIDEO,), (OK, VIDEO)
TINY = "64x64"


def films(scratch: Path) -> Iterator[Case]:
    """Made in `scratch`, one after the other."""
    mp4 = make_film(scratch / "a.mp4", 0.4, sound=True, size=TINY).read_bytes()
    mkv = make_film(scratch / "a.mkv", 0.4, size=TINY).read_bytes()
    avi = make_film(scratch / "a.avi", 0.4, options=("-c:v", "mpeg4"), size=TINY).read_bytes()
    stream = make_film(scratch / "a.ts", 0.4, options=("-c:v", "mpeg2video"), size=TINY).read_bytes()
    yield Case("plain.mp4", mp4, (OK,))
    yield Case("plain.ts", stream, (OK,))
    yield from _cut_and_spoiled(mp4, mkv, avi)
    yield from _lying(mp4, mkv)
    yield from _something_else()


def _cut_and_spoiled(mp4: bytes, mkv: bytes, avi: bytes) -> Iterator[Case]:
    yield Case("cut_in_the_index.mp4", mp4[:-200], EITHER)
    yield Case("cut_in_half.mp4", mp4[: len(mp4) // 2], REFUSED)
    yield Case("cut_in_half.mkv", mkv[: len(mkv) // 2], EITHER)
    yield Case("only_a_head.mp4", mp4[:36], REFUSED)
    yield Case("only_a_head.mkv", mkv[:40], REFUSED)
    yield Case("noise_behind_a_head.mp4", mp4[:36] + noise(50_000), REFUSED)
    yield Case("noise_behind_a_head.avi", avi[:200] + noise(50_000), REFUSED)
    middle = len(mkv) // 3
    yield Case("noise_within.mkv", mkv[:middle] + noise(500) + mkv[middle + 500 :], EITHER)
    picture = mp4.index(b"mdat") + 40
    yield Case("noise_for_pictures.mp4", mp4[:picture] + noise(600) + mp4[picture + 600 :], EITHER)
    yield Case("zeros_behind.mp4", mp4, EITHER, zeros=50_000_000)


def _lying(mp4: bytes, mkv: bytes) -> Iterator[Case]:
    track = mp4.index(b"tkhd") + 80  # width and height, in 65536ths
    yield Case("says_65535_pixels.mp4", mp4[:track] + b"\xff\xff\0\0" * 2 + mp4[track + 8 :], EITHER)
    matrix = mp4.index(b"tkhd") + 44
    yield Case("turned_by_noise.mp4", mp4[:matrix] + noise(36) + mp4[matrix + 36 :], EITHER)
    times = mp4.index(b"stts") + 8
    yield Case(
        "a_picture_for_days.mp4", mp4[:times] + b"\0\0\0\1\0\0\0\x0a\x7f\xff\xff\xff" + mp4[times + 12 :], EITHER
    )
    yield Case("no_time_between.mp4", mp4[:times] + b"\0\0\0\1\0\0\0\x0a\0\0\0\0" + mp4[times + 12 :], EITHER)
    sizes = mp4.index(b"stsz") + 8
    yield Case("268_million_pictures.mp4", mp4[:sizes] + b"\0\0\0\1\x10\0\0\0" + mp4[sizes + 8 :], EITHER)
    wide = mkv.index(b"\xb0\x81\x40")  # PixelWidth 64 in one byte
    yield Case("says_no_pixels.mkv", mkv[:wide] + b"\xb0\x81\0" + mkv[wide + 3 :], EITHER)


def _something_else() -> Iterator[Case]:
    yield Case("playlist.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", REFUSED)
    yield Case("concat.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n", REFUSED)
    yield Case("dash.mp4", b"<?xml version='1.0'?><MPD><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>", REFUSED)
    yield Case("session.mp4", b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n", REFUSED)
    yield Case("empty.mp4", b"", REFUSED)
    yield Case("picture.mp4", b"\x89PNG\r\n\x1a\n" + bytes(600), REFUSED)
    yield Case("sync_bytes.ts", (b"\x47" + bytes(187)) * 2_000, REFUSED)
    yield Case("sync_bytes_of_noise.ts", b"".join(b"\x47" + noise(187, seed) for seed in range(500)), REFUSED)
