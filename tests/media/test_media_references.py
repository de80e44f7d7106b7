"""One file for the reference pictures of all windows: read as LoadImage reads it, frame by frame, all of them whole."""

from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from media.references import save_references


def test_every_frame_comes_back_as_it_was_equal_neighbours_too(tmp_path: Path) -> None:
    noise = Image.effect_noise((64, 48), 60).convert("RGB")
    plain = Image.new("RGB", (64, 48), (1, 2, 3))
    pictures = [noise, noise, plain, noise.rotate(180)]
    assert save_references(iter(pictures), tmp_path / "many.png") == 4
    with Image.open(tmp_path / "many.png") as file:
        read = [frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(file)]
    assert read == [picture.tobytes() for picture in pictures]


def test_one_alone_is_a_picture_like_any_other(tmp_path: Path) -> None:
    picture = Image.effect_noise((64, 48), 60).convert("RGB")
    assert save_references([picture], tmp_path / "one.png") == 1
    with Image.open(tmp_path / "one.png") as file:
        assert not getattr(file, "is_animated", False)
        assert file.tobytes() == picture.tobytes()


def test_no_picture_is_a_slip(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no picture"):
        save_references([], tmp_path / "none.png")
