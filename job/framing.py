"""The picture in its frame: which size, which part of it, the faces in it, and whose region is where."""

from dataclasses import dataclass

from PIL import Image

from contract.request import Request
from media.crop import own_size
from media.faces import Face, find_faces
from media.image import WIDE_CROP, Fit, choose_bucket, cut_faces, plan_fit
from media.masks import PixelBox
from media.seats import find_seats, visible_faces


@dataclass(frozen=True)
class Framed:
    """A picture's place in the frame, and all of its faces."""

    fit: Fit
    faces: tuple[Face, ...]


def frame_picture(request: Request, image: Image.Image, warnings: list[str]) -> Framed:
    """Look for faces in a decoded picture, and choose size and crop so that they stay in the video."""
    faces = find_faces(image)
    frame = _size(request, image.size, faces, warnings)
    return Framed(plan_fit(image.size, frame, request.fit, warnings, [face.box for face in faces]), faces)


def _size(request: Request, picture: tuple[int, int], faces: tuple[Face, ...], warnings: list[str]) -> tuple[int, int]:
    """What was sent; where nothing was and the default would spoil the picture, a size of the picture's own aspect."""
    if request.size is None:
        return choose_bucket(str(request.resolution), *picture)
    default = request.size.width, request.size.height
    if request.size_sent or request.fit != "cover":
        return default
    boxes = [face.box for face in faces]
    fit = plan_fit(picture, default, "cover", [], boxes)
    cut = cut_faces(fit, boxes)
    own = own_size(*picture)
    if (fit.lost <= WIDE_CROP and not cut) or own == default:
        return default
    lost = f"{fit.lost:.0%} of the picture" + (f" and {cut} of its {len(boxes)} faces" if cut else "")
    warnings.append(
        f"no size was sent: the video is {own[0]}x{own[1]}, as {default[0]}x{default[1]} would lose {lost}; "
        "send width and height, or a resolution, for another size"
    )
    return own


def seat_speakers(request: Request, framed: Framed, warnings: list[str]) -> list[PixelBox] | None:
    """The place of every speaker in the frame; None for one voice without a region, which any mouth may follow.

    Raises:
        WorkerError: REGION_INVALID.
    """
    if len(request.speakers) == 1 and not request.silent_others:
        seen = len(visible_faces(framed.faces, framed.fit))
        if seen > 1:
            warnings.append(
                f"{seen} faces and one voice: every mouth may move with it; send speakers with a region (or two "
                "voices) to have one person speak and the others keep silent"
            )
        return None
    return find_seats([speaker.region for speaker in request.speakers], framed.faces, framed.fit, warnings)
