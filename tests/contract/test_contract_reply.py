"""A reply has the published keys, is plain JSON, and gives the metadata back as it came."""

import json
import math
from typing import Any

import pytest
from pydantic import ValidationError

from contract.errors import ErrorCode, KeptVideo, WorkerError
from contract.response import Reply, as_json, failure
from tests.contract.contract_samples import parse, reply

PUBLISHED = {
    "output_video_url",
    "processing_time_seconds",
    "generation_time_seconds",
    "video_info",
    "generation_params",
    "status",
    "timings",
    "warnings",
    "engine",
}
VIDEO_INFO = {"width", "height", "fps", "file_size_mb", "mode", "audio_files_used"}
MORE_VIDEO_INFO = {"marks", "duration_seconds", "frames", "windows", "sha256", "regions"}
GENERATION_PARAMS = {
    *("positive_prompt", "negative_prompt", "steps", "cfg_scale", "seed", "scheduler", "mode", "block_swap"),
    *("speed_lora", "workflow_version"),
}
TIMINGS = {"fetch", "prepare", "load", "sample", "encode", "upload"}
METADATA: dict[str, Any] = {
    "text": "ä\u2028\U0001f600\x00",
    "whole": 2**62,
    "fraction": 1.0,
    "tiny": 5e-324,
    "flag": True,
    "nothing": None,
    "nested": {"": [[], {}, [1, 1.0, "1", False]]},
}


def test_the_published_keys_are_there() -> None:
    data = as_json(reply())
    assert set(data) >= PUBLISHED
    assert set(data["video_info"]) == VIDEO_INFO | MORE_VIDEO_INFO
    assert set(data["generation_params"]) >= GENERATION_PARAMS
    assert set(data["timings"]) == TIMINGS
    assert data["status"] == "completed"


def test_no_key_is_there_that_nobody_knows_of() -> None:
    data = as_json(reply(metadata={"a": 1}))
    assert set(data) - PUBLISHED == {"job_id", "expires_at", "metadata", "worker_version", "work", "forecast"}
    assert set(data["generation_params"]) - GENERATION_PARAMS == {
        *("blocks_to_swap", "speed_lora_strength", "shift", "audio_scale", "audio_cfg_scale", "color_match"),
        *("window_frames", "overlap_frames", "voices", "quality", "negative_guidance"),
    }


def test_the_order_is_the_published_one() -> None:
    assert list(as_json(reply()))[:6] == [
        *("output_video_url", "processing_time_seconds", "generation_time_seconds"),
        *("video_info", "generation_params", "status"),
    ]


def test_values_come_out_as_they_went_in() -> None:
    data = as_json(reply())
    assert data["video_info"]["frames"] == 251
    assert data["generation_params"]["seed"] == 7
    assert data["timings"]["sample"] == 9.25
    assert data["warnings"] == ["width 401 was rounded to 400"]
    assert data["engine"] == "simulator"
    assert as_json(reply(warnings=()))["warnings"] == []


def test_a_reply_is_plain_json() -> None:
    data = as_json(reply(metadata=METADATA))
    assert json.loads(json.dumps(data, allow_nan=False)) == data


@pytest.mark.parametrize("metadata", [METADATA, {}, {"a": [1, 2]}])
def test_metadata_comes_back_as_it_came(metadata: dict[str, Any]) -> None:
    data = as_json(reply(metadata=parse(metadata=metadata).metadata))
    assert json.dumps(data["metadata"]) == json.dumps(metadata)


def test_metadata_as_deep_as_is_taken_comes_back() -> None:
    nested: object = 1
    for _ in range(200):
        nested = [nested]
    metadata = {"a": nested}
    assert as_json(reply(metadata=parse(metadata=metadata).metadata))["metadata"] == metadata


def test_without_metadata_there_is_no_key() -> None:
    assert "metadata" not in as_json(reply())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_reply_has_no_number_that_json_does_not_know(value: float) -> None:
    with pytest.raises(ValidationError):
        reply(processing_time_seconds=value)


@pytest.mark.parametrize("change", [{"engine": "other"}, {"status": "failed"}, {"extra": 1}, {"warnings": None}])
def test_a_reply_is_checked(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        reply(**change)


def test_the_largest_seed_survives() -> None:
    params = reply().generation_params.model_copy(update={"seed": 2**63 - 1})
    text = json.dumps(as_json(reply(generation_params=params)))
    assert json.loads(text)["generation_params"]["seed"] == 2**63 - 1


@pytest.mark.parametrize("text", ["\ud800", "a\udcff"])
def test_a_reply_has_no_text_that_cannot_be_sent(text: str) -> None:
    """The SDK sends UTF-8, which has no lone surrogates."""
    broken = Reply.model_construct(**{**dict(reply()), "output_video_url": text})
    with pytest.raises(ValueError, match="surrogates"):
        as_json(broken)
    with pytest.raises(ValueError, match="surrogates"):
        failure(WorkerError(ErrorCode.STORAGE_FAILED, "not stored", kept=KeptVideo(path=text)), "job-1")
