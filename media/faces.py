"""Where the faces in a picture are: YuNet, on the CPU, in about a tenth of a second whatever the picture's size.

The picture is decoded already (`media.image`, or a frame of a film); what the model gets to see has always the same
size. Which detector, and how far it goes: docs/faces.md. The file beside this one is the model, with its licence.
"""

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from contract.errors import ErrorCode, WorkerError
from media.crop import Box

MODEL = Path(__file__).resolve().parent / "face_detection_yunet_2023mar.onnx"
MODEL_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
SIDE = 640
# The model is sure of faces of 25 to 300 pixels. So it looks at the picture in three sizes: a small one for a face that
# fills it, one that fits, and a large one, by pieces that share 100 pixels, for people farther away.
LOOKS = (200, 640, 1180)
OVERLAP = 100
STRIDES = (8, 16, 32)
LEAST_SCORE = 0.6
MOST_THREADS = 4
MOST_SHARED = 0.3


@dataclass(frozen=True)
class Face:
    """From forehead to chin and cheek to cheek.

    Attributes:
        box: left, top, right, bottom as fractions of the picture, 0 to 1.
        score: how sure the detector is, 0.6 to 1.
    """

    box: Box
    score: float

    @property
    def middle(self) -> tuple[float, float]:
        """Fractions of the picture."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2


def check_detector(*, run: bool) -> None:
    """Whether the detector is installed whole and, where `run` is set (0.3 s of processor), works on this machine.

    Raises:
        WorkerError: INTERNAL.
    """
    if run:
        find_faces(Image.new("RGB", (SIDE, SIDE)))
        return
    for package in ("numpy", "onnxruntime"):
        if find_spec(package) is None:
            raise _not_installed(package)
    _read_model()


def find_faces(image: Image.Image) -> tuple[Face, ...]:
    """The faces of an RGB picture of any size, from left to right.

    Raises:
        WorkerError: INTERNAL where the detector is not installed whole, which the start check finds.
    """
    net = _open_model()
    looks = [look for look in LOOKS if look <= SIDE or max(image.size) > SIDE]
    # One piece after the other: each that runs beside it takes 23 MB more, and a large picture has the memory.
    pieces = (piece for look in looks for piece in _pieces(image, look))
    found = [face for piece in pieces for face in piece.faces(_run(net, piece.pixels))]
    return tuple(sorted(_distinct(found), key=lambda face: face.middle))


def _open_model() -> Any:
    weights = _read_model()
    try:
        import onnxruntime  # noqa: PLC0415 - a quarter of a second, and 70 MB: not before there is a picture
    except ImportError as error:
        raise _not_installed(error.name or "onnxruntime", repr(error)) from error
    return _session(onnxruntime, weights)


@cache
def _session(onnxruntime: Any, weights: bytes) -> Any:
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(MOST_THREADS, len(os.sched_getaffinity(0)))
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # they would go on between two jobs
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def _read_model() -> bytes:
    try:
        weights = MODEL.read_bytes()
    except OSError as error:
        raise _not_installed(MODEL.name, repr(error)) from error
    if hashlib.sha256(weights).hexdigest() != MODEL_SHA256:
        raise WorkerError(ErrorCode.INTERNAL, f"The face detector is damaged: {MODEL.name}", elsewhere=True)
    return weights


def _not_installed(what: str, detail: str = "") -> WorkerError:
    message = f"The face detector is not installed: {what} is missing"
    return WorkerError(ErrorCode.INTERNAL, message, detail=detail, elsewhere=True)


@dataclass(frozen=True)
class _Piece:
    """What the detector sees at once: `pixels`, SIDE on each side, from `left` and `top` on of a picture of `size`."""

    pixels: Image.Image
    left: int
    top: int
    size: tuple[int, int]

    def faces(self, told: Sequence[tuple[Box, float]]) -> Iterator[Face]:
        """Of the boxes in it, those that are whole: what a piece cuts is in the next one, or at the smaller size."""
        left, top, (width, height) = self.left, self.top, self.size
        for (x1, y1, x2, y2), score in told:
            if (left and x1 < 1) or (top and y1 < 1):
                continue
            if (left + SIDE < width and x2 > SIDE - 1) or (top + SIDE < height and y2 > SIDE - 1):
                continue
            box = _within((x1 + left, y1 + top, x2 + left, y2 + top), self.size)
            if box:
                yield Face(box, score)


def _pieces(image: Image.Image, longest: int) -> Iterator[_Piece]:
    """The picture at a size of `longest` pixels on its longer side."""
    scale = longest / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    for top in _starts(height):
        for left in _starts(width):
            piece = Image.new("RGB", (SIDE, SIDE))
            piece.paste(small.crop((left, top, min(width, left + SIDE), min(height, top + SIDE))))
            yield _Piece(piece, left, top, (width, height))


def _starts(length: int) -> list[int]:
    """Where the pieces of a side begin: as few as cover it, sharing OVERLAP pixels and more."""
    count = max(1, math.ceil((length - OVERLAP) / (SIDE - OVERLAP)))
    return [round(n * (length - SIDE) / (count - 1)) for n in range(count)] if count > 1 else [0]


def _run(net: Any, piece: Image.Image) -> list[tuple[Box, float]]:
    """Boxes in pixels of the piece, and their scores."""
    import numpy  # noqa: PLC0415 - as onnxruntime

    blue_first = numpy.asarray(piece, numpy.float32)[:, :, ::-1].transpose(2, 0, 1)[None]
    names = [f"{part}_{stride}" for stride in STRIDES for part in ("cls", "obj", "bbox")]
    told = net.run(names, {"input": numpy.ascontiguousarray(blue_first)})
    found = []
    for stride, classes, objects, boxes in zip(STRIDES, told[0::3], told[1::3], told[2::3], strict=True):
        scores = numpy.sqrt(numpy.clip(classes[0, :, 0], 0, 1) * numpy.clip(objects[0, :, 0], 0, 1))
        for cell in numpy.flatnonzero(scores >= LEAST_SCORE):
            row, column = divmod(int(cell), SIDE // stride)
            box = _decoded([float(value) for value in boxes[0, cell]], column, row, stride)
            found.append((box, float(scores[cell])))
    return found


def _decoded(told: Sequence[float], column: int, row: int, stride: int) -> Box:
    """A box in pixels, of what the model tells for a cell: offset of the centre in cells, logarithm of the size."""
    x, y = (column + told[0]) * stride, (row + told[1]) * stride
    width, height = (math.exp(min(part, 6.0)) * stride for part in told[2:])
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _within(box: Box, size: tuple[int, int]) -> Box | None:
    """As fractions of the picture, clipped to it."""
    left, top, right, bottom = (min(1.0, max(0.0, side / size[n % 2])) for n, side in enumerate(box))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _distinct(found: Sequence[Face]) -> list[Face]:
    """Of boxes that lie on each other, the surest."""
    kept: list[Face] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(_shared(face.box, other.box) <= MOST_SHARED for other in kept):
            kept.append(face)
    return kept


def _shared(one: Box, other: Box) -> float:
    """Area that two boxes share, of the smaller one: a face within a face is the same."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
