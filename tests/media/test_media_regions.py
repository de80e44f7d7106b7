"""Whose mouth moves: regions of the original carried through crop and resize, names, default columns, refusals."""

import pytest

from contract.errors import ErrorCode, Stage, WorkerError
from media.image import Fit, draw_fitted, plan_fit
from media.masks import PixelBox, draw_masks, speaker_boxes
from tests.media.media_pictures import painted, red_box

LANDSCAPE, PORTRAIT, SQUARE = (1600, 900), (900, 1600), (1000, 1000)
SAME = Fit(400, 704, 400.0, 704.0, 0.0, 0.0)
Box = tuple[float, float, float, float]


def _fit(size: tuple[int, int], frame: tuple[int, int], mode: str) -> Fit:
    return plan_fit(size, frame, mode, [])


def _boxes(regions: list[object], fit: Fit = SAME) -> list[PixelBox]:
    return speaker_boxes(regions, fit)


def _refused(regions: list[object], fit: Fit = SAME) -> str:
    with pytest.raises(WorkerError) as caught:
        speaker_boxes(regions, fit)
    assert (caught.value.code, caught.value.stage) == (ErrorCode.REGION_INVALID, Stage.PREPARE)
    return caught.value.message


@pytest.mark.parametrize("mode", ["cover", "contain"])
@pytest.mark.parametrize(
    ("size", "frame"),
    [
        *((LANDSCAPE, (400, 704)), (LANDSCAPE, (704, 400)), (PORTRAIT, (400, 704)), (PORTRAIT, (704, 400))),
        *((SQUARE, (512, 512)), (SQUARE, (400, 704)), (SQUARE, (704, 400))),
    ],
)
@pytest.mark.parametrize("region", [(0.42, 0.4, 0.58, 0.6), (0.33, 0.42, 0.49, 0.58), (0.3, 0.3, 0.66, 0.52)])
def test_the_mask_covers_the_painted_box_in_the_frame(
    region: Box, size: tuple[int, int], frame: tuple[int, int], mode: str
) -> None:
    """A region that the crop cuts is cut with it."""
    fit = _fit(size, frame, mode)
    seen = red_box(draw_fitted(painted(*size, [region]), fit))
    (box,) = _boxes([region], fit)
    mask = draw_masks([box], fit)[0]
    assert mask.size == frame
    assert mask.getbbox() == box.as_tuple()
    assert all(abs(a - b) <= 1 for a, b in zip(box.as_tuple(), seen, strict=True))


def test_two_regions_of_a_group_photograph_keep_their_people() -> None:
    fit = _fit(LANDSCAPE, (704, 704), "cover")
    regions: list[Box] = [(0.3, 0.2, 0.45, 0.8), (0.55, 0.3, 0.7, 0.9)]
    for region, box in zip(regions, _boxes([*regions], fit), strict=True):
        seen = red_box(draw_fitted(painted(*LANDSCAPE, [region]), fit))
        assert all(abs(a - b) <= 1 for a, b in zip(box.as_tuple(), seen, strict=True))


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize(("width", "height"), [(400, 704), (1280, 720), (256, 256)])
def test_default_columns(count: int, width: int, height: int) -> None:
    """Equal columns from left to right, rows 10 to 90 %, inset by 10 % of the column.

    docs/facts/talk-models.md#the-default-split
    """
    fit = Fit(width, height, width, height, 0, 0)
    column = width / count
    wanted = [((n + 0.1) * column, 0.1 * height, (n + 0.9) * column, 0.9 * height) for n in range(count)]
    for box, by_hand in zip(_boxes([None] * count, fit), wanted, strict=True):
        assert box.as_tuple() == pytest.approx(by_hand, abs=0.51)


def test_the_split_of_two_is_the_one_of_the_node_pack() -> None:
    left, right = _boxes([None, None])
    assert left.as_tuple() == (20, 70, 180, 634)
    assert right.as_tuple() == (220, 70, 380, 634)


def test_names_are_columns() -> None:
    left, right = _boxes([None, None])
    assert _boxes(["left", "right"]) == [left, right]
    assert _boxes(["right", "left"]) == [right, left]
    assert _boxes(["left"]) == [left]
    assert _boxes(["right"]) == [right]
    first, second, third = _boxes([None, None, None])
    assert _boxes(["left", "center", "right"]) == [first, second, third]
    assert _boxes(["center", "right"]) == [second, third]


def test_center_alone_is_in_the_middle() -> None:
    (box,) = _boxes(["center"])
    assert box.left + box.right == 400
    assert box.top + box.bottom == pytest.approx(704, abs=1)
    assert 400 // 4 < box.width < 400


@pytest.mark.parametrize("frame", [(704, 400), (400, 704)])
def test_columns_of_a_contained_picture_are_columns_of_the_picture_and_not_of_the_bars(frame: tuple[int, int]) -> None:
    fit = _fit(SQUARE, frame, "contain")
    left, right = _boxes([None, None], fit)
    assert fit.x(0) < left.left < left.right <= fit.x(0.5) <= right.left < right.right < fit.x(1)
    assert fit.y(0) < left.top < left.bottom < fit.y(1)


@pytest.mark.parametrize(
    "regions",
    [
        [(0.1, 0.1, 0.5, 0.9), (0.45, 0.1, 0.9, 0.9)],
        [(0.1, 0.1, 0.9, 0.9), (0.3, 0.3, 0.6, 0.6)],
        [(0.1, 0.1, 0.5, 0.9), (0.1, 0.1, 0.5, 0.9)],
        ["left", "left"],
        ["left", (0.0, 0.0, 0.3, 0.3)],
    ],
)
def test_regions_that_share_a_point_are_refused(regions: list[object]) -> None:
    message = _refused(regions)
    assert "overlap" in message
    assert "speakers 1 and 2" in message


def test_the_two_that_overlap_are_named() -> None:
    message = _refused([(0, 0, 0.3, 1), (0.4, 0, 0.7, 1), (0.6, 0, 1, 1)])
    assert "speakers 2 and 3" in message


@pytest.mark.parametrize(
    ("region", "side"),
    [
        ((0.1, 0.1, 0.1 + 31 / 400, 0.9), "31x"),
        ((0.1, 0.1, 0.9, 0.1 + 31 / 704), "x31"),
        ((0.5, 0.5, 0.5001, 0.6), "0x"),
    ],
)
def test_less_than_32_pixels_is_refused_with_the_size(region: Box, side: str) -> None:
    message = _refused([(0, 0, 0.05 + 32 / 400, 0.05), region])
    assert "speaker 1" in message or "speaker 2" in message
    message = _refused([region])
    assert side in message
    assert "speaker 1" in message
    assert "32" in message


def test_32_pixels_are_enough() -> None:
    (box,) = _boxes([(0.5, 0.5, 0.5 + 32 / 400, 0.5 + 32 / 704)])
    assert (box.width, box.height) == (32, 32)


def test_a_region_that_the_crop_cuts_away_is_refused_and_told_of_contain() -> None:
    fit = _fit(LANDSCAPE, (400, 704), "cover")
    message = _refused([(0.4, 0.2, 0.6, 0.8), (0.0, 0.2, 0.2, 0.8)], fit)
    assert "speaker 2" in message
    assert "contain" in message
    assert _boxes([(0.4, 0.2, 0.6, 0.8), (0.0, 0.2, 0.2, 0.8)], _fit(LANDSCAPE, (400, 704), "contain"))


def test_regions_that_touch_do_not_overlap() -> None:
    first, second = _boxes([(0.1, 0.1, 0.5, 0.9), (0.5, 0.1, 0.9, 0.9)])
    assert first.right == second.left
