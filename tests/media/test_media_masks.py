"""The masks that the talk model reads: disjoint, complete, each on the 16 pixel grid, and the same once saved."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from contract.errors import WorkerError
from media.image import Fit, plan_fit
from media.masks import draw_masks, draw_masks_with_silent_rest, save_masks, speaker_boxes

FIT = Fit(400, 704, 400.0, 704.0, 0.0, 0.0)


def _tokens(mask: Image.Image) -> int:
    """What nearest resizing to the token grid leaves of it (docs/facts/talk-models.md#masks)."""
    points = ((x, y) for x in range(0, mask.width, 16) for y in range(0, mask.height, 16))
    return sum(bool(mask.getpixel(point)) for point in points)


def _assert_good(masks: list[Image.Image], fit: Fit) -> None:
    total = Image.new("L", (fit.width, fit.height), 0)
    for mask in masks:
        assert mask.mode == "L"
        assert mask.size == (fit.width, fit.height)
        values = {value for _, value in mask.getcolors() or []}
        assert values <= {0, 255}
        assert ImageChops.multiply(total, mask).getbbox() is None, "two masks share a pixel"
        total = ImageChops.add(total, mask)
    assert total.getextrema() == (255, 255), "a pixel is in no mask"
    assert min(map(_tokens, masks)) >= 2, f"tokens: {[_tokens(mask) for mask in masks]}"


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("size", [(400, 704), (1280, 720), (256, 256)])
def test_default_masks_come_back_from_the_png_in_order(count: int, size: tuple[int, int], tmp_path: Path) -> None:
    fit = plan_fit((1000, 1000), size, "cover", [])
    boxes = speaker_boxes([None] * count, fit)
    masks = draw_masks(boxes, fit)
    _assert_good(masks, fit)
    save_masks(masks, tmp_path / "masks.png")
    with Image.open(tmp_path / "masks.png") as saved:
        assert saved.format == "PNG"
        assert getattr(saved, "n_frames", 1) == count + 1
        for number, mask in enumerate(masks):
            saved.seek(number)
            assert saved.convert("L").tobytes() == mask.tobytes()
            if number < count:
                assert mask.getbbox() == boxes[number].as_tuple()


def test_the_background_is_last_and_holds_what_is_in_no_box() -> None:
    boxes = speaker_boxes([(0.1, 0.1, 0.4, 0.9), (0.6, 0.1, 0.9, 0.9)], FIT)
    *speakers, background = draw_masks(boxes, FIT)
    assert len(speakers) == 2
    assert background.getpixel((200, 352)) == 255
    assert background.getpixel((100, 352)) == 0
    assert background.getpixel((300, 352)) == 0


@pytest.mark.parametrize(
    "regions",
    [
        [(0, 0, 0.5, 1), (0.5, 0, 1, 1)],
        [(0, 0, 0.495, 1), (0.51, 0, 1, 1)],
        [(0, 0, 1, 0.5), (0, 0.5, 1, 1)],
    ],
    ids=["halves", "gap_between_two_grid_points", "top_and_bottom"],
)
def test_people_who_fill_the_frame_are_refused_or_leave_the_background_a_point(regions: list[object]) -> None:
    """Without one the model divides by zero, and everything becomes background: no mouth moves."""
    try:
        masks = draw_masks(speaker_boxes(regions, FIT), FIT)
    except WorkerError:
        return
    _assert_good(masks, FIT)


@pytest.mark.parametrize(
    "region",
    [(0.3, 0.3, 0.6, 0.6), (0, 0, 0.5, 1), (0.5, 0, 1, 1), (0, 0, 0.3, 0.3), "left", "center", "right", (0, 0, 1, 0.8)],
)
def test_one_speaker_among_others_gets_a_rest_and_a_margin(region: object, tmp_path: Path) -> None:
    (box,) = speaker_boxes([region], FIT)
    masks = draw_masks_with_silent_rest(box, FIT)
    assert masks is not None
    speaker, rest, _ = masks
    _assert_good(masks, FIT)
    assert speaker.getbbox() == box.as_tuple()
    grown = Image.new("L", speaker.size, 0)
    left, top, right, bottom = box.as_tuple()
    grown.paste(255, (max(0, left - 1), max(0, top - 1), min(400, right + 1), min(704, bottom + 1)))
    assert ImageChops.multiply(grown, rest).getbbox() is None, "the rest touches the speaker"
    save_masks(masks, tmp_path / "masks.png")
    with Image.open(tmp_path / "masks.png") as saved:
        assert getattr(saved, "n_frames", 1) == 3


@pytest.mark.parametrize("region", [(0, 0, 1, 1), (0.01, 0.01, 0.99, 0.99), (0, 0, 0.96, 1)])
def test_a_speaker_who_fills_the_frame_leaves_nobody_else(region: object) -> None:
    (box,) = speaker_boxes([region], FIT)
    assert draw_masks_with_silent_rest(box, FIT) is None


@pytest.mark.parametrize("region", [(0, 0, 374 / 400, 678 / 704), (0, 0, 0.94, 0.96)])
def test_a_rest_that_no_grid_point_reaches_is_no_rest(region: object) -> None:
    """A thin angle at the right and the bottom: wide and high as a whole, and nowhere 16 pixels thick."""
    (box,) = speaker_boxes([region], FIT)
    masks = draw_masks_with_silent_rest(box, FIT)
    if masks is not None:
        _assert_good(masks, FIT)


def near_or(edge: float, inner: float) -> st.SearchStrategy[float]:
    """The very edge as often as a place between it and `inner`."""
    return st.just(edge) | st.floats(min(edge, inner), max(edge, inner))


fractions = st.floats(0, 1)
region_boxes = st.tuples(fractions, fractions, fractions, fractions).map(
    lambda f: (min(f[0], f[2]), min(f[1], f[3]), max(f[0], f[2]), max(f[1], f[3]))
)
fits = st.builds(
    lambda size, frame, mode: plan_fit(size, (frame[0] * 16, frame[1] * 16), mode, []),
    st.tuples(st.integers(64, 3000), st.integers(64, 3000)),
    st.tuples(st.integers(16, 60), st.integers(16, 60)),
    st.sampled_from(["cover", "contain"]),
)


@given(
    fit=fits, regions=st.lists(region_boxes | st.none() | st.sampled_from(["left", "right"]), min_size=2, max_size=4)
)
def test_masks_of_any_accepted_regions_are_good(fit: Fit, regions: list[object]) -> None:
    try:
        boxes = speaker_boxes(regions, fit)
    except WorkerError:
        return
    for box in boxes:
        assert 0 <= box.left < box.right <= fit.width
        assert 0 <= box.top < box.bottom <= fit.height
    _assert_good(draw_masks(boxes, fit), fit)


@given(
    fit=fits,
    columns=st.lists(
        st.tuples(near_or(0.0, 0.45), near_or(1.0, 0.55), near_or(0.0, 0.4), near_or(1.0, 0.6)), min_size=2, max_size=4
    ),
)
def test_masks_of_one_region_in_every_column_are_good(
    fit: Fit, columns: list[tuple[float, float, float, float]]
) -> None:
    """Regions as callers send them: side by side, up to where they leave the background nothing."""
    share = 1 / len(columns)
    regions = [((n + a) * share, top, (n + b) * share, bottom) for n, (a, b, top, bottom) in enumerate(columns)]
    try:
        boxes = speaker_boxes(regions, fit)
    except WorkerError:
        return
    _assert_good(draw_masks(boxes, fit), fit)


@given(fit=fits, region=region_boxes | st.sampled_from(["left", "center", "right"]))
def test_masks_of_any_accepted_lone_region_are_good(fit: Fit, region: object) -> None:
    try:
        (box,) = speaker_boxes([region], fit)
    except WorkerError:
        return
    masks = draw_masks_with_silent_rest(box, fit)
    if masks is not None:
        assert len(masks) == 3
        _assert_good(masks, fit)
