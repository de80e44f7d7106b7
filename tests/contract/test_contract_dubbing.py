"""A video in place of a picture: what it needs, excludes, and is called elsewhere."""

import pytest

from contract.errors import ErrorCode, WorkerError
from contract.request import Request, parse_request

VIDEO, VOICE = "https://media.example.com/film.mp4", "https://media.example.com/voice.wav"


def parsed(**fields: object) -> Request:
    return parse_request({"video_url": VIDEO, "audio_urls": [VOICE], **fields})


def refused(**fields: object) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        parsed(**fields)
    return caught.value


def test_without_a_mode_the_one_that_can_dub_is_taken_and_told() -> None:
    request = parsed()
    assert (request.mode, request.image) == ("infinitetalk", None)
    assert request.dub is not None
    assert (request.dub.video, request.dub.keep_sound, request.dub.sound_level) == (VIDEO, "replace", -12)
    assert request.warnings == ("mode infinitetalk was chosen: video_url needs it",)
    assert parsed(mode="infinitetalk").warnings == ()


def test_a_mode_that_cannot_dub_is_refused_with_both_ways_out() -> None:
    error = refused(mode="multitalk")
    assert error.code is ErrorCode.INVALID_INPUT
    assert "send mode infinitetalk, or image_url in place of video_url with mode multitalk" in error.message


def test_a_video_brings_its_own_pictures() -> None:
    assert "send image_url or video_url, not both" in refused(image_url="a.png").message
    assert "send prompts alone in scenes" in refused(scenes=[{"at": 2, "image_url": "a.png"}]).message
    assert parsed(scenes=[{"at": 2, "prompt": "She smiles"}]).scenes[0].prompt == "She smiles"
    assert parsed(image_url="").dub is not None
    assert refused(video_url=None).message == "Missing required parameter: image_url (or video_url)"
    assert "it is empty" in refused(video_url="").message


@pytest.mark.parametrize("name", ["video", "source_video", "inputVideo", "video_base64", "videoURL"])
def test_other_names_of_a_video(name: str) -> None:
    request = parse_request({name: VIDEO, "audio_urls": [VOICE]})
    assert request.dub is not None
    assert request.warnings[0] == f"'{name}' was taken as 'video_url'"


def test_a_driving_video_is_something_else() -> None:
    error = refused(driving_video=VIDEO)
    assert "nothing moves a picture but the voices; to dub a video, send it as video_url" in error.message


def test_what_has_no_effect_is_told() -> None:
    picture = parse_request({"image_url": "a.png", "audio_urls": [VOICE], "keep_sound": "under"})
    assert picture.warnings == ("keep_sound has no effect without video_url",)
    assert "keep_sound_level has no effect without keep_sound under" in parsed(keep_sound_level=-6).warnings
    request = parsed(keep_sound="Under", keep_sound_level="-6", mode="infinitetalk")
    assert request.warnings == ()
    assert request.dub is not None
    assert (request.dub.keep_sound, request.dub.sound_level) == ("under", -6)


@pytest.mark.parametrize(
    ("sent", "scheduler", "start"),
    [
        ({}, "dpm++_sde", 2),
        ({"motion_strength": 1}, "dpm++_sde", 3),
        ({"motion_strength": 0.01}, "dpm++_sde", 1),
        ({"steps": 20, "motion_strength": 0.3}, "dpm++_sde", 6),
        ({"scheduler": "flowmatch_distill"}, "flowmatch_distill", 2),
        ({"use_speed_lora": False, "steps": 20}, "unipc", 10),
        ({"quality": "best", "motion_strength": 0.25}, "unipc", 5),
    ],
)
def test_a_strength_is_a_share_of_the_steps(sent: dict[str, object], scheduler: str, start: int) -> None:
    request = parsed(follow="Motion", mode="infinitetalk", **sent)
    assert request.dub is not None
    assert (request.scheduler, request.dub.follow, request.dub.start_step) == (scheduler, "motion", start)


def test_motion_that_cannot_be_followed_is_refused_or_told() -> None:
    for scheduler in ("multitalk", "rcm"):
        assert "send scheduler dpm++_sde" in refused(follow="motion", scheduler=scheduler).message
        assert parsed(follow="motion", scheduler=scheduler, motion_strength=0).scheduler == scheduler
    assert "send steps 2 or more, or follow keyframes" in refused(follow="motion", steps=1).message
    weak = parsed(follow="motion", motion_strength=0)
    assert weak.dub is not None
    assert (weak.dub.follow, weak.dub.start_step, weak.scheduler) == ("keyframes", 0, "flowmatch_distill")
    assert "the keyframes alone are followed" in weak.warnings[-1]
    assert "motion_strength has no effect without follow motion" in parsed(motion_strength=0.2).warnings
    assert "motion_strength" in refused(follow="motion", motion_strength=1.1).message


@pytest.mark.parametrize("level", [1, -61, "loud"])
def test_a_level_is_never_above_the_sound_itself(level: object) -> None:
    assert "keep_sound_level" in refused(keep_sound_level=level).message
