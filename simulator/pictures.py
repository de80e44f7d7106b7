"""The picture nodes: reading, scaling, batching, masks."""

from pathlib import Path

from PIL import Image, ImageOps, ImageSequence

from simulator.values import Images, Masks

METHODS = {
    "nearest-exact": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
EMPTY_MASK = (64, 64)
TOKEN = 16


def load(path: Path) -> tuple[Images, Masks]:
    """All frames of a picture file in RGB, upright, and 1 - alpha of each (64x64 of zeros without alpha)."""
    pictures: list[Image.Image] = []
    masks: list[Image.Image] = []
    with Image.open(path) as source:
        for raw in ImageSequence.Iterator(source):
            frame = ImageOps.exif_transpose(raw)
            picture = frame.convert("RGB")
            if pictures and picture.size != pictures[0].size:
                continue
            alpha = frame.getchannel("A") if "A" in frame.getbands() else None
            pictures.append(picture)
            masks.append(ImageOps.invert(alpha) if alpha else Image.new("L", EMPTY_MASK, 0))
    return Images(tuple(pictures)), Masks(tuple(masks))


def scale(images: Images, size: tuple[int, int], method: str, crop: str) -> Images:
    """Every picture at `size` (width, height); `center` cuts to the new shape first, `disabled` stretches."""
    resample = METHODS[method]
    return Images(tuple(_cut(frame, size, crop).resize(size, resample) for frame in images.frames))


def _cut(frame: Image.Image, size: tuple[int, int], crop: str) -> Image.Image:
    if crop != "center":
        return frame
    width, height = frame.size
    old, new = width / height, size[0] / size[1]
    left = round((width - width * (new / old)) / 2) if old > new else 0
    top = round((height - height * (old / new)) / 2) if old < new else 0
    return frame.crop((left, top, width - left, height - top))


def wanted_size(images: Images, width: int, height: int) -> tuple[int, int] | None:
    """The size ImageScale means: 0 keeps the shape, two zeros keep the picture (None)."""
    old_width, old_height = images.frames[0].size
    if width == 0 and height == 0:
        return None
    return (
        width or max(1, round(old_width * height / old_height)),
        height or max(1, round(old_height * width / old_width)),
    )


def batch(first: Images, second: Images) -> Images:
    """Both batches as one; the second takes the first's size."""
    size = first.frames[0].size
    fitted = second if second.frames[0].size == size else scale(second, size, "bilinear", "center")
    return Images(first.frames + fitted.frames)


def cut(images: Images, first: int, length: int) -> Images:
    """`length` pictures from number `first` on (from 0), within what is there: at least one."""
    begin = min(len(images.frames) - 1, first)
    return Images(images.frames[begin : begin + length])


def channel(images: Images, name: str) -> Masks:
    """One colour channel as masks; raises IndexError for alpha, which an IMAGE does not have."""
    position = ("red", "green", "blue", "alpha").index(name)
    if position == 3:
        raise IndexError("index 3 is out of bounds for dimension 3 with size 3")
    return Masks(tuple(frame.getchannel(position) for frame in images.frames))


def has_tokens(mask: Image.Image, width: int, height: int) -> bool:
    """Whether anything of a mask is left on the token grid of a width x height video (nearest, as the model does
    it)."""
    pixels = mask.tobytes()
    columns = [column * mask.width * TOKEN // width for column in range(width // TOKEN)]
    rows = [row * mask.height * TOKEN // height for row in range(height // TOKEN)]
    return any(pixels[row * mask.width + column] for row in rows for column in columns)
