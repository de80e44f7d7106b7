"""Masks of any regions that a request may carry are disjoint, inside the frame, and seen by the model."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from contract.errors import ErrorCode, WorkerError
from contract.request import parse_request
from media.faces import Face
from media.image import BUCKETS, Fit, choose_bucket, plan_fit
from media.masks import draw_masks, draw_masks_with_silent_rest
from media.seats import find_seats
from tests.hostile.hostile_case import attempt

quick = settings(deadline=None, database=None, derandomize=True, max_examples=120)
fractions = st.sampled_from([0.0, 1.0, 0.5, 5e-324, 1e-9, 1 - 2**-53, 1 / 3]) | st.floats(0, 1)
sides = st.integers(256, 1536)
regions = st.none() | st.sampled_from(["left", "center", "right", "auto"]) | st.lists(fractions, min_size=4, max_size=4)
pictures = st.tuples(st.integers(1, 30_000), st.integers(1, 30_000))
corners = st.tuples(st.floats(0, 0.95), st.floats(0, 0.95), st.floats(0.001, 1), st.floats(0.001, 1))
faces = corners.map(lambda one: Face((one[0], one[1], min(1.0, one[0] + one[2]), min(1.0, one[1] + one[3])), 0.9))


def _fit(picture: tuple[int, int], frame: tuple[int, int] | str, mode: str, seen: Sequence[Face]) -> Fit:
    size = choose_bucket(frame, *picture) if isinstance(frame, str) else frame
    return plan_fit(picture, size, mode, [], [face.box for face in seen])


def _points(mask: Image.Image) -> int:
    """Of the model's grid, one in 16 pixels each way."""
    return sum(mask.getpixel((x, y)) != 0 for y in range(0, mask.height, 16) for x in range(0, mask.width, 16))


def _assert_good(masks: Sequence[Image.Image], fit: Fit) -> None:
    seen = Image.new("L", (fit.width, fit.height), 0)
    for mask in masks:
        assert mask.size == (fit.width, fit.height)
        assert set(mask.tobytes()) <= {0, 255}
        assert _points(mask) >= 2
        assert ImageChops.multiply(seen, mask).getbbox() is None, "two masks share a pixel"
        seen = ImageChops.lighter(seen, mask)
    assert seen.getextrema() == (255, 255), "a pixel belongs to nobody"


@quick
@given(
    st.lists(regions, min_size=1, max_size=4),
    pictures,
    st.tuples(sides, sides) | st.sampled_from(sorted(BUCKETS)),
    st.sampled_from(["cover", "contain"]),
    st.lists(faces, max_size=5),
)
def test_masks_of_any_request_are_good_or_the_regions_are_refused(
    wanted: list[object], picture: tuple[int, int], frame: tuple[int, int] | str, mode: str, seen: list[Face]
) -> None:
    speakers = [{"audio": "v", "region": region} for region in wanted]
    size = {"resolution": frame} if isinstance(frame, str) else {"width": frame[0], "height": frame[1]}
    request = attempt(lambda: parse_request({"image_url": "a", "speakers": speakers, "fit": mode, **size}))
    if isinstance(request, WorkerError):
        assert request.code is ErrorCode.INVALID_INPUT
        return
    size_used = frame if request.size is None else (request.size.width, request.size.height)
    fit = _fit(picture, size_used, request.fit, seen)
    wanted = [speaker.region for speaker in request.speakers]
    boxes = attempt(lambda: find_seats(wanted, seen, fit, []))
    if isinstance(boxes, WorkerError):
        assert boxes.code is ErrorCode.REGION_INVALID
        assert boxes.message.isprintable()
        return
    if len(boxes) > 1:
        _assert_good(draw_masks(boxes, fit), fit)
        return
    masks = draw_masks_with_silent_rest(boxes[0], fit)
    if masks is not None:
        _assert_good(masks, fit)
