"""The size that nobody named, the crop and the regions of a job go by the faces of its picture, and are told."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract.errors import ErrorCode, WorkerError
from contract.request import parse_request
from job.framing import frame_picture, seat_speakers

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DUO = Image.open(EXAMPLES / "duo.png").convert("RGB")
PORTRAIT = Image.open(EXAMPLES / "portrait.png").convert("RGB")
Outcome = tuple[tuple[int, int], int | None, list[str]]


def _framed(image: Image.Image, voices: int = 1, **fields: Any) -> Outcome:
    """The video's size, how many people have a place, and what was told."""
    sources = {} if "speakers" in fields else {"audio_urls": [f"{number}.wav" for number in range(voices)]}
    request = parse_request({"image_url": "picture.png", **sources, **fields})
    warnings: list[str] = []
    framed = frame_picture(request, image, warnings)
    boxes = seat_speakers(request, framed, warnings)
    return (framed.fit.width, framed.fit.height), len(boxes) if boxes else None, warnings


def test_without_a_size_the_picture_has_its_own_where_the_default_would_spoil_it() -> None:
    assert _framed(PORTRAIT) == ((400, 704), None, [])
    size, people, (told,) = _framed(DUO, 2)
    assert (size, people) == ((640, 432), 2)
    assert "no size was sent: the video is 640x432, as 400x704 would lose 61% of the picture and 1 of its 2" in told
    size, _, (told,) = _framed(Image.new("RGB", (900, 900), "grey"))
    assert size == (528, 528)
    assert "would lose 43% of the picture;" in told
    assert _framed(DUO, fit="contain", voices=2) == ((400, 704), 2, [])


@pytest.mark.parametrize("sent", [{"width": 400}, {"height": 704}, {"resolution": "400x704"}])
def test_a_size_that_was_sent_stays_and_what_it_cuts_is_told_before_anything_is_generated(sent: dict[str, Any]) -> None:
    size, people, (crop, seats) = _framed(DUO, 2, **sent)
    assert (size, people) == ((400, 704), 2)
    assert "the crop to 400x704 loses 61% of the picture and cuts 1 of its 2 faces, wherever it lies" in crop
    assert "1 face was found for 2 speakers" in seats
    with pytest.raises(WorkerError) as caught:
        _framed(DUO, speakers=[{"audio": "1.wav", "region": "auto"}, {"audio": "2.wav", "region": "auto"}], **sent)
    assert caught.value.code is ErrorCode.REGION_INVALID


def test_one_voice_and_two_faces_is_told_and_auto_would_be_a_guess() -> None:
    _, people, (told,) = _framed(DUO, resolution="480p")
    assert people is None
    assert "2 faces and one voice: every mouth may move with it" in told
    with pytest.raises(WorkerError, match="2 faces were found for 1 speaker"):
        _framed(DUO, speakers=[{"audio": "1.wav", "region": "auto"}], resolution="480p")
    assert _framed(DUO, speakers=[{"audio": "1.wav", "region": "left"}], resolution="480p")[1:] == (1, [])
    assert _framed(PORTRAIT, speakers=[{"audio": "1.wav", "region": "Auto"}])[1:] == (1, [])
