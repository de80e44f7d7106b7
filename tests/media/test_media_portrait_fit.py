"""The portrait in the frame: cover crops the centre, contain shows all of it; a wide crop is told; buckets fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from media.image import BUCKETS, Fit, choose_bucket, draw_fitted, plan_fit
from tests.media.media_pictures import BLUE, GREEN, RED, near, painted, pixel, red_box

SHAPES = [(1000, 600), (600, 1000), (700, 700), (333, 777), (1999, 301)]
FRAMES = [(400, 704), (704, 400), (512, 512)]
MARK = (0.47, 0.44, 0.53, 0.56)  # small and in the middle: no crop reaches it


def _planned(size: tuple[int, int], frame: tuple[int, int], mode: str) -> Fit:
    return plan_fit(size, frame, mode, [])


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("size", SHAPES)
def test_cover_fills_the_frame_from_the_centre(size: tuple[int, int], frame: tuple[int, int]) -> None:
    image = painted(*size, [MARK])
    drawn = draw_fitted(image, _planned(size, frame, "cover"))
    assert drawn.size == frame
    scale = max(frame[0] / size[0], frame[1] / size[1])
    for corner in ((0, 0), (frame[0] - 1, 0), (0, frame[1] - 1), (frame[0] - 1, frame[1] - 1)):
        assert near(pixel(drawn, *corner), BLUE)
    left, top, right, bottom = red_box(drawn)
    sent = red_box(image)
    assert left + right == pytest.approx(frame[0] + scale * (sent[0] + sent[2] - size[0]), abs=2)
    assert top + bottom == pytest.approx(frame[1] + scale * (sent[1] + sent[3] - size[1]), abs=2)
    assert right - left == pytest.approx(scale * (sent[2] - sent[0]), abs=2)
    assert bottom - top == pytest.approx(scale * (sent[3] - sent[1]), abs=2)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("size", SHAPES)
def test_contain_shows_all_of_it_in_the_middle_with_bars(size: tuple[int, int], frame: tuple[int, int]) -> None:
    drawn = draw_fitted(Image.new("RGB", size, RED), _planned(size, frame, "contain"))
    assert drawn.size == frame
    scale = min(frame[0] / size[0], frame[1] / size[1])
    left, top, right, bottom = red_box(drawn)
    assert right - left == pytest.approx(scale * size[0], abs=1)
    assert bottom - top == pytest.approx(scale * size[1], abs=1)
    assert left == pytest.approx(frame[0] - right, abs=1)
    assert top == pytest.approx(frame[1] - bottom, abs=1)
    if top > 1:
        assert pixel(drawn, frame[0] // 2, 0) == (0, 0, 0)
        assert pixel(drawn, frame[0] // 2, frame[1] - 1) == (0, 0, 0)
    if left > 1:
        assert pixel(drawn, 0, frame[1] // 2) == (0, 0, 0)


@pytest.mark.parametrize("mode", ["cover", "contain"])
def test_marks_of_the_original_are_where_the_fit_says(mode: str) -> None:
    size, frame = (1200, 800), (400, 704)
    image = Image.new("RGB", size, BLUE)
    spot = (560, 300)
    image.paste(RED, (spot[0] - 20, spot[1] - 20, spot[0] + 20, spot[1] + 20))
    fit = _planned(size, frame, mode)
    left, top, right, bottom = red_box(draw_fitted(image, fit))
    assert (left + right) / 2 == pytest.approx(fit.x(spot[0] / size[0]), abs=1)
    assert (top + bottom) / 2 == pytest.approx(fit.y(spot[1] / size[1]), abs=1)


@pytest.mark.parametrize("mode", ["cover", "contain"])
def test_a_picture_of_the_frames_own_size_is_not_resampled(mode: str) -> None:
    image = Image.effect_noise((400, 704), 60).convert("RGB")
    assert draw_fitted(image, _planned(image.size, image.size, mode)).tobytes() == image.tobytes()


def test_a_small_picture_is_enlarged() -> None:
    drawn = draw_fitted(Image.new("RGB", (10, 10), GREEN), _planned((10, 10), (512, 512), "cover"))
    assert pixel(drawn, 0, 0) == GREEN
    assert drawn.size == (512, 512)


@pytest.mark.parametrize(
    ("size", "mode", "factor"),
    [
        *(((160, 300), "cover", "2.5"), ((199, 1408), "cover", "2.0"), ((256, 256), "cover", "2.8")),
        *(((160, 281), "contain", "2.5"), ((1, 1), "contain", "400.0")),
    ],
)
def test_an_image_enlarged_more_than_twice_is_told(size: tuple[int, int], mode: str, factor: str) -> None:
    warnings: list[str] = []
    plan_fit(size, (400, 704), mode, warnings)
    (told,) = [warning for warning in warnings if "enlarged" in warning]
    assert f" {size[0]}x{size[1]} " in told
    assert f" {factor} times" in told


@pytest.mark.parametrize("mode", ["cover", "contain"])
@pytest.mark.parametrize("size", [(200, 352), (400, 704), (800, 1408)])
def test_an_image_enlarged_twice_or_less_is_not_told(size: tuple[int, int], mode: str) -> None:
    warnings: list[str] = []
    plan_fit(size, (400, 704), mode, warnings)
    assert warnings == []


@pytest.mark.parametrize(
    ("size", "frame", "lost"),
    [
        *(((1000, 1000), (400, 1000), 0.6), ((1000, 1000), (592, 1000), 0.408), ((800, 450), (400, 704), 0.68)),
        *(((450, 800), (704, 400), 0.68), ((3000, 1000), (1000, 1000), 2 / 3)),
    ],
)
def test_a_crop_of_more_than_40_percent_is_told(size: tuple[int, int], frame: tuple[int, int], lost: float) -> None:
    warnings: list[str] = []
    fit = plan_fit(size, frame, "cover", warnings)
    assert fit.lost == pytest.approx(lost, abs=0.005)
    assert len(warnings) == 1
    assert f"{lost:.0%}" in warnings[0]


@pytest.mark.parametrize("side", [600, 700, 900, 1000, 1080, 1111, 1200, 1337, 2048])
def test_a_crop_of_exactly_40_percent_is_not_told(side: int) -> None:
    warnings: list[str] = []
    plan_fit((side, side), (480, 800), "cover", warnings)
    plan_fit((side, side), (800, 480), "cover", warnings)
    assert warnings == []


@pytest.mark.parametrize("size", [(1000, 800), (900, 1600), (600, 600)])
def test_contain_and_small_crops_are_not_told(size: tuple[int, int]) -> None:
    warnings: list[str] = []
    plan_fit(size, (512, 512), "contain", warnings)
    plan_fit(size, (size[0] // 2, size[1] // 2), "cover", warnings)
    assert warnings == []


@given(
    size=st.tuples(st.integers(1, 6000), st.integers(1, 6000)),
    frame=st.tuples(st.integers(16, 96), st.integers(16, 96)),
)
def test_any_fit_covers_or_contains(size: tuple[int, int], frame: tuple[int, int]) -> None:
    frame = frame[0] * 16, frame[1] * 16
    cover, contain = _planned(size, frame, "cover"), _planned(size, frame, "contain")
    assert cover.x(0) <= 1e-6
    assert cover.y(0) <= 1e-6
    assert cover.x(1) >= frame[0] - 1e-6
    assert cover.y(1) >= frame[1] - 1e-6
    assert contain.lost == pytest.approx(0, abs=1e-9)
    assert -1e-6 <= contain.x(0) <= contain.x(1) <= frame[0] + 1e-6
    assert -1e-6 <= contain.y(0) <= contain.y(1) <= frame[1] + 1e-6
    for fit in (cover, contain):
        assert fit.x(0.5) == pytest.approx(frame[0] / 2)
        assert fit.drawn_width / size[0] == pytest.approx(fit.drawn_height / size[1])


@pytest.mark.parametrize("resolution", ["480p", "720p"])
def test_buckets_are_multiples_of_16_and_of_one_area(resolution: str) -> None:
    area = {"480p": 640 * 640, "720p": 960 * 960}[resolution]
    for width, height in BUCKETS[resolution]:
        assert width % 16 == height % 16 == 0
        assert width * height == pytest.approx(area, rel=0.2)
        assert choose_bucket(resolution, height, width) == (height, width)


@pytest.mark.parametrize(
    ("image", "small", "large"),
    [
        *(((1000, 1000), (640, 640), (960, 960)), ((900, 1600), (448, 832), (704, 1280))),
        *(((1600, 900), (832, 448), (1280, 704)), ((4000, 3000), (704, 576), (1088, 832))),
        *(((3000, 4000), (576, 704), (832, 1152)), ((400, 704), (448, 832), (704, 1280))),
    ],
)
def test_the_bucket_of_the_nearest_aspect(
    image: tuple[int, int], small: tuple[int, int], large: tuple[int, int]
) -> None:
    for resolution, wanted in (("480p", small), ("720p", large)):
        chosen = choose_bucket(resolution, *image)
        aspects = {abs(height / width - image[1] / image[0]) for height, width in BUCKETS[resolution]}
        assert abs(chosen[1] / chosen[0] - image[1] / image[0]) == min(aspects)
        if wanted[::-1] in BUCKETS[resolution]:
            assert chosen == wanted


@pytest.mark.parametrize(("width", "height"), [(530, 777), (531, 777), (401, 704), (1024, 1024), (333, 999)])
def test_contain_never_stretches(width: int, height: int) -> None:
    """Whatever the rounding of the scale: the picture keeps its aspect to a pixel, and the rest is black."""
    fit = plan_fit((width, height), (400, 704), "contain", [])
    frame = draw_fitted(Image.new("RGB", (width, height), "white"), fit)
    left, top, right, bottom = frame.getbbox() or (0, 0, 0, 0)
    scale = min(400 / width, 704 / height)
    assert abs(right - left - width * scale) <= 1
    assert abs(bottom - top - height * scale) <= 1
