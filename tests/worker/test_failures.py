"""A job that cannot be done: what the caller gets, the exit code, and that nothing is left behind."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from contract.cancel import Cancellation
from storage.base import StoredVideo
from storage.local import LocalStorage
from tests.worker.bench import Bench, Simulator, launch_simulator
from tests.worker.in_process import answered_here, resources_here
from workflows.models import read_models

PATIENCE = {"stall_seconds": 8, "load_seconds": 9}
KEYS = {"error", "error_code", "error_stage", "retryable", "status", "job_id", "worker_version"}


class OddPlace(LocalStorage):
    """A storage whose URLs are no text that can be sent."""

    def put(self, video: Path, key: str, cancel: Cancellation) -> StoredVideo:
        return replace(super().put(video, key, cancel), url="https://a/\ud800")


def _job(bench: Bench, **more: Any) -> dict[str, Any]:
    job = {
        "image_url": bench.picture(),
        "audio_urls": [bench.voice("v.wav", [(3.0, 0.5)])],
        "width": 256,
        "height": 256,
    }
    return {**job, **more}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for jobs that do not come so far, or do it no harm."""
    server = launch_simulator(tmp_path_factory.mktemp("healthy") / "simulator.log")
    yield server.url
    server.stop()


@pytest.mark.parametrize(
    ("change", "ends_as"),
    [
        ({"image_url": None}, ("missing_parameter", "validate", "Missing required parameter: image_url")),
        ({"step": 4}, ("invalid_input", "validate", "Invalid input: unknown field 'step'")),
        ({"audio_urls": None}, ("missing_parameter", "validate", "Missing required parameter: audio_urls")),
        ({"audio_urls": ["none.wav"]}, ("source_refused", "fetch", "No valid audio files could be downloaded: ")),
        ({"image_url": "v.wav"}, ("image_invalid", "prepare", "The image is not")),
        (
            {"audio_urls": ["portrait.png"]},
            ("audio_invalid", "prepare", "The audio of speaker 1 cannot be used: a PNG"),
        ),
        (
            {"audio_urls": ["v.wav", "portrait.png"]},
            ("audio_invalid", "prepare", "The audio of speaker 2 cannot be used"),
        ),
    ],
)
def test_a_bad_request_is_answered_before_the_gpu_works(
    bench: Bench, healthy: str, change: dict[str, Any], ends_as: tuple[str, str, str]
) -> None:
    reply = answered_here(_job(bench, **change), resources_here(bench, healthy))
    assert_refused(reply, *ends_as)
    assert bench.leftovers() == []
    assert list((bench.folder / "output").glob("**/*")) == []


def test_the_command_line_answers_a_bad_request_too(bench: Bench) -> None:
    run = bench.run(_job(bench, image_url="v.wav"))
    assert run.code == 1
    assert_refused(run.reply, "image_invalid", "prepare", "The image is not")
    assert run.reply["error"] in run.printed.replace("\\", "")
    assert bench.leftovers() == []
    assert list((bench.folder / "output").glob("**/*")) == []


def assert_refused(reply: dict[str, Any], code: str, stage: str, begins: str) -> None:
    assert set(reply) == KEYS
    assert (reply["error_code"], reply["error_stage"], reply["status"]) == (code, stage, "failed")
    assert reply["error"].startswith(begins)


@pytest.mark.parametrize(
    ("fault", "ends_as", "says"),
    [
        ("oom:window=1,times=always", ("out_of_memory", True), "the GPU ran out of memory"),
        (
            "error:node=WanVideoSampler,message=no luck today",
            ("generation_failed", False),
            "WanVideoSampler: no luck today",
        ),
        ("die:window=1", ("engine_unavailable", True), "ComfyUI"),
        ("hang:node=CLIPVisionLoader", ("deadline_exceeded", True), "no progress for 9 s"),
        ("hang:window=2", ("deadline_exceeded", True), "no progress for 8 s"),
    ],
)
def test_a_failing_server_fails_the_job_with_its_reason(
    bench: Bench, start_simulator: Callable[..., Simulator], fault: str, ends_as: tuple[str, bool], says: str
) -> None:
    server = start_simulator("--fault", fault)
    reply = answered_here(_job(bench, window_frames=65), resources_here(bench, server.url, **PATIENCE))
    assert (reply["error_code"], reply["retryable"]) == ends_as
    assert says in reply["error"]
    assert bench.leftovers() == []


