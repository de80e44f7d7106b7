"""A JPEG is whole when its pixels are, with or without an end mark, and whatever stands behind them."""

import struct
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from contract.errors import ErrorCode, WorkerError
from media.image import open_portrait
from tests.hostile.hostile_case import noise
from tests.media.media_pictures import quarters

FILM = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + noise(200_000)
SAMSUNG = b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + FILM + b"SEFH\x6b\0\0\0" + noise(40) + b"SEFT"
KINDS: dict[str, dict[str, object]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 2},
    "grey": {},
}
BEHIND = {"nothing": b"", "film": FILM, "samsung": SAMSUNG, "zeros": bytes(5000), "picture": b"\xff\xd8\xff\xe0"}


def _jpeg(kind: str, **options: object) -> bytes:
    image = Image.frombytes("RGB", (40, 30), noise(3600)).resize((320, 240), Image.Resampling.BICUBIC)
    out = BytesIO()
    (image.convert("L") if kind == "grey" else image).save(out, format="JPEG", quality=90, **KINDS[kind], **options)
    return out.getvalue()


def _opened(data: bytes, folder: Path) -> bytes:
    path = folder / "image.source"
    path.write_bytes(data)
    return open_portrait(path, []).tobytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", BEHIND)
def test_without_an_end_mark_it_is_equal_to_the_whole(kind: str, behind: str, tmp_path: Path) -> None:
    whole = _jpeg(kind)
    assert _opened(whole[:-2] + BEHIND[behind], tmp_path) == _opened(whole, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", ["nothing", "zeros"])
def test_half_an_end_mark_is_none(kind: str, behind: str, tmp_path: Path) -> None:
    whole = _jpeg(kind)
    assert _opened(whole[:-1] + BEHIND[behind], tmp_path) == _opened(whole, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "behind", [*BEHIND.values(), noise(5000), b"\xff\xc4\xff\xff"], ids=[*BEHIND, "noise", "table"]
)
def test_what_stands_behind_the_end_mark_is_not_read(kind: str, behind: bytes, tmp_path: Path) -> None:
    whole = _jpeg(kind)
    assert _opened(whole + behind, tmp_path) == _opened(whole, tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_one_that_lacks_scan_lines_is_refused(kind: str, behind: str, share: float, tmp_path: Path) -> None:
    whole = _jpeg(kind)
    with pytest.raises(WorkerError) as caught:
        _opened(whole[: int(len(whole) * share)] + BEHIND[behind], tmp_path)
    assert caught.value.code is ErrorCode.IMAGE_INVALID


@pytest.mark.parametrize("kind", ["baseline", "restarts", "grey"])
def test_an_end_mark_in_place_of_scan_lines_is_refused(kind: str, tmp_path: Path) -> None:
    whole = _jpeg(kind)
    with pytest.raises(WorkerError):
        _opened(whole[: int(len(whole) * 0.7)] + b"\xff\xd9", tmp_path)


def test_a_grey_corner_of_the_picture_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    out = BytesIO()
    Image.new("RGB", (320, 240), (128, 128, 128)).save(out, format="JPEG")
    assert _opened(out.getvalue(), tmp_path) == bytes([128]) * 320 * 240 * 3


def test_the_end_mark_of_a_thumbnail_ends_nothing(tmp_path: Path) -> None:
    thumbnail = BytesIO()
    quarters(64, 48).save(thumbnail, format="JPEG")
    block = b"Exif\0\0MM\0*\0\0\0\x08" + bytes(6) + thumbnail.getvalue()
    part = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    whole = _jpeg("baseline")
    assert _opened(whole[:2] + part + whole[2:-2], tmp_path) == _opened(whole, tmp_path)


def test_the_first_of_several_pictures_without_its_end_mark(tmp_path: Path) -> None:
    first, second = _jpeg("baseline"), _jpeg("grey")
    assert _opened(first[:-2] + second, tmp_path) == _opened(first, tmp_path)
