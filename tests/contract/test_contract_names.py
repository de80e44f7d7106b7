"""Names that other services have for the fields: taken and told, or refused with a hint that leads the right way."""

from typing import Any

import pytest

from contract.aliases import ALIASES, MEANT
from contract.errors import ErrorCode
from contract.fields import field_names
from contract.request import Speaker, parse_request
from tests.contract.contract_samples import IMAGE, VOICE, job, parse, refusal, speaking


def test_the_fields_names_mean_themselves() -> None:
    assert set(ALIASES) <= set(field_names())
    assert not set(MEANT) & set(field_names())
    names = [name for others in ALIASES.values() for name in others]
    assert len(names) == len(set(names)), "a name means one field"


@pytest.mark.parametrize(
    ("name", "value", "read", "meant"),
    [
        ("prompt", "A man sings", "positive_prompt", "A man sings"),
        ("negativePrompt", "", "negative_prompt", ""),
        ("cfg", 1.25, "cfg_scale", 1.25),
        ("guidance_scale", "1.5", "cfg_scale", 1.5),
        ("num_inference_steps", 4, "steps", 4),
        ("numInferenceSteps", 4.0, "steps", 4),
        ("frame_rate", 30, "fps", 30),
        ("model", "InfiniteTalk", "mode", "infinitetalk"),
        ("sampler_name", "Euler", "scheduler", "euler"),
        ("sampler", "dpmpp_sde", "scheduler", "dpm++_sde"),
        ("solver", "UniPC beta", "scheduler", "unipc/beta"),
        ("flow_shift", 5, "shift", 5.0),
        ("lora_strength", 0.5, "speed_lora_strength", 0.5),
        ("maxAudioDuration", "10", "max_audio_duration", 10.0),
        ("frame_window_size", 81, "window_frames", 81),
        ("outputKey", "a.mp4", "output_key", "a.mp4"),
        ("uploadURL", "https://a/v", "upload_url", "https://a/v"),
        ("size", "720P", "resolution", "720p"),
    ],
)
def test_another_name_is_taken_and_told(name: str, value: object, read: str, meant: object) -> None:
    request = parse(**{name: value})
    assert getattr(request, read) == meant
    assert f"'{name}' was taken as '{read}'" in request.warnings


@pytest.mark.parametrize(
    "image", ["image", "imageUrl", "imageURL", "image_base64", "portrait", "img_url", "cond_image"]
)
@pytest.mark.parametrize("audio", ["audio", "audio_url", "audioUrls", "audioURLs", "wav_url", "audio_base64"])
def test_picture_and_voice_by_other_names(image: str, audio: str) -> None:
    for sent in (VOICE, [VOICE]):
        request = parse_request({image: IMAGE, audio: sent})
        assert (request.image, request.speakers) == (IMAGE, (Speaker(VOICE, None, 0.0),))
        assert len(request.warnings) == 2


def test_a_speakers_fields_by_other_names() -> None:
    request = parse_request(speaking({"url": VOICE, "bbox": ["0", 0, "0.5", 1], "offsetSeconds": "1.5"}))
    assert request.speakers == (Speaker(VOICE, (0.0, 0.0, 0.5, 1.0), 1.5),)
    assert "'bbox' of speaker 1 was taken as 'region'" in request.warnings
    for other in ("LEFT", "Left ", "left"):
        assert parse_request(speaking({"audio": VOICE, "region": other})).speakers[0].region == "left"
    for other in ("Centre", "middle", "CENTER"):
        assert parse_request(speaking({"audio": VOICE, "region": other})).speakers[0].region == "center"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (job(prompt="a", positive_prompt="b"), ("positive_prompt", "prompt")),
        (job(cfg=2, guidance=3), ("cfg", "guidance", "cfg_scale")),
        (job(use_lora=0, use_speed_lora=True), ("use_speed_lora",)),
        (job(scheduler="euler", sampler="lcm"), ("sampler",)),
        (job(image="https://a.example/other.png"), ("image", "image_url")),
        (job(audio=["a", "b"]), ("audio", "audio_urls")),
        (speaking({"audio": "a", "url": "b"}), ("audio", "url", "speaker 1")),
    ],
)
def test_two_names_with_two_values_are_refused(raw: dict[str, Any], told: tuple[str, ...]) -> None:
    message = refusal(raw)
    assert "different values" in message
    assert all(f"{word}" in message for word in told)


