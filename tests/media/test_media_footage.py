"""Videos as people have them: what is shown of each is what a player would show, at the right moments."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.footage import Footage, open_footage
from media.image import plan_fit
from media.keyframes import Picks, pictures_of
from media.picture import HighRange
from media.primaries import BT2020
from tests.media.films import FASTEST, brightness_at, ffmpeg, make_film

HALVES = "pad=w=2*iw:h=ih:color=white"  # the right half is white
HLG = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=arib-std-b67"
TEN_BIT = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le")


def opened(path: Path, warnings: list[str] | None = None) -> Footage:
    return open_footage(path, path.parent, [] if warnings is None else warnings, Cancellation())


def shown(footage: Footage, step: int = 25, count: int = 3, frame: tuple[int, int] = (64, 64)) -> list[Image.Image]:
    fit = plan_fit((footage.width, footage.height), frame, "cover", [])
    return list(pictures_of(footage, Picks(step, count), fit, footage.file.parent, Cancellation()))


def levels(pictures: list[Image.Image]) -> list[float]:
    return [ImageStat.Stat(picture.convert("L")).mean[0] for picture in pictures]


def in_three_rates(path: Path) -> None:
    """Three seconds: at 10 pictures a second, then at 30, then one picture for all of it."""
    make_film(path, 3.0, rate="30", filters="select='lt(t\\,1)*not(mod(n\\,3))+between(t\\,1\\,2)'", options=VARIABLE)


VARIABLE = (*FASTEST, "-fps_mode", "passthrough")
KINDS: list[tuple[str, Callable[[Path], object]]] = [
    ("plain.mp4", make_film),
    ("old.mov", lambda path: make_film(path, options=("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "2"))),
    ("vp8.mkv", lambda path: make_film(path, options=("-c:v", "libvpx", "-deadline", "realtime", "-crf", "4"))),
    ("hevc.mp4", lambda path: make_film(path, options=(*TEN_BIT[:-1], "yuv420p"), size="64x64")),
    ("av1.webm", lambda path: make_film(path, options=("-c:v", "libsvtav1", "-preset", "12"), size="64x64")),
    ("camera.ts", lambda path: make_film(path, sound=True, options=("-c:v", "mpeg2video", "-q:v", "2"))),
    ("old.avi", lambda path: make_film(path, options=("-c:v", "mpeg4", "-q:v", "2"))),
    ("variable.mkv", in_three_rates),
]


@pytest.mark.parametrize(("name", "make"), KINDS, ids=[name for name, _ in KINDS])
def test_the_picture_at_each_second_is_the_players(name: str, make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / name)
    assert levels(shown(opened(tmp_path / name))) == pytest.approx([brightness_at(t) for t in (0, 1, 2)], abs=3)


def test_a_phones_video_is_upright_and_a_camcorders_as_wide_as_it_was(tmp_path: Path) -> None:
    wide = make_film(tmp_path / "wide.mp4", 0.2, size="64x64", filters=HALVES)
    data = bytearray(wide.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    (tmp_path / "turned.mp4").write_bytes(data)
    turned = opened(tmp_path / "turned.mp4")
    assert (turned.width, turned.height) == (64, 128)
    (picture,) = shown(turned, count=1)
    middle = picture.height // 2
    upper, lower = levels([picture.crop((0, 0, 64, middle - 8)), picture.crop((0, middle + 8, 64, picture.height))])
    assert (lower > 200, upper < 60) == (True, True), "turned by a quarter, its right half lies below"
    narrow = opened(make_film(tmp_path / "narrow.mkv", 0.2, size="96x64", filters="setsar=2/3"))
    assert (narrow.width, narrow.height) == (64, 64)


def test_high_range_is_shown_with_that_of_a_screen_and_told(tmp_path: Path) -> None:
    """By ITU-R BT.2100 and BT.2408: grey of 66 % HLG is 121 of the screen's 203 cd/m2, a colour of BT.2020 is stronger
    on a screen."""
    grey, red = "geq=lum=169", "format=yuv444p,geq=lum=120:cb=120:cr=145"
    for name, filters, options in (
        ("grey", f"{grey},{HLG}", TEN_BIT),
        ("red", f"{red},{HLG}", TEN_BIT),
        ("sdr", red, FASTEST),
    ):
        make_film(tmp_path / f"{name}.mov", 0.1, size="64x64", filters=filters, options=options)
    warnings: list[str] = []
    seen = {
        name: ImageStat.Stat(shown(opened(tmp_path / f"{name}.mov", warnings), count=1)[0]).mean
        for name in ("grey", "red", "sdr")
    }
    assert warnings == ["the video has a high dynamic range (HLG); it is shown with the range of a screen"] * 2
    assert seen["grey"] == pytest.approx([203] * 3, abs=3)
    assert seen["red"] == pytest.approx([182, 114, 111], abs=3)
    assert seen["sdr"] == pytest.approx([148, 110, 105], abs=3)


def test_a_bright_video_says_how_bright_and_colours_that_nobody_sees_are_refused(tmp_path: Path) -> None:
    pq = HLG.replace("arib-std-b67", "smpte2084")
    told = tuple(f"{one}:hdr10=1:max-cll=400,100" if one == "log-level=none" else one for one in TEN_BIT)
    film = make_film(tmp_path / "told.mp4", 0.1, size="64x64", filters=f"geq=lum=148,{pq}", options=told)
    tag = (*TEN_BIT, "-tag:v", "hvc1")
    plain = make_film(tmp_path / "plain.mp4", 0.1, size="64x64", filters=pq, options=tag)
    assert [opened(one).high_range for one in (film, plain)] == [HighRange("PQ", BT2020, peak) for peak in (400, 1000)]
    assert levels(shown(opened(film), count=1)) == pytest.approx([238], abs=3), "203 cd/m2, bent below white"
    (tmp_path / "dolby.mp4").write_bytes(_as_dolby_vision_5(plain.read_bytes()))
    with pytest.raises(WorkerError, match="Dolby Vision of profile 5"):
        opened(tmp_path / "dolby.mp4")


def _as_dolby_vision_5(data: bytes) -> bytes:
    """With a configuration record in the entry of the track (Dolby, "Dolby Vision Streams within the ISO Base Media
    File Format"): profile 5, level 6, with metadata and a base layer."""
    record = struct.pack(">I4sBBHI", 32, b"dvcC", 1, 0, 5 << 9 | 6 << 3 | 0b101, 0) + bytes(16)
    end = data.index(b"hvc1", data.index(b"stsd")) - 4
    end += int.from_bytes(data[end : end + 4])
    grown = bytearray(data[:end] + record + data[end:])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1"):
        place = data.index(name, data.index(b"moov")) - 4
        grown[place : place + 4] = (int.from_bytes(data[place : place + 4]) + len(record)).to_bytes(4)
    return bytes(grown)


def test_untagged_colours_are_those_of_hd_where_it_is_hd(tmp_path: Path) -> None:
    """As players take them: BT.709 from 720 lines on, BT.601 below."""
    strong = "format=yuv444p,geq=lum=100:cb=128:cr=200"
    for size, expected in (("64x720", (227, 59, 98)), ("64x576", (213, 39, 98))):
        film = opened(make_film(tmp_path / f"{size}.mp4", 0.1, size=size, filters=strong))
        (picture,) = shown(film, count=1)
        assert ImageStat.Stat(picture).mean == pytest.approx(expected, abs=4)


def test_a_picture_of_days_becomes_no_more_than_is_asked_for(tmp_path: Path) -> None:
    """Else all of it would be made, and stand in memory, before the first picture is handed on."""
    film = make_film(tmp_path / "days.mp4", 0.4, size="64x64")
    data = bytearray(film.read_bytes())
    times = data.index(b"stts") + 8
    data[times : times + 12] = struct.pack(">3i", 1, 12, 1 << 22)  # how many pictures, and the ticks of each
    film.write_bytes(data)
    footage = opened(film)
    fit = plan_fit((footage.width, footage.height), (64, 64), "cover", [])
    made = pictures_of(footage, Picks(25, 3), fit, tmp_path, Cancellation())
    assert [next(made).size for _ in range(3)] == [(64, 64)] * 3
    with pytest.raises(StopIteration) as end:
        next(made)
    assert end.value.value <= 25 * 2 + 2


def test_transparent_is_white_and_two_fields_are_one_picture(tmp_path: Path) -> None:
    clear = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuva420p")
    filters = "format=yuva420p,geq=lum='lum(X,Y)':cb=128:cr=128:a='if(lt(X,W/2),0,255)'"
    footage = opened(make_film(tmp_path / "cut_out.webm", 0.2, size="64x64", filters=filters, options=clear))
    assert footage.alpha
    (picture,) = shown(footage, count=1)
    clear_side, dark_side = levels([picture.crop((4, 4, 24, 60)), picture.crop((40, 4, 60, 60))])
    assert (clear_side > 240, dark_side < 60) == (True, True)
    fields = ("-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct")
    comb = "geq=lum='20+200*mod(Y\\,2)':cb=128:cr=128,setfield=tff"  # one field is dark, the other one bright
    tape = opened(make_film(tmp_path / "tape.ts", 0.4, size="64x64", filters=comb, options=fields))
    assert tape.interlaced
    (picture,) = shown(tape, count=1)
    rows = [levels([picture.crop((8, row, 56, row + 1))])[0] for row in range(16, 48)]
    assert max(rows) - min(rows) < 20


def test_a_track_that_nobody_decodes_is_in_nobodys_way(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", 0.2, size="64x64", sound=True)
    (tmp_path / "lines.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    odd = ("-c:v", "copy", "-c:a", "dca", "-strict", "-2", "-c:s", "ass")
    ffmpeg("-i", str(film), "-i", str(tmp_path / "lines.srt"), *odd, str(tmp_path / "odd.mkv"))
    assert opened(tmp_path / "odd.mkv").codec == "h264"


def test_the_last_picture_is_held_and_the_length_is_what_was_seen(tmp_path: Path) -> None:
    footage = opened(make_film(tmp_path / "short.mp4", 1.0, size="64x64"))
    fit = plan_fit((64, 64), (64, 64), "cover", [])
    pictures = pictures_of(footage, Picks(24, 4), fit, tmp_path, Cancellation())
    told: list[int] = []

    def follow() -> Iterator[Image.Image]:
        told.append((yield from pictures))

    seen = list(follow())
    assert told == [25]
    assert levels(seen) == pytest.approx([brightness_at(t) for t in (0, 0.967, 0.967, 0.967)], abs=3)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(600), "it is a PNG picture; send a JPEG, PNG"),
        ("a.gif", b"GIF89a" + bytes(600), "it is a GIF picture; send"),
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(600), "it is a HEIC picture; send"),
        ("a.wav", b"RIFF\0\0\0\0WAVEfmt " + bytes(600), "it is a WAV file; send sound in audio_urls"),
        ("a.m3u8", b"#EXTM3U\nhttp://127.0.0.1/a.ts", "it is a playlist (M3U)"),
        ("a.html", b"<!doctype html><html>", "a share link leads to a page"),
        ("a.flv", b"FLV\1" + bytes(600), "it is a Flash film"),
        ("a.mp4", b"\0\0\0\x18ftypisom" + bytes(600), "damaged"),
    ],
)
def test_what_is_no_video_is_refused_by_its_name(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WorkerError) as caught:
        opened(tmp_path / name)
    assert caught.value.code is ErrorCode.VIDEO_INVALID
    assert says in caught.value.message


def test_sound_alone_in_a_films_container_and_sizes_beyond_the_limits_are_refused(tmp_path: Path) -> None:
    tone = ("-f", "lavfi", "-i", "sine=duration=0.2", "-c:a", "aac")
    ffmpeg(*tone, str(tmp_path / "voice.m4a"))
    with pytest.raises(WorkerError, match="no pictures, only sound; send sound in audio_urls"):
        opened(tmp_path / "voice.m4a")
    for size in ("32x64", "8320x64", "4112x2304"):
        film = make_film(tmp_path / "odd.mkv", 0.04, size=size, options=("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"))
        with pytest.raises(WorkerError, match=f"The video has {size} pixels; send"):
            opened(film)