def test_a_lost_socket_is_no_error(bench: Bench, start_simulator: Callable[..., Simulator]) -> None:
    server = start_simulator("--fault", "drop-socket:times=3")
    run = bench.run(_job(bench), ENGINE="comfyui", COMFYUI_URL=server.url)
    assert run.code == 0, run.log
    assert run.reply["engine"] == "comfyui"
    assert requests.get(f"{server.url}/history", timeout=10).json() == {}


def test_a_running_server_without_the_models_stops_the_start(
    bench: Bench, start_simulator: Callable[..., Simulator]
) -> None:
    server = start_simulator("--models-missing", "wan2.1-i2v-14b-480p-Q4_K_M.gguf")
    run = bench.run(_job(bench), ENGINE="comfyui", COMFYUI_URL=server.url)
    assert run.code == 1
    assert "Required models are missing: wan2.1-i2v-14b-480p-Q4_K_M.gguf" in run.log


def test_a_running_server_takes_the_modes_that_it_has_models_for(
    bench: Bench, start_simulator: Callable[..., Simulator]
) -> None:
    server = start_simulator("--models-missing", "WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors")
    for mode, ends_as in (("infinitetalk", None), ("multitalk", "models_missing")):
        run = bench.run(_job(bench, mode=mode), ENGINE="comfyui", COMFYUI_URL=server.url)
        assert run.reply.get("error_code") == ends_as, run.log
    asked_for_all = bench.run(_job(bench), ENGINE="comfyui", COMFYUI_URL=server.url, MODES="all")
    assert "Required models are missing: WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors" in asked_for_all.log


def test_a_proxy_of_the_environment_is_not_asked_for_the_engine(bench: Bench) -> None:
    nowhere = "http://127.0.0.1:9"
    run = bench.run(_job(bench), http_proxy=nowhere, HTTP_PROXY=nowhere, NO_PROXY="media.example.com")
    assert run.code == 0, run.log


def test_a_reply_that_cannot_be_sent_is_a_failure(bench: Bench, healthy: str) -> None:
    """The SDK sends UTF-8, which has no lone surrogates."""
    place = OddPlace(bench.folder / "output")
    resources = replace(resources_here(bench, healthy), storage_of=lambda _job, _request: place)
    reply = answered_here(_job(bench), resources)
    assert (reply["error_code"], reply["error_stage"]) == ("internal_error", "upload")
    json.dumps(reply, ensure_ascii=False).encode()


def test_bad_settings_stop_the_start_with_their_names(bench: Bench) -> None:
    run = bench.run(_job(bench), ENGINE="magic", S3_PRESIGN_SECONDS="soon")
    assert run.code == 1
    assert "ENGINE" in run.log
    assert "S3_PRESIGN_SECONDS" in run.log
    assert set(run.reply) == KEYS
    told = (run.reply["error_code"], run.reply["error_stage"], run.reply["job_id"])
    assert told == ("settings_invalid", "start", "local_test")
    assert run.reply["retryable"] is False
    assert all(name in run.reply["error"] for name in ("ENGINE", "S3_PRESIGN_SECONDS"))


def test_missing_model_files_stop_the_start_by_name(bench: Bench) -> None:
    run = bench.run(_job(bench), ENGINE="comfyui", MODEL_ROOTS=str(bench.folder), COMFYUI_DIR=str(bench.folder))
    assert run.code == 1
    assert "Required models are missing: " in run.log
    assert "wan2.1-i2v-14b-480p-Q4_K_M.gguf" in run.log
    assert set(run.reply) == KEYS
    assert (run.reply["error_code"], run.reply["job_id"]) == ("models_missing", "local_test")
    assert run.reply["error"].startswith("Required models are missing: ")
    assert "ENGINE=simulator" in run.reply["error"]
    assert json.loads(run.printed) == run.reply


def test_an_engine_that_cannot_start_stops_the_worker(bench: Bench) -> None:
    for model in read_models():
        (bench.folder / model.folder).mkdir(exist_ok=True)
        (bench.folder / model.folder / model.file).touch()
    places = {"MODEL_ROOTS": str(bench.folder), "COMFYUI_DIR": str(bench.folder), "COMFYUI_PYTHON": "/bin/false"}
    run = bench.run(_job(bench), ENGINE="comfyui", **places)
    assert run.code == 1
    assert "comfyui ended unexpectedly" in run.log
    told = (run.reply["error_code"], run.reply["error_stage"], run.reply["job_id"])
    assert told == ("engine_unavailable", "load", "local_test")
    assert "comfyui ended unexpectedly" in run.reply["error"]
