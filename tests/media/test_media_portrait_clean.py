"""Of a portrait only its picture goes on: in its own colours, small enough, and with nothing else of the file."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from contract.request import parse_request
from media.image import open_portrait
from media.kinds import PICTURES
from sources.fetch import Inputs
from tests.job.prepared import prepare
from tests.media.media_pictures import BLUE, CORNERS, GREEN, RED, corner_colours, near, pixel, quarters, save
from tests.media.media_sounds import make_sound

SECRET = b"where it was taken"


def swapped_profile() -> bytes:
    """A colour profile in which red and blue are the other way round."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for one, other in ((b"rXYZ", b"bXYZ"), ("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be"))):
        data = data.replace(one, b"????").replace(other, one).replace(b"????", other)
    return data


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_colours_are_those_of_the_pictures_own_profile(suffix: str, tmp_path: Path) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    path = save(
        Image.new("RGB", (64, 64), RED), tmp_path / f"picture.{suffix}", icc_profile=swapped_profile(), **options
    )
    assert near(pixel(open_portrait(path, []), 32, 32), BLUE, 30)


def test_a_profile_goes_with_transparency(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (64, 64), (*RED, 255))
    picture.paste((0, 0, 0, 0), (32, 0, 64, 64))
    image = open_portrait(save(picture, tmp_path / "picture.png", icc_profile=swapped_profile()), [])
    assert near(pixel(image, 8, 32), BLUE, 30)
    assert near(pixel(image, 60, 32), (255, 255, 255), 3)


@pytest.mark.parametrize("profile", [b"", b"noise" * 99, swapped_profile()[:300]], ids=["none", "noise", "cut"])
@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_a_profile_that_does_not_fit_changes_nothing(profile: bytes, mode: str, tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 64), GREEN).convert(mode)
    with_it = open_portrait(save(picture, tmp_path / "with.jpg", icc_profile=profile, quality=95), [])
    without = open_portrait(save(picture, tmp_path / "without.jpg", quality=95), [])
    assert with_it.tobytes() == without.tobytes()


def test_a_profile_for_other_pixels_changes_nothing(tmp_path: Path) -> None:
    picture = quarters(64, 64).convert("CMYK")
    image = open_portrait(save(picture, tmp_path / "picture.jpg", icc_profile=swapped_profile(), quality=95), [])
    assert all(near(seen, drawn, 30) for seen, drawn in zip(corner_colours(image), CORNERS, strict=True))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_picture_is_made_smaller_and_keeps_its_shape(suffix: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = quarters(4200, 3200) if orientation == 1 else quarters(3200, 4200).transpose(Image.Transpose.ROTATE_90)
    image = open_portrait(save(stored, tmp_path / f"picture.{suffix}", exif=exif), [])
    assert image.size == ((2100, 1600) if orientation == 1 else (1600, 2100))
    assert all(near(seen, drawn, 25) for seen, drawn in zip(corner_colours(image), CORNERS, strict=True))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_a_large_picture_of_any_mode_has_no_seams(mode: str, tmp_path: Path) -> None:
    picture = Image.new(mode.replace("I;16", "I"), (4401, 3001), 0)
    picture = picture.convert("I;16") if mode == "I;16" else picture
    path = save(picture, tmp_path / "picture.png", compress_level=1)
    image = open_portrait(path, [])
    background = 255 if mode in ("LA", "RGBA") else 0
    assert image.size == (2201, 1501)
    assert image.getextrema() == ((background, background),) * 3


def _chunks(png: bytes) -> list[bytes]:
    names, place = [], 8
    while place < len(png):
        names.append(png[place + 4 : place + 8])
        place += 12 + int.from_bytes(png[place : place + 4], "big")
    return names


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_nothing_of_the_file_but_its_picture_reaches_the_server(suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    xmp, icc = b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>", swapped_profile() + SECRET
    source = save(quarters(96, 96), tmp_path / f"source.{suffix}", exif=exif, xmp=xmp, icc_profile=icc, comment=SECRET)
    assert SECRET in source.read_bytes() or suffix == "png"
    voice = make_sound(tmp_path / "voice.wav", "0.4*sin(2*PI*440*t)", 1, 16_000)
    request = parse_request({"image_url": "a", "audio_urls": ["b"], "width": 256, "height": 256})
    inputs = Inputs(source, (voice,))
    prepared = prepare(request, inputs, tmp_path, [], Cancellation(), audio_max_seconds=390, video_max_seconds=600)
    data = prepared.references.file.read_bytes()
    assert set(_chunks(data)) == {b"IHDR", b"IDAT", b"IEND"}
    assert SECRET not in data


def test_an_inverted_cmyk_jpeg_of_adobe_has_its_colours(tmp_path: Path) -> None:
    """Pillow writes and reads them so; a file without Adobe's mark would come out as its negative."""
    out = BytesIO()
    quarters(64, 64).convert("CMYK").save(out, format="JPEG", quality=95)
    assert b"Adobe" in out.getvalue()
    (tmp_path / "picture.jpg").write_bytes(out.getvalue())
    image = open_portrait(tmp_path / "picture.jpg", [])
    assert all(near(seen, drawn, 30) for seen, drawn in zip(corner_colours(image), CORNERS, strict=True))


def test_thousands_of_frames_behind_the_first_are_not_looked_at(tmp_path: Path) -> None:
    first = Image.new("RGB", (64, 64), RED)
    path = save(first, tmp_path / "picture.png", save_all=True, append_images=[Image.new("RGB", (64, 64), GREEN)] * 2)
    data = path.read_bytes()
    broken = data[: data.index(b"fdAT")] + b"fdAT" + b"\xff" * 500
    path.write_bytes(broken)
    warnings: list[str] = []
    assert near(pixel(open_portrait(path, warnings), 32, 32), RED, 2)
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x0cJXL " + bytes(99), "a JPEG XL picture"),
        (b"\0\0\0\x18ftypcrx " + bytes(99), "a camera's raw picture"),
        (b"\0\0\0\x18ftypisom" + bytes(99), "an MP4 or M4A file"),
        (b"<html><body>Sign in</body></html>", "a web page (HTML) (a share link leads to a page"),
        (b"%PDF-1.7", "a PDF document"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG picture"),
        (b"", "an empty file"),
    ],
)
def test_another_kind_of_file_is_refused_by_name(head: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / "image.source"
    path.write_bytes(head)
    with pytest.raises(WorkerError) as caught:
        open_portrait(path, [])
    assert caught.value.code is ErrorCode.IMAGE_INVALID
    assert caught.value.message.startswith(f"The image is not a {PICTURES} picture: it is {name}")


def test_a_webp_has_a_smaller_limit_and_is_told_what_has_not(tmp_path: Path) -> None:
    size = (4000 - 1).to_bytes(3, "little") + (4000 - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<II", 10, 0) + size
    path = tmp_path / "image.source"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    with pytest.raises(WorkerError, match="more than 14 megapixels; send it as JPEG or PNG"):
        open_portrait(path, [])


def test_a_profile_that_unpacks_to_too_much_is_left_aside(tmp_path: Path) -> None:
    path = save(Image.new("RGB", (64, 64), RED), tmp_path / "picture.png")
    data, content = path.read_bytes(), b"iCCPa\0\0" + zlib.compress(swapped_profile() + bytes(5_000_000))
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    path.write_bytes(data[:33] + chunk + data[33:])
    assert pixel(open_portrait(path, []), 32, 32) == RED
