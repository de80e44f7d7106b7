"""A real server's life: cached loaders, an interrupt, a kill, and the worker's whole road through it."""

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests

from comfy_client.server import EngineProcess
from comfy_client.supervisor import SupervisedEngine
from contract.cancel import Cancellation
from contract.errors import ErrorCode, WorkerError
from contract.fields import Mode
from handler import answer
from job.loaded import ROOM_BYTES, Loaded
from tests.real.bench import LOADERS, RealBench, difference
from tests.worker.bench import Bench, probe
from worker.engine_setup import ReadyEngine
from worker.settings import Settings
from worker.startup import make_resources

SECRET = "a person who tells a secret"


def test_a_second_job_finds_the_models_loaded(real: RealBench) -> None:
    real.run(real.arguments(seed=1))
    again = real.run(real.arguments(seed=2, references=real.reference(3)))
    assert LOADERS.isdisjoint(again.nodes)
    assert "sampler" in again.nodes


def test_the_other_mode_and_the_way_back_load_what_the_modes_do_not_share(real: RealBench) -> None:
    real.run(real.arguments("infinitetalk", seed=11))
    other = real.run(real.arguments("multitalk", seed=12))
    back = real.run(real.arguments("infinitetalk", seed=13))
    assert LOADERS.intersection(other.nodes) == LOADERS.intersection(back.nodes) == {"model", "talk"}


def test_where_there_is_room_the_way_back_loads_nothing_and_shows_the_same(real: RealBench) -> None:
    loaded, made = Loaded(lambda: ROOM_BYTES), real.arguments("multitalk", seed=21, steps=3)
    modes: tuple[Mode, ...] = ("infinitetalk", "multitalk", "infinitetalk", "multitalk")
    for number, mode in enumerate(modes):
        made = real.arguments(mode, seed=21, steps=3, references=real.reference(number))
        kept = real.run(made, lambda graph, mode=mode: loaded.keep_beside(graph, mode, mode))  # type: ignore[misc]
        if number:  # what ran before the first one is not known
            assert LOADERS.isdisjoint(kept.nodes) is (number > 1), kept.nodes
    real.run(real.arguments("infinitetalk", seed=22))
    fresh = real.run({**made, "frames_parent": real.folder / "fresh"})
    assert {"model", "talk"} <= set(fresh.nodes)
    assert difference(kept.frames, fresh.frames) == 0


def test_a_cancelled_job_ends_and_the_next_one_runs(real: RealBench) -> None:
    cancel, begun = Cancellation(), threading.Event()

    def cancel_once_begun() -> None:
        if not begun.is_set():
            begun.set()
            cancel.cancel()

    with pytest.raises(WorkerError) as caught:
        real.run(real.arguments(seed=3, frames=33), on_poll=cancel_once_begun, cancel=cancel)
    assert caught.value.code is ErrorCode.CANCELLED
    assert real.client.idle(10)
    assert len(real.run(real.arguments(seed=4)).frames) == 17


def test_a_killed_server_fails_the_job_and_is_started_again(real: RealBench) -> None:
    engine = real.ready.engine
    assert isinstance(engine, SupervisedEngine)
    process: EngineProcess = vars(engine)["_process"]
    killed = threading.Event()

    def kill_once() -> None:
        if not killed.is_set():
            killed.set()
            os.kill(process.pid, signal.SIGKILL)
        engine.check()

    with pytest.raises(WorkerError) as caught:
        real.run(real.arguments(seed=5), on_poll=kill_once)
    assert caught.value.code is ErrorCode.ENGINE_UNAVAILABLE
    assert caught.value.retryable
    engine.ensure_ready(Cancellation())
    assert len(real.run(real.arguments(seed=6)).frames) == 17


def test_the_handler_makes_a_video_through_it(settings: Settings, ready: ReadyEngine, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    resources = make_resources(settings.model_copy(update={"input_roots": (tmp_path,)}), ready)
    job = {
        "image_url": bench.picture(size=(256, 256)),
        "audio_urls": [bench.voice("voice.wav", [(1.6, 0.5)])],
        "width": 256,
        "height": 256,
        "mode": "infinitetalk",
        "window_frames": 33,
        "positive_prompt": SECRET,
        "negative_prompt": f"not {SECRET}",
        "quality": "balanced",
        "steps": 1,
        "preview": True,
    }
    told: list[dict[str, Any]] = []
    reply = answer({"id": "real", "input": job}, resources, Cancellation(), told.append, 0.0)
    assert reply.get("status") == "completed", json.dumps(reply)
    video = probe(Path(unquote(urlsplit(reply["output_video_url"]).path)))
    assert (video.frames, video.size, reply["video_info"]["windows"]) == (40, (256, 256), 2)
    params = reply["generation_params"]
    assert [params[name] for name in ("quality", "shift", "negative_guidance")] == ["balanced", 11.0, "nag"]
    assert len({update["preview"] for update in told if "preview" in update}) == 2
    assert abs(video.picture_end - video.sound_end) < 0.040
    assert reply["engine"] == "comfyui"
    url = ready.engine.client.url
    assert SECRET not in json.dumps(requests.get(f"{url}/history", timeout=30).json()), "the caller's text stays behind"
