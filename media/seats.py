"""Which face is whose: a region of head and shoulders for each speaker who sent none, or asked for `auto`.

The talk models were trained with masks of whole persons (docs/facts/talk-models.md#regions), so that a region goes
well beyond the face. What is done where faces and speakers do not match is in docs/faces.md#whose-face-is-whose.
"""

from collections.abc import Sequence

from contract.errors import ErrorCode, WorkerError
from media.crop import Box
from media.faces import Face
from media.image import Fit
from media.masks import SMALLEST, PixelBox, speaker_box, speaker_boxes

AUTO = "auto"
# A person in widths and heights of the face: half the shoulders, hair, and down to the chest.
SHOULDERS, HAIR, CHEST = 1.5, 0.5, 1.3
GAP = 0.05  # of the distance between two faces, left on each side of the line between them
MOST_TOLD = 8


def find_seats(regions: Sequence[object], faces: Sequence[Face], fit: Fit, warnings: list[str]) -> list[PixelBox]:
    """The pixel box of every speaker.

    Args:
        regions: as `speaker_boxes` takes them, or "auto".

    Raises:
        WorkerError: REGION_INVALID, as `speaker_boxes`; and where "auto" was asked for and there are not as many faces
            as speakers who need one.
    """
    wanting = [n for n, region in enumerate(regions) if region in (None, AUTO)]
    if not wanting or (len(regions) == 1 and regions[0] is None):
        return speaker_boxes(regions, fit)
    taken = [speaker_box(region, n, regions, fit) for n, region in enumerate(regions) if n not in wanting]
    visible = visible_faces(faces, fit)
    free = [face for face in visible if not any(_is_in(face, box, fit) for box in taken)]
    if len(free) == len(wanting):
        people = iter(_people([face.box for face in free], taken, fit))
        try:
            return speaker_boxes([next(people) if n in wanting else region for n, region in enumerate(regions)], fit)
        except WorkerError as error:
            problem = f"the faces lie too close together ({error.message.split(';')[0]})"
    else:
        problem = _count(len(free), len(wanting), bool(taken))
    where = _places(visible)
    if AUTO in regions:
        raise WorkerError(
            ErrorCode.REGION_INVALID,
            f"Region auto: {problem}{where}; send a region for each speaker, or no regions for columns",
        )
    warnings.append(
        f"{problem}{where}: the regions of speakers without one are equal columns, from left to right; "
        "send a region for each"
    )
    return speaker_boxes(regions, fit)


def region_of(box: PixelBox, fit: Fit) -> Box:
    """The box as fractions of the original picture, as a request's `region` takes them."""
    left, top = (box.left - fit.left) / fit.drawn_width, (box.top - fit.top) / fit.drawn_height
    right, bottom = (box.right - fit.left) / fit.drawn_width, (box.bottom - fit.top) / fit.drawn_height
    return max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom)


def _count(found: int, wanted: int, some_taken: bool) -> str:
    faces = {0: "no face was", 1: "1 face was"}.get(found, f"{found} faces were")
    speakers = "1 speaker" if wanted == 1 else f"{wanted} speakers"
    return f"{faces} found for {speakers}" + (" outside the regions that were sent" if some_taken else "")


def _places(faces: Sequence[Face]) -> str:
    """Usable regions of all faces, for whoever wants to send them."""
    if not faces:
        return ""
    boxes = head_and_shoulders([face.box for face in faces])
    told = ", ".join("[" + ", ".join(f"{side:.3f}" for side in box) + "]" for box in boxes[:MOST_TOLD])
    return f" (heads and shoulders from left to right: {told}{' …' if len(boxes) > MOST_TOLD else ''})"


def visible_faces(faces: Sequence[Face], fit: Fit) -> list[Face]:
    """Those in the frame, as far as they are large enough there for a mask."""
    return [face for face in faces if _is_visible(face, fit)]


def _is_visible(face: Face, fit: Fit) -> bool:
    """Whether most of the face is in the frame, and large enough there for a mask."""
    x, y = face.middle
    if not (0 <= fit.x(x) <= fit.width and 0 <= fit.y(y) <= fit.height):
        return False
    left, top, right, bottom = _person(face.box)
    return fit.x(right) - fit.x(left) >= SMALLEST and fit.y(bottom) - fit.y(top) >= SMALLEST


def _is_in(face: Face, box: PixelBox, fit: Fit) -> bool:
    x, y = face.middle
    return box.left <= fit.x(x) < box.right and box.top <= fit.y(y) < box.bottom


def _person(face: Box) -> Box:
    """Head and shoulders of a face, cut at the picture's edges."""
    left, top, right, bottom = face
    middle, width, height = (left + right) / 2, right - left, bottom - top
    sides = (middle - SHOULDERS * width, top - HAIR * height, middle + SHOULDERS * width, bottom + CHEST * height)
    x1, y1, x2, y2 = (min(1.0, max(0.0, side)) for side in sides)
    return x1, y1, x2, y2


def head_and_shoulders(faces: Sequence[Box]) -> list[Box]:
    """A region for each face of a picture, all in fractions of it, as a request may send them.

    Where two would share a point, a line between their faces parts them.
    """
    people = [_person(face) for face in faces]
    for i in range(len(faces)):
        for j in range(i + 1, len(faces)):
            if _overlap(people[i], people[j]):
                people[i], people[j] = _parted(people[i], people[j], faces[i], faces[j])
    return people


def _people(faces: Sequence[Box], taken: Sequence[PixelBox], fit: Fit) -> list[Box]:
    """As `head_and_shoulders`, and each beside the regions that others have already."""
    people, others = head_and_shoulders(faces), [region_of(box, fit) for box in taken]
    for i, face in enumerate(faces):
        for other in others:
            if _overlap(people[i], other):
                people[i] = _kept_off(people[i], other, face)
    return people


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _axis(core: Box, other: Box) -> int:
    """0 or 1: along which of x and y two boxes lie farther apart, measured by both."""
    gaps = [max(core[n], other[n]) - min(core[n + 2], other[n + 2]) for n in (0, 1)]
    sizes = [core[n + 2] - core[n] + other[n + 2] - other[n] for n in (0, 1)]
    return 0 if gaps[0] / sizes[0] >= gaps[1] / sizes[1] else 1


def _parted(one: Box, other: Box, core: Box, other_core: Box) -> tuple[Box, Box]:
    """Both boxes, cut back from a line between their cores."""
    axis = _axis(core, other_core)
    if core[axis] + core[axis + 2] > other_core[axis] + other_core[axis + 2]:
        second, first = _parted(other, one, other_core, core)
        return first, second
    gap = other_core[axis] - core[axis + 2]
    line, spare = (other_core[axis] + core[axis + 2]) / 2, max(0.0, GAP * gap)
    return _cut(one, axis, most=line - spare), _cut(other, axis, least=line + spare)


def _kept_off(one: Box, firm: Box, core: Box) -> Box:
    """The box, cut back to the edge of one that stays."""
    axis = _axis(core, firm)
    if core[axis] + core[axis + 2] < firm[axis] + firm[axis + 2]:
        return _cut(one, axis, most=firm[axis])
    return _cut(one, axis, least=firm[axis + 2])


def _cut(box: Box, axis: int, *, least: float = 0.0, most: float = 1.0) -> Box:
    left, top, right, bottom = box
    if axis == 0:
        return max(left, least), top, min(right, most), bottom
    return left, max(top, least), right, min(bottom, most)
