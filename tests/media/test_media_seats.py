"""Each speaker gets head and shoulders of a face, from left to right; what does not match is told or refused."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ErrorCode, WorkerError
from media.faces import Face
from media.image import Fit, plan_fit
from media.masks import PixelBox, speaker_boxes
from media.seats import find_seats, region_of

PHOTO = (1600, 900)
LANDSCAPE = plan_fit(PHOTO, (704, 400), "cover", [])
LEFT, MIDDLE, RIGHT = (Face((x, 0.2, x + 0.1, 0.4), 0.9) for x in (0.1, 0.45, 0.8))
Box = tuple[float, float, float, float]


def _seats(regions: list[object], faces: list[Face], fit: Fit = LANDSCAPE) -> tuple[list[PixelBox], list[str]]:
    warnings: list[str] = []
    return find_seats(regions, faces, fit, warnings), warnings


def _refused(regions: list[object], faces: list[Face], fit: Fit = LANDSCAPE) -> str:
    with pytest.raises(WorkerError) as caught:
        find_seats(regions, faces, fit, [])
    assert caught.value.code is ErrorCode.REGION_INVALID
    return caught.value.message


def _holds(box: PixelBox, face: Face, fit: Fit = LANDSCAPE) -> bool:
    left, top, right, bottom = face.box
    return (
        box.left <= fit.x(left) and fit.x(right) <= box.right and box.top <= fit.y(top) and fit.y(bottom) <= box.bottom
    )


@pytest.mark.parametrize("word", [None, "auto"])
def test_as_many_faces_as_speakers_are_seated_from_left_to_right(word: str | None) -> None:
    for faces in ([LEFT, RIGHT], [LEFT, MIDDLE, RIGHT]):
        boxes, warnings = _seats([word] * len(faces), faces)
        assert warnings == []
        for box, face in zip(boxes, faces, strict=True):
            assert _holds(box, face)
            assert box.width >= 2 * 0.1 * 704  # shoulders
            assert box.height >= 2 * 0.2 * 400  # down to the chest
        assert all(one.right < other.left for one, other in pairwise(boxes))


def test_one_above_the_other_is_parted_across() -> None:
    above, below = Face((0.45, 0.1, 0.55, 0.28), 0.9), Face((0.47, 0.5, 0.57, 0.68), 0.9)
    boxes, warnings = _seats([None, None], [above, below])
    assert warnings == []
    assert _holds(boxes[0], above)
    assert _holds(boxes[1], below)
    assert boxes[0].bottom < boxes[1].top


@pytest.mark.parametrize(
    ("speakers", "faces", "count"),
    [(2, [], "no face was"), (2, [LEFT], "1 face was"), (2, [LEFT, MIDDLE, RIGHT], "3 faces were"),
     (3, [LEFT, RIGHT], "2 faces were")],
)  # fmt: skip
def test_more_or_fewer_faces_keep_the_columns_and_are_told(speakers: int, faces: list[Face], count: str) -> None:
    boxes, (told,) = _seats([None] * speakers, faces)
    assert boxes == speaker_boxes([None] * speakers, LANDSCAPE)
    assert f"{count} found for {speakers} speakers" in told
    assert told.count("[") == len(faces)


def test_auto_by_name_is_refused_with_boxes_that_may_be_sent() -> None:
    sent: list[list[object]] = [["auto", "auto"], ["auto", None], [(0.6, 0.1, 0.95, 0.9), "auto"], ["auto"]]
    for regions in sent:
        message = _refused(regions, [LEFT, MIDDLE, RIGHT])
        assert "Region auto: " in message
        told = [tuple(float(side) for side in box.split(", ")) for box in re.findall(r"\[([^\]]+)\]", message)]
        assert len(told) == 3
        assert len(speaker_boxes(told, LANDSCAPE)) == 3
    assert "no face was found for 1 speaker" in _refused(["auto"], [])


def test_one_voice_at_auto_gets_the_one_face() -> None:
    boxes, warnings = _seats(["auto"], [MIDDLE])
    assert _holds(boxes[0], MIDDLE)
    assert warnings == []


@pytest.mark.parametrize("word", [None, "auto"])
def test_who_has_a_region_keeps_it_and_the_faces_in_it(word: str | None) -> None:
    sent = (0.02, 0.1, 0.28, 0.9)
    boxes, warnings = _seats([word, sent], [LEFT, RIGHT])
    assert warnings == []
    assert _holds(boxes[0], RIGHT)
    assert boxes[1] == speaker_boxes([sent], LANDSCAPE)[0]
    boxes, warnings = _seats(["left", word], [LEFT, RIGHT])
    assert warnings == []
    assert boxes[0] == speaker_boxes(["left", "right"], LANDSCAPE)[0]
    assert _holds(boxes[1], RIGHT)


def test_a_region_beside_a_face_is_not_touched() -> None:
    sent = (0.2, 0.0, 0.44, 1.0)
    boxes, warnings = _seats([sent, None], [MIDDLE])
    assert warnings == []
    assert boxes[0] == speaker_boxes([sent], LANDSCAPE)[0]
    assert not boxes[0].overlaps(boxes[1])
    assert _holds(boxes[1], MIDDLE)


def test_a_face_outside_the_frame_or_too_small_there_does_not_count() -> None:
    tall = plan_fit(PHOTO, (400, 704), "cover", [])
    _, (told,) = _seats([None, None], [LEFT, RIGHT], tall)
    assert "no face was found" in told
    for tiny in ((0.5, 0.1, 0.505, 0.11), (0.5, 0.1, 0.501, 0.4), (0.4, 0.1, 0.5, 0.105)):
        boxes, warnings = _seats([None, None], [LEFT, Face(tiny, 0.7), RIGHT])
        assert warnings == []
        assert _holds(boxes[1], RIGHT)


def test_a_region_that_was_told_may_be_sent() -> None:
    boxes, _ = _seats([None, None], [LEFT, RIGHT])
    sent = [tuple(round(side, 4) for side in region_of(box, LANDSCAPE)) for box in boxes]
    assert speaker_boxes(sent, LANDSCAPE) == boxes


@given(
    faces=st.lists(
        st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.02, 0.4), st.floats(0.02, 0.4)),
        min_size=2,
        max_size=4,
    ),
    frame=st.sampled_from([(704, 400), (400, 704), (512, 512)]),
    mode=st.sampled_from(["cover", "contain"]),
)
def test_whatever_the_faces_every_speaker_gets_a_place_of_their_own(
    faces: list[Box], frame: tuple[int, int], mode: str
) -> None:
    found = [Face((x, y, min(1.0, x + w), min(1.0, y + h)), 0.9) for x, y, w, h in faces]
    fit = plan_fit(PHOTO, frame, mode, [], [face.box for face in found])
    boxes = find_seats([None] * len(found), found, fit, [])
    assert len(boxes) == len(found)
    assert not any(one.overlaps(other) for n, one in enumerate(boxes) for other in boxes[n + 1 :])
