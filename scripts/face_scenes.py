"""Pictures with known faces, for `compare_face_detectors`: photographs that come inside packages, and drawn people.

Promises: every scene tells where its faces are, in pixels. Photographs: astronaut (NASA, public domain) and camera
(CC0) of scikit-image, grace_hopper (US Navy, public domain) of matplotlib; chelsea and coffee (CC0) of scikit-image
have nobody in them. Everything else is drawn or composed here, the same on every run.
"""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from drawing import Canvas
from people import ANNA, BEN, Person
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from portraits import draw_person

Pixels = tuple[float, float, float, float]
FACE: Pixels = (-140.0, -170.0, 140.0, 210.0)  # of a drawn person, around its origin
PANEL = 600
PACKAGES = {"skimage": "data", "matplotlib": "mpl-data/sample_data"}


@dataclass(frozen=True)
class Scene:
    """A picture, the kind of difficulty, and its faces (left, top, right, bottom)."""

    kind: str
    image: Image.Image
    faces: tuple[Pixels, ...]

    def changed(self, kind: str, change: Callable[[Image.Image], Image.Image]) -> "Scene":
        """The same faces in a picture that was changed, but not in its size."""
        return Scene(kind, change(self.image).convert("RGB"), self.faces)

    def scaled(self, kind: str, factor: float) -> "Scene":
        """Smaller or larger."""
        size = round(self.image.width * factor), round(self.image.height * factor)
        return Scene(kind, self.image.resize(size), tuple(_moved(face, factor) for face in self.faces))

    def cropped(self, kind: str, box: Pixels) -> "Scene":
        """A part of it."""
        left, top, right, bottom = (round(side) for side in box)
        faces = tuple(_moved(face, 1, -left, -top) for face in self.faces)
        return Scene(kind, self.image.crop((left, top, right, bottom)), faces)

    def on_field(self, kind: str, width: int, height: int) -> "Scene":
        """In the middle of a larger, grey picture."""
        field = Image.new("RGB", (width, height), (150, 150, 145))
        x, y = (width - self.image.width) // 2, (height - self.image.height) // 2
        field.paste(self.image, (x, y))
        return Scene(kind, field, tuple(_moved(face, 1, x, y) for face in self.faces))

    def turned(self, kind: str, degrees: int) -> "Scene":
        """About its middle; the true box stays that of the upright face, turned about with its centre."""
        image = self.image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(120, 120, 120))
        probe = Image.new("L", self.image.size)
        faces = []
        for left, top, right, bottom in self.faces:
            probe.paste(0, (0, 0, *probe.size))
            middle = round((left + right) / 2), round((top + bottom) / 2)
            probe.paste(255, (middle[0] - 3, middle[1] - 3, middle[0] + 3, middle[1] + 3))
            found = probe.rotate(degrees).getbbox() or (0, 0, 0, 0)
            x, y = (found[0] + found[2]) / 2, (found[1] + found[3]) / 2
            half = (right - left + bottom - top) / 4
            faces.append((x - half, y - half, x + half, y + half))
        return Scene(kind, image, tuple(faces))


def _moved(face: Pixels, factor: float, x: float = 0, y: float = 0) -> Pixels:
    left, top, right, bottom = face
    return left * factor + x, top * factor + y, right * factor + x, bottom * factor + y


def photograph(package: str, name: str) -> Image.Image:
    """A picture that an installed package brings along, as RGB.

    Raises:
        FileNotFoundError: the package is not installed, or does not have it.
    """
    found = importlib.util.find_spec(package)
    if found is None or not found.origin:
        raise FileNotFoundError(f"{package} is not installed")
    return Image.open(Path(found.origin).parent / PACKAGES[package] / name).convert("RGB")


