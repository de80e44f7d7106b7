"""HEIC, AVIF, GIF, BMP and TIFF: turned as they say, in their colours, the first of several, and damage told."""

import base64
import struct
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from media.good_pictures import GOOD_PICTURES
from media.image import open_portrait
from media.sandbox import LIMITS, SANDBOXED
from tests.marks import sampled
from tests.media.colour_files import converted, display, icc
from tests.media.heif_files import TURNS, box, heic, nclx, turned
from tests.media.media_pictures import BLUE, CORNERS, GREEN, RED, corner_colours, near, pixel, quarters, save

SIZE = 120, 80
STORED = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
P3 = display("Display P3", "not sRGB")
SRGB_BOX, P3_BOX = nclx(1, 13), nclx(12, 13)


def _shows_the_corners(path: Path, most: int = 6, warning: str = "") -> bool:
    warnings: list[str] = []
    image = open_portrait(path, warnings)
    told = warnings == [] if not warning else (len(warnings) == 1 and warning in warnings[0])
    colours = zip(corner_colours(image), CORNERS, strict=True)
    return image.size == SIZE and told and all(near(seen, drawn, most) for seen, drawn in colours)


def _exif(orientation: int) -> bytes:
    found = Image.Exif()
    found[0x0112] = orientation
    return found.tobytes()


