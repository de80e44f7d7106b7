"""Damaged, foreign and far too large pictures end as IMAGE_INVALID in one line, and nothing else ever escapes."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from contract.errors import ErrorCode, Stage, WorkerError
from media.image import open_portrait
from media.kinds import PICTURES
from tests.media.media_pictures import quarters, save


def _refused(path: Path) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        open_portrait(path, [])
    error = caught.value
    assert (error.code, error.stage, error.retryable) == (ErrorCode.IMAGE_INVALID, Stage.PREPARE, False)
    assert str(path.parent) not in error.message
    assert error.message
    return error


def _encoded(format_: str) -> bytes:
    out = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a portrait"
    quarters(96, 96).save(out, format=format_, exif=exif)
    return out.getvalue()


def _huge_png(path: Path, width: int, height: int) -> Path:
    """Only the header says how large it is: a reader that decoded it would find no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data, b"IEND"))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def test_text_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "image.source"
    path.write_text("no picture\n" * 50)
    assert PICTURES in _refused(path).message


def test_an_empty_file_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "image.source"
    path.write_bytes(b"")
    _refused(path)


@pytest.mark.parametrize("format_", ["ICO", "PPM", "TGA", "JPEG2000"])
def test_other_kinds_of_picture_are_refused(format_: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    quarters(64, 64).save(path, format=format_)
    assert PICTURES in _refused(path).message


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_truncated_picture_is_refused(format_: str, share: float, tmp_path: Path) -> None:
    data = _encoded(format_)
    path = tmp_path / "image.source"
    path.write_bytes(data[: int(len(data) * share)])
    _refused(path)


@pytest.mark.parametrize("size", [(8000, 5001), (10_000, 12_000), (30_000, 30_000)], ids=["40MP", "120MP", "900MP"])
def test_too_many_pixels_are_refused_before_they_are_decoded_and_told_so(size: tuple[int, int], tmp_path: Path) -> None:
    assert "megapixels" in _refused(_huge_png(tmp_path / "huge.png", *size)).message


def test_a_tall_thin_picture_within_the_limit_is_taken(tmp_path: Path) -> None:
    path = save(Image.new("RGB", (64, 3000), "red"), tmp_path / "thin.png")
    assert open_portrait(path, []).size == (64, 3000)


@pytest.mark.parametrize("size", [(1, 1), (63, 900), (900, 63)])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tiff"])
def test_a_picture_too_small_for_a_face_is_refused(size: tuple[int, int], suffix: str, tmp_path: Path) -> None:
    message = _refused(save(Image.new("RGB", size, "red"), tmp_path / f"small.{suffix}")).message
    assert message == f"The image is {size[0]}x{size[1]} pixels; send one of at least 64 pixels a side"


def test_64_pixels_are_enough(tmp_path: Path) -> None:
    assert open_portrait(save(Image.new("RGB", (64, 64)), tmp_path / "small.png"), []).size == (64, 64)


def _with_exif(path: Path, exif: bytes) -> Path:
    plain = BytesIO()
    quarters(96, 64).save(plain, format="JPEG")
    data = plain.getvalue()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    return path


@pytest.mark.parametrize("exif", [b"garbage!", b"MM\0\x2a\0\0\0\x08\xff\xff" + b"\x01\x12" * 9, b"II\x2a\0\xff", b""])
def test_broken_exif_does_not_cost_the_picture(exif: bytes, tmp_path: Path) -> None:
    """Every viewer shows such a photograph."""
    assert open_portrait(_with_exif(tmp_path / "photograph.jpg", b"Exif\0\0" + exif), []).size == (96, 64)


@pytest.mark.parametrize(("tag", "kind"), [(0x011A, 2), (0x0128, 4), (0x0213, 2), (0xA005, 7)])
def test_an_exif_entry_of_an_unusual_type_beside_the_orientation(tag: int, kind: int, tmp_path: Path) -> None:
    """Cameras and editors write them; only the orientation is of interest."""
    entries = sorted([struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0), struct.pack(">HHI4s", tag, kind, 1, b"ab\0\1")])
    exif = b"Exif\0\0MM\0\x2a\0\0\0\x08" + struct.pack(">H", 2) + b"".join(entries) + bytes(4)
    assert open_portrait(_with_exif(tmp_path / "photograph.jpg", exif), []).size == (64, 96)


@settings(max_examples=150, deadline=None)
@given(
    data=st.sampled_from([_encoded("JPEG"), _encoded("PNG"), _encoded("WEBP")]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    early=st.booleans(),
)
def test_no_damage_ends_in_anything_but_a_picture_or_image_invalid(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, changes: list[tuple[float, int]], early: bool
) -> None:
    """`early` puts the damage into the headers, where parsers trip."""
    damaged = bytearray(data)
    for place, value in changes:
        damaged[int(place * min(len(damaged), 200 if early else len(damaged)))] = value
    path = tmp_path_factory.getbasetemp() / "damaged.source"
    path.write_bytes(damaged)
    try:
        outcome: object = open_portrait(path, []).mode
    except WorkerError as error:
        outcome = error.code
    assert outcome in ("RGB", ErrorCode.IMAGE_INVALID)