def drawn(*people: tuple[Person, float, float, float], size: tuple[int, int] = (PANEL, PANEL)) -> Scene:
    """People at (x, y, scale)."""
    canvas = Canvas(*size)
    canvas.backdrop((176, 204, 222), (240, 220, 206))
    for person, x, y, scale in people:
        draw_person(canvas, person, x, y, scale)
    return Scene("drawn", canvas.finished(), tuple(_moved(FACE, scale, x, y) for _, x, y, scale in people))


def beside(kind: str, panels: Sequence[Scene]) -> Scene:
    """Panels of one height, from left to right: one picture of several people."""
    width = sum(panel.image.width for panel in panels)
    whole, x = Image.new("RGB", (width, panels[0].image.height)), 0
    faces: list[Pixels] = []
    for panel in panels:
        whole.paste(panel.image, (x, 0))
        faces += [_moved(face, 1, x) for face in panel.faces]
        x += panel.image.width
    return Scene(kind, whole, tuple(faces))


def singles() -> tuple[list[Scene], list[Scene]]:
    """Portraits of 600 pixels a side: photographs, and drawn."""
    woman = Scene("photograph", photograph("skimage", "astronaut.png"), ((178, 72, 276, 190),)).scaled(
        "photograph", PANEL / 512
    )
    admiral = Scene("photograph", photograph("matplotlib", "grace_hopper.jpg"), ((165, 125, 368, 335),))
    admiral = admiral.cropped("photograph", (0, 0, 512, 512)).scaled("photograph", PANEL / 512)
    return [woman, admiral], [drawn((person, 300, 280, 0.72)) for person in (ANNA, BEN)]


def scenes() -> Iterator[Scene]:
    """The whole set, in groups of one kind."""
    photographs, drawings = singles()
    yield from photographs
    yield from drawings
    woman, admiral = photographs
    anna, ben = drawings
    both = beside("two people", [woman, admiral])
    pair = beside("two drawn people", [anna, ben])
    yield both
    yield beside("two people", [woman, Scene("", ImageOps.mirror(woman.image), tuple(_mirrored(woman)))])
    yield from (pair, beside("two drawn people", [ben, anna]), beside("two drawn people", [anna, anna]))
    yield beside("three and four", [woman, admiral, woman])
    yield beside("three and four", [woman, admiral, admiral, woman])
    yield beside("three and four, drawn", [anna, ben, anna])
    yield beside("three and four, drawn", [ben, anna, ben, anna])
    for person in (both, pair):
        for share in (0.25, 0.12):
            yield person.scaled("", share).on_field(f"small ({share:g} of 1200 pixels)", 1200, 600)
    for person in (*photographs, *drawings):
        left, top, right, bottom = person.faces[0]
        edge = 0.12 * (right - left)
        yield person.cropped("", (left - edge, top - edge, right + edge, bottom + edge)).scaled("fills the frame", 4)
    for degrees in (15, 30, 45, 90):
        for person in (*photographs, *drawings):
            yield person.turned(f"turned by {degrees}", degrees)
    for one in (both, pair):
        yield one.changed("dark (a fifth)", lambda image: ImageEnhance.Brightness(image).enhance(0.2))
        yield one.changed("dark (a tenth)", lambda image: ImageEnhance.Brightness(image).enhance(0.1))
        yield one.changed(
            "blurred, grey", lambda image: image.filter(ImageFilter.GaussianBlur(4)).convert("L").convert("RGB")
        )
    yield Scene("side view", photograph("skimage", "camera.png"), ((201, 105, 264, 198),))
    for name in ("chelsea.png", "coffee.png", "rocket.jpg", "grass.png", "brick.png"):
        yield Scene("nobody", photograph("skimage", name), ())
    yield Scene("nobody", Image.new("RGB", (640, 480), "white"), ())
    yield Scene("nobody", Image.effect_noise((640, 480), 90).convert("RGB"), ())


def _mirrored(scene: Scene) -> Iterator[Pixels]:
    width = scene.image.width
    return ((width - right, top, width - left, bottom) for left, top, right, bottom in scene.faces)
