"""Faces are found where they are: in a photograph, in the project's own drawings, whatever the picture's shape."""

import hashlib
import sys
from pathlib import Path

import pytest
from PIL import Image

from contract.errors import WorkerError
from media.faces import MODEL, Face, check_detector, find_faces

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DUO, PORTRAIT = ROOT / "examples" / "duo.png", ROOT / "examples" / "portrait.png"
ASTRONAUT = HERE / "astronaut.jpg"
SMILE = (0.48, 0.43)  # the middle of her face
GREY = (150, 150, 145)


def _at(path: Path) -> tuple[Face, ...]:
    with Image.open(path) as image:
        return find_faces(image.convert("RGB"))


def test_the_face_of_a_photograph_and_those_of_the_drawings_are_found_from_left_to_right() -> None:
    (woman,) = _at(ASTRONAUT)
    assert woman.middle == pytest.approx(SMILE, abs=0.05)
    assert 0.2 < woman.box[2] - woman.box[0] < 0.5
    assert woman.score > 0.8
    (drawn,) = _at(PORTRAIT)
    assert drawn.middle == pytest.approx((0.5, 0.42), abs=0.04)
    anna, ben = _at(DUO)
    assert anna.middle == pytest.approx((0.25, 0.47), abs=0.03)
    assert ben.middle == pytest.approx((0.75, 0.47), abs=0.03)
    for face in (anna, ben):  # 200 by 270 of 1216 by 832 pixels
        assert face.box[2] - face.box[0] == pytest.approx(0.166, abs=0.05)
        assert face.box[3] - face.box[1] == pytest.approx(0.33, abs=0.07)


def test_a_face_may_be_small_large_dark_or_turned_and_stands_alone() -> None:
    with Image.open(ASTRONAUT) as image:
        woman = image.convert("RGB")
    field = Image.new("RGB", (1920, 1080), GREY)
    field.paste(woman.resize((140, 95)), (1500, 700))
    close = woman.crop((90, 65, 195, 190)).resize((1680, 2000))
    dark = woman.point([value // 8 for value in range(256)] * 3)
    turned = woman.rotate(35, fillcolor=GREY)
    for picture in (field, close, dark, turned):
        (face,) = find_faces(picture)
        assert 0 <= face.box[0] < face.box[2] <= 1
        assert 0 <= face.box[1] < face.box[3] <= 1
        assert face.score > 0.9 or picture is not close, "it is seen small, too"


def test_nobody_is_found_where_nobody_is_and_no_shape_is_too_odd() -> None:
    for size in ((64, 64), (65, 3001), (30_000, 64), (1, 1), (6000, 4000)):
        assert find_faces(Image.new("RGB", size, GREY)) == ()
    assert find_faces(Image.effect_noise((640, 480), 90).convert("RGB")) == ()


def test_the_model_is_the_one_that_its_licence_names() -> None:
    told = MODEL.with_suffix(".LICENSE.txt").read_text(encoding="utf-8")
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() in told


@pytest.mark.parametrize("run", [False, True])
def test_a_detector_that_is_not_whole_is_said_before_any_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: bool
) -> None:
    check_detector(run=run)
    cut = tmp_path / MODEL.name
    cut.write_bytes(MODEL.read_bytes()[:1000])
    monkeypatch.setattr("media.faces.MODEL", cut)
    with pytest.raises(WorkerError, match="face detector is damaged"):
        check_detector(run=run)
    monkeypatch.setattr("media.faces.MODEL", tmp_path / "none.onnx")
    with pytest.raises(WorkerError, match=r"not installed: none\.onnx is missing"):
        check_detector(run=run)


@pytest.mark.parametrize("run", [False, True])
def test_a_package_that_is_missing_is_named(run: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(WorkerError, match="not installed: onnxruntime is missing"):
        check_detector(run=run)
