"""The portrait: read whatever a caller sends, fit it to the frame, and map regions along with it.

Positions in the original image are fractions (0 to 1, x to the right, y down) of the picture as a
person sees it, that is after its EXIF orientation is applied. Positions in the frame are pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from contract.cancel import Cancellation
from media.crop import Box, Crop, place_crop
from media.drawing import draw
from media.headers import read_picture
from media.sandbox import SANDBOXED, draw_sandboxed

WIDE_CROP = 0.4
SOFT_SCALE = 2.0

# Height and width of the sizes the talk models were published with (docs/facts/talk-models.md#sizes).
BUCKETS = {
    "480p": (
        *((320, 1216), (384, 1024), (448, 832), (448, 896), (512, 768), (576, 704), (640, 640), (704, 576), (768, 512)),
        *((832, 448), (896, 448), (960, 384), (1088, 384), (1152, 320), (1216, 320), (1280, 320)),
    ),
    "720p": (
        *((512, 1792), (576, 1600), (640, 1408), (704, 1280), (768, 1216), (832, 1088), (896, 1024), (960, 960)),
        *((1024, 896), (1088, 832), (1152, 768), (1216, 768), (1280, 704), (1344, 704), (1408, 640), (1472, 640)),
        *((1536, 576), (1664, 576), (1856, 512)),
    ),
}


@dataclass(frozen=True)
class Fit:
    """How the original picture lies in the frame: frame pixel = fraction * drawn size + offset."""

    width: int
    height: int
    drawn_width: float
    drawn_height: float
    left: float
    top: float
    cover: bool = True

    def x(self, fraction: float) -> float:
        """Frame column of a fraction of the original's width; may lie outside the frame."""
        return fraction * self.drawn_width + self.left

    def y(self, fraction: float) -> float:
        """Frame row of a fraction of the original's height; may lie outside the frame."""
        return fraction * self.drawn_height + self.top

    @property
    def lost(self) -> float:
        """Share of the original that the crop cuts away, 0 to 1."""
        if not self.cover:
            return 0.0
        seen = min(self.width, self.drawn_width) * min(self.height, self.drawn_height)
        return 1 - seen / (self.drawn_width * self.drawn_height)


def open_portrait(path: Path, warnings: list[str], cancel: Cancellation | None = None) -> Image.Image:
    """The picture as a person sees it: upright, sRGB, transparency on white, first frame.

    A very large one comes back smaller: no frame is that large.

    Raises:
        WorkerError: IMAGE_INVALID; CANCELLED.
    """
    picture = read_picture(path)
    sandboxed = picture.kind in SANDBOXED
    image = draw_sandboxed(path, picture.kind, cancel or Cancellation()) if sandboxed else draw(picture)
    if picture.warning:
        warnings.append(picture.warning)
    if picture.high_range:
        transfer = picture.high_range.transfer
        warnings.append(f"the image has a high dynamic range ({transfer}); it is shown with the range of a screen")
    return image


def choose_bucket(resolution: str, width: int, height: int) -> tuple[int, int]:
    """Width and height of the bucket of "480p" or "720p" whose aspect is nearest to the image's own."""
    aspect = height / width
    nearest = min(BUCKETS[resolution], key=lambda bucket: abs(bucket[0] / bucket[1] - aspect))
    return nearest[1], nearest[0]


def plan_fit(
    original: tuple[int, int],
    frame: tuple[int, int],
    mode: str,
    warnings: list[str],
    faces: Sequence[Box] = (),
) -> Fit:
    """Where the picture lies: "cover" fills the frame and crops, "contain" shows all of it.

    The crop keeps the faces (fractions of the picture), and otherwise the centre. Faces that it cuts all the same, a
    wide crop and a large scale are told in `warnings`.
    """
    scales = frame[0] / original[0], frame[1] / original[1]
    scale = max(scales) if mode == "cover" else min(scales)
    drawn = original[0] * scale, original[1] * scale
    left, top = (frame[0] - drawn[0]) / 2, (frame[1] - drawn[1]) / 2
    if mode == "cover" and faces:
        crop = place_crop((min(1.0, frame[0] / drawn[0]), min(1.0, frame[1] / drawn[1])), faces)
        left, top = -crop.left * drawn[0], -crop.top * drawn[1]
    fit = Fit(*frame, *drawn, left=left, top=top, cover=mode == "cover")
    cut = cut_faces(fit, faces)
    if cut or fit.lost > WIDE_CROP:
        also = f" and cuts {cut} of its {len(faces)} faces, wherever it lies" if cut else ""
        warnings.append(
            f"the crop to {frame[0]}x{frame[1]} loses {fit.lost:.0%} of the picture{also}; "
            "send a width and height nearer to its own aspect, a resolution, no size at all, or fit contain"
        )
    if scale > SOFT_SCALE:
        warnings.append(
            f"the image of {original[0]}x{original[1]} pixels is enlarged {scale:.1f} times and looks soft; "
            "send a larger one, or ask for a smaller video"
        )
    return fit


def cut_faces(fit: Fit, faces: Sequence[Box]) -> int:
    """How many of the faces are not whole in the frame."""
    if not fit.cover:
        return 0
    left, top = -fit.left / fit.drawn_width, -fit.top / fit.drawn_height
    crop = Crop(left, top, left + fit.width / fit.drawn_width, top + fit.height / fit.drawn_height)
    return sum(not crop.holds(face) for face in faces)


def draw_fitted(image: Image.Image, fit: Fit) -> Image.Image:
    """The frame: the picture resampled (Lanczos) to its place, black where it does not reach."""
    if fit.cover:
        box = (
            max(0.0, -fit.left / fit.drawn_width * image.width),
            max(0.0, -fit.top / fit.drawn_height * image.height),
            min(1.0, (fit.width - fit.left) / fit.drawn_width) * image.width,
            min(1.0, (fit.height - fit.top) / fit.drawn_height) * image.height,
        )
        return image.resize((fit.width, fit.height), Image.Resampling.LANCZOS, box=box)
    frame = Image.new("RGB", (fit.width, fit.height))
    drawn = image.resize((max(1, round(fit.drawn_width)), max(1, round(fit.drawn_height))), Image.Resampling.LANCZOS)
    frame.paste(drawn, (round(fit.left), round(fit.top)))
    return frame
