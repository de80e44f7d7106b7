"""Pictures for displays of high dynamic range keep what a screen can show, and bend the rest; the caller is told."""

from pathlib import Path

import pytest

from media.image import open_portrait
from tests.media.colour_files import deep_png
from tests.media.media_pictures import near, pixel

PQ, HLG = (b"cICP", bytes((9, 16, 0, 1))), (b"cICP", bytes((9, 18, 0, 1)))
# Codes of light in cd/m², as ITU-R BT.2100 and BT.2408 print them.
PQ_CODES = {0: 0.0, 100: 0.5081, 203: 0.5807, 1000: 0.7518, 10_000: 1.0}
HLG_WHITE, HLG_GREY_CARD = 0.75, 0.38
CIRCLE = 64


def _greys(path: Path, codes: list[float], *chunks: tuple[bytes, bytes]) -> tuple[list[int], list[str]]:
    warnings: list[str] = []
    image = open_portrait(deep_png(path, [(code,) * 3 for code in codes], *chunks), warnings)
    seen = [pixel(image, CIRCLE * at + 32, 32) for at in range(len(codes))]
    assert all(max(colour) - min(colour) <= 1 for colour in seen)
    return [colour[1] for colour in seen], warnings


def test_up_to_the_screens_white_pq_looks_as_it_was_made(tmp_path: Path) -> None:
    seen, warnings = _greys(tmp_path / "picture.png", [PQ_CODES[light] for light in (0, 100, 203)], PQ)
    assert near(seen, (0, 186, 255), 1)  # 100 of 203 is 186 with the curve of sRGB
    assert len(warnings) == 1
    assert "high dynamic range (PQ)" in warnings[0]


def test_highlights_are_bent_and_the_rest_is_not(tmp_path: Path) -> None:
    seen, _ = _greys(tmp_path / "picture.png", [PQ_CODES[light] for light in (100, 203, 1000)], PQ)
    assert near(seen[:1], (186,), 1)
    assert 200 < seen[1] < 245
    assert seen[2] == 255


def test_the_light_that_the_file_announces_is_the_most(tmp_path: Path) -> None:
    told = (b"cLLI", (10_000_000).to_bytes(4, "big") + bytes(4))  # 1000 cd/m²
    plain, _ = _greys(tmp_path / "picture.png", [PQ_CODES[light] for light in (203, 1000)], PQ)
    with_it, _ = _greys(tmp_path / "told.png", [PQ_CODES[light] for light in (203, 1000, 10_000)], PQ, told)
    assert with_it == [*plain, 255]


def test_hlg_white_is_white(tmp_path: Path) -> None:
    seen, warnings = _greys(tmp_path / "picture.png", [0.0, HLG_GREY_CARD, HLG_WHITE], HLG)
    assert near(seen, (0, 100, 255), 12)
    assert "high dynamic range (HLG)" in warnings[0]


@pytest.mark.parametrize("points", [PQ, HLG])
def test_its_colours_are_those_of_bt_2020(points: tuple[bytes, bytes], tmp_path: Path) -> None:
    """Red of that space lies far outside of sRGB's."""
    path = deep_png(tmp_path / "picture.png", [(0.5, 0.0, 0.0), (0.5, 0.5, 0.5)], points)
    red = pixel(open_portrait(path, []), 32, 32)
    assert red[0] > 120
    assert red[1] == red[2] == 0
