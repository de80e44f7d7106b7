"""Where the mouths in a picture are, by the corners that YuNet tells; nobody is found where it is not installed.

The model's file is the worker's own, which finds faces with it (docs/faces.md); the simulator needs the mouths, and
goes without them on small frames, where nobody would see the difference.
"""

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

MODEL = Path(__file__).resolve().parent.parent / "media/face_detection_yunet_2023mar.onnx"
SIDE = 640
LOOKS = (320, 640)  # pixels of the longer side: the model is sure of faces of 25 to 300 pixels
STRIDES = (8, 16, 32)
LEAST_SCORE = 0.6
LEAST_PIXELS = 320
CORNERS = (6, 8)  # of a mouth: where their x stand among a face's ten numbers


@dataclass(frozen=True)
class Mouth:
    """Its middle and its width from corner to corner in pixels of the picture; angle: degrees, turned to the left."""

    x: float
    y: float
    width: float
    angle: float = 0.0
    score: float = 0.0


def find_mouths(portrait: Image.Image) -> list[Mouth]:
    """Of an RGB picture; the surest first."""
    if min(portrait.size) < LEAST_PIXELS:
        return []
    try:
        numpy, runtime = importlib.import_module("numpy"), importlib.import_module("onnxruntime")
        net = runtime.InferenceSession(MODEL.read_bytes(), providers=["CPUExecutionProvider"])
    except (ImportError, OSError):
        return []
    found = sorted(
        (mouth for look in LOOKS for mouth in _look(portrait, look, net, numpy)), key=lambda mouth: -mouth.score
    )
    distinct: list[Mouth] = []
    for mouth in found:
        if all(math.dist((mouth.x, mouth.y), (other.x, other.y)) > other.width for other in distinct):
            distinct.append(mouth)
    return distinct


def _look(portrait: Image.Image, longest: int, net: Any, numpy: Any) -> Iterator[Mouth]:
    scale = longest / max(portrait.size)
    small = portrait.resize((round(portrait.width * scale), round(portrait.height * scale)), reducing_gap=2.0)
    seen = Image.new("RGB", (SIDE, SIDE))
    seen.paste(small)
    blue_first = numpy.ascontiguousarray(numpy.asarray(seen, numpy.float32)[:, :, ::-1].transpose(2, 0, 1)[None])
    names = [f"{part}_{stride}" for stride in STRIDES for part in ("cls", "obj", "kps")]
    told = net.run(names, {"input": blue_first})
    for stride, classes, objects, points in zip(STRIDES, told[0::3], told[1::3], told[2::3], strict=True):
        scores = numpy.sqrt(numpy.clip(classes[0, :, 0], 0, 1) * numpy.clip(objects[0, :, 0], 0, 1))
        for cell in numpy.flatnonzero(scores >= LEAST_SCORE):
            row, column = divmod(int(cell), SIDE // stride)
            numbers = [float(value) for value in points[0, cell]]
            corners = [
                ((numbers[n] + column) * stride / scale, (numbers[n + 1] + row) * stride / scale) for n in CORNERS
            ]
            (x1, y1), (x2, y2) = sorted(corners)
            angle = math.degrees(math.atan2(y1 - y2, x2 - x1))
            width = math.dist((x1, y1), (x2, y2))
            if width > 1:
                yield Mouth((x1 + x2) / 2, (y1 + y2) / 2, width, angle, float(scores[cell]))
