"""What becomes of scenes once the length is known: placed, hidden by others, or refused with what to send."""

import pytest

from contract.errors import ErrorCode, WorkerError
from contract.request import parse_request
from job.scenes import PlacedScenes, pictures_of, place_scenes
from tests.workflows.graph_samples import plan
from workflows.own_nodes import OWN_NODES
from workflows.plan import Plan

JOB = {"image_url": "a.png", "audio_urls": ["a.wav"], "mode": "infinitetalk", "positive_prompt": "own"}
THREE_WINDOWS = plan(200, mode="infinitetalk", window_frames=81)  # they begin at 0, 3.24 and 6.12 s; 8 s in all


def placed(*scenes: object, made: Plan = THREE_WINDOWS, **changes: object) -> tuple[PlacedScenes, list[str]]:
    warnings: list[str] = []
    request = parse_request({**JOB, "scenes": list(scenes), **changes})
    return place_scenes(request, made, OWN_NODES, warnings), warnings


def refused(*scenes: object, made: Plan = THREE_WINDOWS) -> str:
    with pytest.raises(WorkerError) as caught:
        placed(*scenes, made=made)
    assert caught.value.code is ErrorCode.INVALID_INPUT
    return caught.value.message


def test_prompts_and_pictures_change_each_on_their_own_and_are_told_as_sent() -> None:
    found, warnings = placed(
        {"at": 5.5, "prompt": "late"}, {"at": 2, "image_url": "b.png"}, {"at": 0, "prompt": "early"}
    )
    assert found.prompts is not None
    assert (found.prompts.texts, found.prompts.windows) == (("early", "late"), (0, 0, 1))
    assert found.pictures == (None, "b.png")
    told = [(scene.at, scene.begins_at, scene.window, scene.shows) for scene in found.told]
    assert told == [(5.5, 6.12, 3, ("prompt",)), (2, 3.24, 2, ("image",)), (0, 0, 1, ("prompt",))]
    assert warnings == []


def test_of_two_in_one_window_the_later_one_is_seen_and_what_it_hides_is_told() -> None:
    found, warnings = placed(
        {"at": 3, "prompt": "hidden", "image_url": "kept.png"},
        {"at": 3.5, "prompt": "seen"},
        {"at": 6, "prompt": "own"},
    )
    assert found.prompts is not None
    assert (found.prompts.texts, found.prompts.windows) == (("own", "seen"), (0, 1, 0))
    assert found.pictures == (None, "kept.png")
    assert [scene.shows for scene in found.told] == [("image",), ("prompt",), ("prompt",)]
    assert warnings == [
        "the prompt of scene 1 is not seen: scene 2 begins in the same window, at 3.24 s; send times at least 2.88 s "
        "apart"
    ]


def test_what_can_never_be_seen_is_refused() -> None:
    after = refused({"at": 1, "prompt": "x"}, {"at": 8, "prompt": "y"})
    assert "scene 2 begins at 8 s, and the video ends at 8 s; send an earlier time, or leave the scene out" in after
    one = refused({"at": 1, "prompt": "x"}, made=plan(60, mode="infinitetalk"))
    assert "made in one window; send window_frames 33, or leave the scene out" in one
    found, _ = placed({"at": 0, "prompt": "x"}, made=plan(60, mode="infinitetalk"))
    assert found.prompts is not None
    assert found.prompts.texts == ("x",)


def test_behind_a_cut_that_was_asked_for_a_scene_is_left_out() -> None:
    found, warnings = placed({"at": 2, "prompt": "x"}, {"at": 60, "image_url": "b.png"}, max_audio_duration=8)
    assert warnings == ["scene 2 begins after the cut at 8 s and is not seen"]
    assert (found.told[1].begins_at, found.told[1].window, found.told[1].shows) == (None, None, ())
    assert found.pictures == (None,)


def test_without_our_pack_pictures_pass_and_prompts_are_refused() -> None:
    pictures = parse_request({**JOB, "scenes": [{"at": 2, "image_url": "b.png"}]})
    assert place_scenes(pictures, THREE_WINDOWS, (), []).pictures == (None, "b.png")
    prompts = parse_request({**JOB, "scenes": [{"at": 2, "prompt": "x"}]})
    with pytest.raises(WorkerError, match="send scenes with pictures only, or several jobs"):
        place_scenes(prompts, THREE_WINDOWS, (), [])


def test_a_picture_that_comes_twice_is_brought_once() -> None:
    scenes = [{"at": at, "image_url": source} for at, source in ((5, "b.png"), (2, "b.png"), (3, "c.png"))]
    assert pictures_of(parse_request({**JOB, "scenes": scenes})) == {"scene 2": "b.png", "scene 3": "c.png"}
