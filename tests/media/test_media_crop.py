"""The crop keeps faces and never enlarges; a size that nobody named follows the picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.crop import Crop, own_size, place_crop
from media.image import cut_faces, plan_fit

PHOTO = (1536, 1024)
ANNA, BEN = (0.12, 0.3, 0.22, 0.45), (0.7, 0.32, 0.8, 0.47)
Box = tuple[float, float, float, float]


def test_without_faces_and_with_faces_in_the_middle_the_crop_stays_in_the_middle() -> None:
    assert place_crop((0.4, 1.0), []) == Crop(0.3, 0.0, 0.7, 1.0)
    assert place_crop((0.4, 1.0), [(0.45, 0.2, 0.55, 0.4)]) == Crop(0.3, 0.0, 0.7, 1.0)


@pytest.mark.parametrize(
    ("faces", "seen", "left"),
    [
        ([ANNA], 0.4, 0.095),  # her head, with a quarter of its width beside the face
        ([BEN], 0.4, 0.425),
        ([ANNA, BEN], 0.75, 0.095),
        ([ANNA, BEN], 0.69, 0.12),  # the faces alone fit
    ],
)
def test_the_crop_moves_as_little_as_keeps_every_head_else_every_face(
    faces: list[Box], seen: float, left: float
) -> None:
    crop = place_crop((seen, 1.0), faces)
    assert crop.left == pytest.approx(left, abs=0.006)
    assert crop.right - crop.left == pytest.approx(seen)
    assert all(crop.holds(face) for face in faces)


def test_up_and_down_it_moves_as_well() -> None:
    crop = place_crop((1.0, 0.4), [(0.4, 0.02, 0.6, 0.2)])
    assert (crop.left, crop.right, crop.top) == (0, 1, 0)
    low = place_crop((1.0, 0.4), [(0.4, 0.8, 0.6, 0.98)])
    assert low.bottom == pytest.approx(1.0)


def test_where_not_all_fit_the_largest_stay_whole() -> None:
    large: Box = (0.75, 0.2, 0.95, 0.6)
    crop = place_crop((0.4, 1.0), [ANNA, (0.3, 0.4, 0.35, 0.5), large])
    assert crop.holds(large)
    assert not crop.holds(ANNA)
    assert not crop.holds((0.3, 0.4, 0.35, 0.5))
    alone = place_crop((0.1, 1.0), [large])
    assert alone.left == pytest.approx(0.8)


def test_what_the_crop_cuts_is_told_with_its_count_and_what_to_send() -> None:
    warnings: list[str] = []
    fit = plan_fit(PHOTO, (400, 704), "cover", warnings, [ANNA, BEN])
    assert cut_faces(fit, [ANNA, BEN]) == 1
    (told,) = warnings
    assert "loses 62% of the picture and cuts 1 of its 2 faces" in told
    assert "no size at all, or fit contain" in told
    warnings.clear()
    wide = plan_fit(PHOTO, (640, 640), "cover", warnings, [(0.02, 0.3, 0.12, 0.45)])
    assert (wide.left, warnings) == (0, [])
    assert plan_fit(PHOTO, (640, 640), "contain", [], [ANNA]) == plan_fit(PHOTO, (640, 640), "contain", [])


@pytest.mark.parametrize(
    ("picture", "size"),
    [
        *(((1536, 1024), (656, 432)), ((1920, 1080), (704, 400)), ((1024, 1024), (528, 528))),
        ((400, 704), (400, 704)),
        *(
            ((1080, 1920), (400, 704)),
            ((4000, 3000), (624, 464)),
            ((8000, 1000), (1104, 256)),
            ((64, 3000), (256, 1104)),
        ),
    ],
)
def test_the_size_that_follows_the_picture_has_its_aspect_and_the_defaults_area(
    picture: tuple[int, int], size: tuple[int, int]
) -> None:
    assert own_size(*picture) == size


@given(
    picture=st.tuples(st.integers(64, 6000), st.integers(64, 6000)),
    frame=st.tuples(st.integers(16, 96), st.integers(16, 96)),
    faces=st.lists(
        st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.01, 0.5), st.floats(0.01, 0.5)), max_size=6
    ),
)
def test_the_crop_never_leaves_the_picture_and_is_never_larger(
    picture: tuple[int, int], frame: tuple[int, int], faces: list[Box]
) -> None:
    boxes = [(x, y, min(1.0, x + w), min(1.0, y + h)) for x, y, w, h in faces]
    plain = plan_fit(picture, (frame[0] * 16, frame[1] * 16), "cover", [])
    fit = plan_fit(picture, (frame[0] * 16, frame[1] * 16), "cover", [], boxes)
    assert (fit.drawn_width, fit.drawn_height) == (plain.drawn_width, plain.drawn_height)
    assert fit.left <= 1e-6
    assert fit.top <= 1e-6
    assert fit.left + fit.drawn_width >= fit.width - 1e-6
    assert fit.top + fit.drawn_height >= fit.height - 1e-6
    assert cut_faces(fit, boxes) <= cut_faces(plain, boxes) or len(boxes) > 1