@pytest.mark.parametrize(
    "raw",
    [
        job(prompt="b", positive_prompt="b"),
        job(audio=VOICE),
        job(steps=4, num_steps=4.0),
        *(job(steps="4", num_steps=4.0), job(cfg="1", cfg_scale=1.0), job(use_lora=1, use_speed_lora="True")),
        *(job(image=None), job(image=""), job(audio=[]), job(audio=f" {VOICE}")),
        *({"image_url": "", "image": IMAGE, "audio_urls": [], "audio": VOICE}, job(speakers=[])),
        speaking({"audio": VOICE, "url": VOICE}),
    ],
)
def test_two_names_with_one_value_are_taken(raw: dict[str, Any]) -> None:
    request = parse_request(raw)
    assert (request.image, {speaker.audio for speaker in request.speakers}) == (IMAGE, {VOICE})
    assert (request.steps, request.cfg_scale, request.speed_lora_strength) == (4, 1.0, 1.0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("steeps", "did you mean 'steps'?"),
        ("Width", "did you mean 'width'?"),
        ("image-url", "did you mean 'image_url'?"),
        ("AUDIO_URLS", "did you mean 'audio_urls'?"),
        ("promt", "did you mean 'positive_prompt'?"),
        ("schedular", "did you mean 'scheduler'?"),
        ("num_frames", "max_audio_duration"),
        ("numFrames", "max_audio_duration"),
        ("duration", "max_audio_duration"),
        ("order", "'timing' ('together' or 'turns')"),
        ("multi_audio_type", "'timing' ('together' or 'turns')"),
        *((name, "audio_urls, a list") for name in ("first_audio", "second_audio_url", "person1_audio", "audio_url_2")),
        *(("audio_urls[]", "'audio_urls'"), ("audio_urls[0]", "'audio_urls'"), ("text_input", "speaks no text")),
        *(("workflow", "builds its own graph"), ("go_fast", "quality 'fast'"), ("source_url", "'image_url'")),
        ("wav_url_2", "audio_urls, a list"),
        ("audio2", "audio_urls, a list"),
        ("end_image", "image_url"),
        ("text", "speaks no text"),
        ("bbox", "speakers"),
        ("video_quality", "'crf'"),
        ("sample_audio_guide_scale", "audio_cfg_scale"),
        ("presigned_url", "upload_url"),
        ("webhook", "beside input"),
        ("policy", "beside input"),
        ("s3Config", "beside input"),
        ("s3_config", "s3Config stands beside input"),
        ("callbackUrl", "webhook stands beside input"),
        ("bucket", "s3Config stands beside input"),
        ("lipsync_strength", "'audio_scale'"),
        ("outputFormat", "always an MP4"),
        ("executionTimeout", "policy stands beside input"),
    ],
)
def test_a_name_that_is_not_taken_gets_the_right_hint(name: str, words: str) -> None:
    message = refusal(job(**{name: 1}))
    assert f"unknown field '{name}'" in message
    assert words in message


@pytest.mark.parametrize(
    "name",
    [
        "cfg_rescale",
        "order_id",
        "foo",
        "fp8",
        "end_percent",
        "tokens",
        "style",
        "enhance",
        "gpu",
        "user_id",
        "crop",
    ],
)
def test_nobody_is_led_astray(name: str) -> None:
    assert f"unknown field '{name}'" in refusal(job(**{name: 1}))
    assert "did you mean" not in refusal(job(**{name: 1}))


@pytest.mark.parametrize("name", ["data", "body", "params", "inputs", "payload"])
@pytest.mark.parametrize("inner", [job(), {"cfg": 1}, [job()]], ids=["all", "one", "list"])
def test_fields_that_stand_too_deep_are_told(name: str, inner: object) -> None:
    assert f"unknown field '{name}': send what it holds in input itself" in refusal(job(**{name: inner}))


def test_names_with_one_way_out_are_told_together() -> None:
    message = refusal({"image_url": IMAGE, "left_audio": "a", "right_audio": "b"}, ErrorCode.MISSING_PARAMETER)
    assert "unknown fields 'left_audio', 'right_audio': send all voices in audio_urls" in message
    assert message.count("send all voices") == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("name", "known by their order"),
        ("text", "send the spoken sound in audio"),
        ("mask", "'region'"),
        ("duration", "ends with its sound"),
        ("image_url", "beside speakers"),
        ("audio_urls", "'audio'"),
    ],
)
def test_a_speakers_unknown_name_gets_the_right_hint(name: str, words: str) -> None:
    message = refusal(speaking({"audio": VOICE, name: "x"}))
    assert f"unknown field '{name}' of speaker 1" in message
    assert words in message