@pytest.mark.parametrize("kind", SANDBOXED)
def test_a_decoder_that_does_not_work_is_no_fault_of_the_picture(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge is a good picture of the same kind. The decoder is broken by a limit that lets it open no file."""
    good, damaged = tmp_path / "good", tmp_path / "damaged"
    good.write_bytes(base64.b64decode(GOOD_PICTURES[kind]))
    data = good.read_bytes()
    place = data.find(b"mdat") + 4 if b"mdat" in data else len(data) - 40  # of the picture itself, not of its head
    damaged.write_bytes(data[:place] + bytes(40) + data[place + 40 :])
    assert open_portrait(good, []).size == (64, 64)
    with pytest.raises(WorkerError) as caught:
        open_portrait(damaged, [])
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.IMAGE_INVALID, False)
    monkeypatch.setitem(LIMITS, "RLIMIT_NOFILE", 3)
    for portrait in (good, damaged):
        with pytest.raises(WorkerError) as caught:
            open_portrait(portrait, [])
        assert (caught.value.code, caught.value.retryable, caught.value.elsewhere) == (ErrorCode.INTERNAL, True, True)


@pytest.mark.parametrize("orientation", sampled(TURNS, 2))
@pytest.mark.parametrize("kind", ["heic", "heic_by_exif", "avif", "tiff"])
def test_it_is_upright(kind: str, orientation: int, tmp_path: Path) -> None:
    """A HEIC that turns itself may repeat it in EXIF, where it does not count."""
    stored, exif = quarters(*SIZE).transpose(STORED[orientation]), _exif(orientation)
    path = tmp_path / "image.source"
    if kind == "heic":
        heic(stored, path, SRGB_BOX, turned(orientation), exif=exif)
    elif kind == "heic_by_exif":
        heic(stored, path, SRGB_BOX, exif=exif)
    else:
        stored.save(path, format=kind, exif=exif)
    assert _shows_the_corners(path, 12)


@pytest.mark.parametrize("kind", ["profile", "code_points", "avif", "tiff"])
def test_its_colours_are_those_of_its_profile(kind: str, tmp_path: Path) -> None:
    picture, path = converted(quarters(*SIZE), P3), tmp_path / "image.source"
    if kind in ("avif", "tiff"):
        picture.save(
            path, format=kind, icc_profile=P3, **({"quality": 95, "subsampling": "4:4:4"} if kind == "avif" else {})
        )
    else:
        heic(picture, path, *((nclx(1, 13), box(b"colr", b"prof", P3)) if kind == "profile" else (P3_BOX,)))
    assert _shows_the_corners(path, 8)


def test_a_heic_of_high_range_is_told(tmp_path: Path) -> None:
    assert pixel(_high_range(tmp_path), 32, 32)[1] == 255


def _high_range(folder: Path) -> Image.Image:
    warnings: list[str] = []
    white = round(0.5807 * 255)
    path = heic(Image.new("RGB", SIZE, (white,) * 3), folder / "image.source", nclx(9, 16))
    image = open_portrait(path, warnings)
    assert "high dynamic range (PQ)" in warnings[0]
    return image


def test_what_is_transparent_in_avif_is_white(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (64, 64), (*RED, 255))
    picture.paste((0, 0, 0, 0), (32, 0, 64, 64))
    image = open_portrait(save(picture, tmp_path / "picture.avif", quality=100), [])
    assert near(pixel(image, 8, 32), RED, 4)
    assert near(pixel(image, 60, 32), (255, 255, 255), 2)


@pytest.mark.parametrize(
    ("suffix", "mode", "options"),
    [
        *(("bmp", mode, {}) for mode in ("RGB", "RGBA", "P", "L", "1")),
        *(("gif", mode, {}) for mode in ("RGB", "P", "L", "1")),
        *(("tiff", mode, {}) for mode in ("RGB", "RGBA", "P", "L")),
        *(("tiff", "RGB", {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")),
        ("tiff", "RGB", {"big_tiff": True}),
        ("tiff", "1", {"compression": "group4"}),
        *(("avif", mode, {"quality": 95}) for mode in ("RGB", "RGBA", "L")),
    ],
)
def test_whatever_an_editor_saves(suffix: str, mode: str, options: dict[str, object], tmp_path: Path) -> None:
    picture = quarters(*SIZE).convert("1", dither=Image.Dither.NONE) if mode == "1" else quarters(*SIZE).convert(mode)
    seen = open_portrait(save(picture, tmp_path / f"picture.{suffix}", **options), [])
    assert seen.size == SIZE
    colours = zip(corner_colours(seen), corner_colours(picture.convert("RGB")), strict=True)
    assert all(near(one, other, 12) for one, other in colours)


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "I;16"])
def test_a_tiff_of_printers_and_scanners(mode: str, tmp_path: Path) -> None:
    if mode == "I;16":
        picture = Image.new("I", SIZE, 0x8000).convert("I;16")
        image = open_portrait(save(picture, tmp_path / "picture.tiff"), [])
        assert near(pixel(image, 9, 9), (128,) * 3, 1)
        return
    picture = Image.new("LAB", SIZE, (255, 128, 128)) if mode == "LAB" else quarters(*SIZE).convert("CMYK")
    path = save(picture, tmp_path / "picture.tiff")
    assert near(pixel(open_portrait(path, []), 9, 9), (255, 255, 255) if mode == "LAB" else RED, 6)


def test_of_an_animated_gif_the_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "picture.gif"
    others = [Image.new("RGB", SIZE, colour) for colour in (GREEN, BLUE)]
    quarters(*SIZE).save(path, save_all=True, append_images=others, duration=80)
    assert _shows_the_corners(path, 8, "first frame")


def test_a_gif_is_transparent_on_white(tmp_path: Path) -> None:
    picture = Image.new("P", (64, 64), 0)
    picture.putpalette([*RED, 0, 0, 0])
    picture.paste(1, (32, 0, 64, 64))
    image = open_portrait(save(picture, tmp_path / "picture.gif", transparency=1), [])
    assert near(pixel(image, 8, 32), RED, 2)
    assert pixel(image, 60, 32) == (255, 255, 255)


def test_of_a_tiff_the_first_page(tmp_path: Path) -> None:
    path = tmp_path / "picture.tiff"
    quarters(*SIZE).save(path, save_all=True, append_images=[Image.new("RGB", SIZE, GREEN)])
    assert _shows_the_corners(path, 2, "the first is used")


def test_a_cameras_raw_picture_is_not_shown_as_its_preview(tmp_path: Path) -> None:
    path = save(quarters(*SIZE), tmp_path / "raw.dng.tiff", tiffinfo={254: 1})
    with pytest.raises(WorkerError, match="raw picture"):
        open_portrait(path, [])


def test_a_bmp_has_its_profile(tmp_path: Path) -> None:
    out = BytesIO()
    converted(quarters(*SIZE), P3).save(out, format="BMP")
    pixels = out.getvalue()[54:]
    head = struct.pack("<IiiHHIIiiII", 124, *SIZE, 1, 24, 0, len(pixels), 0, 0, 0, 0) + bytes(16) + b"DEBM"
    head = head.ljust(112, b"\0") + struct.pack("<III", 124 + len(pixels), len(P3), 0)
    size = 14 + len(head) + len(pixels)
    path = tmp_path / "picture.bmp"
    path.write_bytes(b"BM" + struct.pack("<IHHI", size + len(P3), 0, 0, 14 + len(head)) + head + pixels + P3)
    assert _shows_the_corners(path, 3)


def test_a_sequence_without_a_still_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.source"
    path.write_bytes(box(b"ftyp", b"hevc", bytes(4), b"hevcmsf1") + box(b"moov", bytes(99)))
    with pytest.raises(WorkerError, match="without a still picture"):
        open_portrait(path, [])


@pytest.mark.parametrize("kind", ["heic", "avif", "tiff"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_half_a_file_is_refused(kind: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / "image.source"
    if kind == "heic":
        heic(quarters(*SIZE), path, SRGB_BOX)
    else:
        quarters(*SIZE).save(path, format=kind)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WorkerError) as caught:
        open_portrait(path, [])
    assert caught.value.code is ErrorCode.IMAGE_INVALID


def test_a_cancelled_job_does_not_wait_for_a_decoder(tmp_path: Path) -> None:
    path = save(quarters(*SIZE), tmp_path / "picture.tiff")
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(WorkerError) as caught:
        open_portrait(path, [], cancel)
    assert caught.value.code is ErrorCode.CANCELLED


def test_a_profile_without_colours_does_not_cost_the_picture(tmp_path: Path) -> None:
    path = heic(quarters(*SIZE), tmp_path / "image.source", SRGB_BOX, box(b"colr", b"prof", icc({b"desc": b"text"})))
    assert _shows_the_corners(path, 8)
