"""Whose mouth moves: speaker regions in the frame, and the masks that the talk model reads.

The model looks at a mask once every 16 pixels (its token grid), so a region needs at least two such
points each way, and regions may not share any. Masks go in the order of the voices, the background last.
Sources, in docs/facts/talk-models.md: #masks, #the-default-split, #regions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

from contract.errors import ErrorCode, WorkerError
from media.image import Fit

SMALLEST = 32
MARGIN = 16
GRID = 16
FEWEST_POINTS = 2
COLUMN_INSET = 0.1
ROWS = (0.1, 0.9)
CENTER_INSET = 0.3


@dataclass(frozen=True)
class PixelBox:
    """left and top are inside, right and bottom are not."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels; not above 0 for a box that lies outside the frame."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels; not above 0 for a box that lies outside the frame."""
        return self.bottom - self.top

    def overlaps(self, other: "PixelBox") -> bool:
        """Whether the two share a pixel."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def as_tuple(self) -> tuple[int, int, int, int]:
        """left, top, right, bottom, as Pillow takes them."""
        return self.left, self.top, self.right, self.bottom

    def grown(self, margin: int) -> "PixelBox":
        """The box with `margin` pixels more on each side."""
        return PixelBox(self.left - margin, self.top - margin, self.right + margin, self.bottom + margin)


def speaker_boxes(regions: Sequence[object], fit: Fit) -> list[PixelBox]:
    """The pixel box of every speaker. A region is a box of fractions of the original, a name, or None.

    Raises:
        WorkerError: REGION_INVALID for boxes that overlap or are smaller than 32 pixels each way in the frame.
    """
    boxes = [speaker_box(region, number, regions, fit) for number, region in enumerate(regions)]
    for number, box in enumerate(boxes, start=1):
        if box.width < SMALLEST or box.height < SMALLEST:
            raise WorkerError(
                ErrorCode.REGION_INVALID,
                f"The region of speaker {number} is {max(0, box.width)}x{max(0, box.height)} pixels of the "
                f"{fit.width}x{fit.height} frame, and must have {SMALLEST}x{SMALLEST} after the crop; "
                "send a larger region, a larger size, or fit contain",
            )
    for first in range(len(boxes)):
        for second in range(first + 1, len(boxes)):
            if boxes[first].overlaps(boxes[second]):
                raise WorkerError(
                    ErrorCode.REGION_INVALID,
                    f"The regions of speakers {first + 1} and {second + 1} overlap in the frame; "
                    "send a region for every speaker, and let none share a point",
                )
    return boxes


def speaker_box(region: object, number: int, regions: Sequence[object], fit: Fit) -> PixelBox:
    """Of one of the regions, the `number`th from 0; unchecked."""
    if isinstance(region, tuple):
        left, top, right, bottom = region
        return _clipped(fit.x(left), fit.y(top), fit.x(right), fit.y(bottom), fit)
    if region is None:
        return _column(number, len(regions), fit)
    if "center" not in regions:
        return _column(("left", "right").index(str(region)), 2, fit)
    if len(regions) > 1:
        return _column(("left", "center", "right").index(str(region)), 3, fit)
    return _column(0, 1, fit, inset=CENTER_INSET)


def _column(index: int, count: int, fit: Fit, *, inset: float = COLUMN_INSET) -> PixelBox:
    """One of `count` equal columns of the visible picture, inset by a share of its width, 10 to 90 % of the height."""
    left, right = max(0.0, fit.left), min(float(fit.width), fit.left + fit.drawn_width)
    top, bottom = max(0.0, fit.top), min(float(fit.height), fit.top + fit.drawn_height)
    width = (right - left) / count
    height = bottom - top
    start = left + index * width
    return _clipped(
        start + inset * width, top + ROWS[0] * height, start + (1 - inset) * width, top + ROWS[1] * height, fit
    )


def _clipped(left: float, top: float, right: float, bottom: float, fit: Fit) -> PixelBox:
    def within(value: float, most: int) -> int:
        return min(most, max(0, round(value)))

    return PixelBox(
        within(left, fit.width), within(top, fit.height), within(right, fit.width), within(bottom, fit.height)
    )


def draw_masks(boxes: Sequence[PixelBox], fit: Fit) -> list[Image.Image]:
    """One mask a speaker, then the background: whatever is in no box. Grey pictures of the frame's size, 0 and 255.

    Boxes that leave the background no point give up the top edge of the frame (an empty mask divides by zero).
    """
    masks = [_filled(box, fit) for box in boxes]
    background = _outside(masks)
    if _points(background) < FEWEST_POINTS:
        for mask in masks:
            mask.paste(0, (0, 0, fit.width, MARGIN))
        background = _outside(masks)
    return [*masks, background]


def draw_masks_with_silent_rest(box: PixelBox, fit: Fit) -> list[Image.Image] | None:
    """The speaker, everybody else, and between them a margin as background (an empty mask would divide by zero).

    None where the speaker's box leaves nobody else room: then there is nobody to keep silent.
    """
    grown = _filled(box.grown(MARGIN), fit)
    speaker, rest = _filled(box, fit), ImageChops.invert(grown)
    left, top, right, bottom = rest.getbbox() or (0, 0, 0, 0)
    if right - left < SMALLEST or bottom - top < SMALLEST or _points(rest) < FEWEST_POINTS:
        return None
    return [speaker, rest, ImageChops.subtract(grown, speaker)]


def _outside(masks: Sequence[Image.Image]) -> Image.Image:
    background = Image.new("L", masks[0].size, 255)
    for mask in masks:
        background = ImageChops.subtract(background, mask)
    return background


def _points(mask: Image.Image) -> int:
    """How many points of the model's token grid lie in a mask."""
    corners = ((x, y) for y in range(0, mask.height, GRID) for x in range(0, mask.width, GRID))
    return sum(mask.getpixel(corner) != 0 for corner in corners)


def save_masks(masks: Sequence[Image.Image], path: Path) -> None:
    """One PNG with a frame for each mask: the server's LoadImage reads it as a batch."""
    masks[0].save(path, format="PNG", save_all=True, append_images=list(masks[1:]), default_image=False)


def _filled(box: PixelBox, fit: Fit) -> Image.Image:
    mask = Image.new("L", (fit.width, fit.height), 0)
    mask.paste(255, _clipped(box.left, box.top, box.right, box.bottom, fit).as_tuple())
    return mask
