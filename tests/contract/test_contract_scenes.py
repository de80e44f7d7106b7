"""Scenes as they are sent: forms that are taken, and what is refused with what to send."""

import jsonschema
import pytest

from contract.errors import ErrorCode
from contract.input_schema import json_schema
from contract.request import Scene
from tests.contract.contract_samples import IMAGE, job, parse, refusal

TALK = {"mode": "infinitetalk"}


def test_scenes_come_in_any_order_and_in_other_words() -> None:
    request = parse(**TALK, scenes=[{"at": 4, "prompt": "b"}, {"time": "2.5", "image": IMAGE, "prompt": ""}])
    assert request.scenes == (Scene(2, 2.5, None, IMAGE), Scene(1, 4.0, "b", None))
    assert "'time' of scene 2 was taken as 'at'" in request.warnings
    assert parse(scenes={"at": 0, "prompt": "a"}).scenes == (Scene(1, 0.0, "a", None),)
    assert parse(scenes=None).scenes == parse(scenes=[]).scenes == ()


@pytest.mark.parametrize(
    ("scenes", "says"),
    [
        ([{"at": 4}], "scene 1 changes nothing: send it with a prompt, an image_url, or both"),
        ([{"at": 4, "prompt": " ", "image_url": ""}], "scene 1 changes nothing"),
        ([{"at": 4, "prompt": "a"}, {"at": 4.0, "prompt": "b"}], "scenes 1 and 2 both begin at 4 s"),
        ([{"at": 4, "image_url": IMAGE}], "send mode infinitetalk, or prompts only"),
        ([{"at": -1, "prompt": "a"}], "at of scene 1: send 0 or more"),
        ([{"at": 3601, "prompt": "a"}], "at of scene 1: send 3600 or less"),
        ([{"at": 1, "prompt": "a" * 2001}], "prompt of scene 1: send at most 2000 characters"),
        (
            [{"at": 1, "prompt": "a", "until": 3}],
            "unknown field 'until' of scene 1: a scene ends where the next begins",
        ),
        ([{"at": 1, "promt": "a"}], "'promt' of scene 1, did you mean 'prompt'?"),
        (["a"], "scenes, scene 1: send an object with at, and a prompt, an image_url, or both"),
        ([{"at": n, "prompt": "a"} for n in range(17)], "scenes: send at most 16 scenes"),
        ("a", "scenes: send a list of scenes"),
    ],
)
def test_what_is_refused_says_what_to_send(scenes: object, says: str) -> None:
    assert says in refusal(job(scenes=scenes))


def test_a_scene_without_a_time_lacks_it_by_name() -> None:
    assert "at of scene 2" in refusal(
        job(scenes=[{"at": 1, "prompt": "a"}, {"prompt": "b"}]), ErrorCode.MISSING_PARAMETER
    )


def test_warnings_say_what_one_may_not_expect() -> None:
    two = parse(**TALK, audio_urls=["a.wav", "b.wav"], scenes=[{"at": 1, "image_url": IMAGE}])
    assert any("regions are those of image_url in every scene" in line for line in two.warnings)
    first = parse(positive_prompt="mine", scenes=[{"at": 0, "prompt": "a"}])
    assert any(line.startswith("positive_prompt has no effect: scene 1 begins at 0") for line in first.warnings)


def test_the_schema_takes_what_the_worker_takes() -> None:
    check = jsonschema.Draft202012Validator(json_schema()).is_valid
    taken: list[object] = [
        *([{"at": 4, "prompt": "b"}], {"time": "2", "image": IMAGE}, None),
        [{"at": 1, "prompt": "", "url": IMAGE}],
    ]
    refused: list[object] = [[{"at": 4}], [{"prompt": "b"}], ["a"], [{"at": 1, "prompt": "", "image_url": None}]]
    assert [check(job(scenes=scenes)) for scenes in taken] == [True] * len(taken)
    assert [check(job(scenes=scenes)) for scenes in refused] == [False] * len(refused)
