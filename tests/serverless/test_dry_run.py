"""A dry run answers with what the job would take and how it would look, and leaves engine, storage and disk alone."""

import base64
import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from contract.schema import schemas
from media.layout_picture import COLOURS
from tests.serverless.stand import Stand, standing
from tests.worker.bench import RATE, Simulator, launch_simulator

MOST_CHARACTERS = 60_000
WORDS = [(0.3, 0.5), (0.3, 0.0), (0.4, 0.9)]
DUO: dict[str, Any] = {
    "image_url": "duo.png",
    "audio_urls": None,
    "speakers": [{"audio": "anna.wav", "region": [0, 0, 0.4, 1]}, {"audio": "ben.wav", "region": [0.6, 0.25, 1, 0.75]}],
    "timing": "turns",
    "negative_prompt": "blurred",
    "width": 258,
    "height": 256,
    "metadata": {"order": 7},
}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """An engine that nobody starts again once it has ended."""
    simulator = launch_simulator(tmp_path_factory.mktemp("simulator") / "log")
    yield simulator
    _end(simulator)


def _end(simulator: Simulator) -> None:
    simulator.process.terminate()
    simulator.process.wait(timeout=20)
    assert simulator.process.stdout is not None
    simulator.process.stdout.close()


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("dry"), COMFYUI_URL=simulator.url) as stand:
        stand.bench.picture("duo.png", (512, 256))
        stand.bench.voice("anna.wav", WORDS)
        stand.bench.voice("ben.wav", [(0.5, 0.5)])
        yield stand


@pytest.fixture(scope="module")
def real(stand: Stand) -> dict[str, Any]:
    """The reply of the job itself."""
    stand.give("real", **DUO)
    return dict(stand.plane.wait_for_result("real")["output"])


@pytest.fixture(scope="module")
def quote(stand: Stand, simulator: Simulator, real: dict[str, Any]) -> dict[str, Any]:
    """What its dry run answers, without an engine."""
    assert real["status"] == "completed"
    _end(simulator)
    stand.give("dry", **DUO, dry_run=True)
    return dict(stand.plane.wait_for_result("dry")["output"])


def test_it_says_what_the_job_itself_says(real: dict[str, Any], quote: dict[str, Any]) -> None:
    assert quote["warnings"] == real["warnings"]
    assert len(real["warnings"]) >= 2
    info, work = real["video_info"], quote["work"]
    assert work == real["work"]
    assert (work["width"], work["height"], work["windows"]) == (info["width"], info["height"], info["windows"])
    assert (quote["output_frames"], quote["duration_seconds"]) == (info["frames"], info["duration_seconds"])
    assert work["passes"] == work["windows"] * work["steps"] == 4
    chosen = {name: value for name, value in real["generation_params"].items() if name != "seed"}
    assert {**quote["generation_params"], **chosen} == quote["generation_params"]
    assert (quote["status"], quote["metadata"], quote["engine"]) == ("dry_run", {"order": 7}, "simulator")


def test_it_forecasts_by_what_the_worker_has_learned(real: dict[str, Any], quote: dict[str, Any]) -> None:
    """The job before it was the very same one."""
    assert (real["forecast"]["basis"], quote["forecast"]["basis"]) == ("guess", "learned")
    for stage in ("load", "sample"):
        expected = quote["forecast"]["stages"][stage]
        assert expected == pytest.approx(real["timings"][stage], rel=0.02, abs=0.02), stage


def test_it_leaves_nothing_behind_and_proves_nothing_of_the_engine(stand: Stand, quote: dict[str, Any]) -> None:
    assert quote["job_id"] == "dry"
    assert not stand.is_stored("dry")
    stand.plane.wait_until_asked()
    assert list(_kept(stand, "real")) != []
    assert list(_kept(stand, "dry")) == []
    assert stand.worker.leftovers() == []
    stand.give("next")
    stand.assert_failed("next", "engine_unavailable", retryable=True)


def _kept(stand: Stand, job_id: str) -> Iterator[Path]:
    return (path for path in stand.bench.folder.rglob("*") if job_id in path.name)


def test_its_reply_is_in_the_schema(quote: dict[str, Any]) -> None:
    jsonschema.validate(quote, json.loads(schemas()["reply.schema.json"]))


def test_regions_crop_and_voices_are_told_in_numbers(quote: dict[str, Any]) -> None:
    """The picture is twice as wide as the frame: its middle half is seen."""
    assert quote["picture"] == {
        "width": 512, "height": 256, "crop": [0.25, 0, 0.75, 1], "placed": [0, 0, 1, 1], "lost": 0.5,
    }  # fmt: skip
    anna, ben = quote["speakers"]
    assert (anna["region_in_frame"], anna["region_in_picture"]) == ([0, 0, pytest.approx(0.3, abs=0.003), 1], ANY_LEFT)
    assert ben["region_in_frame"] == [pytest.approx(0.7, abs=0.003), 0.25, 1, 0.75]
    assert (anna["starts_at"], anna["ends_at"], ben["starts_at"], ben["ends_at"]) == (0, 1, 1, 1.5)
    turn = len(anna["levels"]) * 2 // 3
    assert max(anna["levels"][:turn]) == pytest.approx(0.9, abs=0.05)
    assert max(anna["levels"][turn + 1 :]) == 0 == max(ben["levels"][: turn - 1])
    assert anna["levels"][round(0.4 / 1.5 * len(anna["levels"]))] < 0.01, "between her words"


ANY_LEFT = [0.25, 0, pytest.approx(0.4, abs=0.003), 1]


def test_the_preview_shows_regions_and_voices(quote: dict[str, Any]) -> None:
    assert len(quote["preview"]) < MOST_CHARACTERS
    kind, _, data = quote["preview"].partition(",")
    assert kind == "data:image/jpeg;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    left = (image.width - 256) // 2
    for colour, edge in zip(COLOURS, ((left + 1, 200), (left + 254, 128)), strict=False):
        seen = image.getpixel(edge)
        assert isinstance(seen, tuple)
        assert max(abs(one - other) for one, other in zip(seen, colour, strict=True)) < 60, (edge, seen)


def test_time_and_price_are_told_for_every_gpu(quote: dict[str, Any]) -> None:
    assert quote["forecast"]["gpu"] is None, "a simulator has none"
    gpus = {gpu["gpu"]: gpu for gpu in quote["gpus"]}
    assert {"L4", "RTX 4090", "L40S", "A100", "H100", "H200", "B200"} <= gpus.keys()
    for gpu in gpus.values():
        assert 0 < gpu["seconds"] < gpu["first_job_seconds"] < gpu["execution_timeout"] / 1000
        if gpu["usd_per_second"] is not None:
            assert gpu["cost_usd"] == pytest.approx(gpu["usd_per_second"] * gpu["seconds"], rel=0.02, abs=1e-4)


def test_what_the_job_would_fail_with_fails_its_dry_run(stand: Stand) -> None:
    stand.give("odd", dry_run=True, image_url="short.wav")
    body = stand.plane.wait_for_result("odd")
    assert body["output"]["error_code"] == "image_invalid"


def test_noise_and_a_long_sound_stay_small(stand: Stand) -> None:
    """The worst that a JPEG can be asked for, and bars beside the picture."""
    noise = Image.effect_noise((640, 320), 120).convert("RGB")
    noise.save(stand.bench.folder / "noise.png")
    (stand.bench.folder / "minutes.wav").write_bytes(_clicks(120))
    stand.give("noisy", dry_run=True, image_url="noise.png", audio_urls=["minutes.wav"], fit="contain", width=1280)
    reply = stand.plane.wait_for_result("noisy")["output"]
    assert reply["status"] == "dry_run", reply
    assert len(reply["preview"]) < MOST_CHARACTERS
    assert reply["picture"]["placed"] == [0.3, 0, 0.7, 1]
    assert reply["speakers"][0]["region_in_frame"] is None
    assert reply["execution_timeout"] < max(gpu["execution_timeout"] for gpu in reply["gpus"]), "by what was learned"


def _clicks(seconds: int) -> bytes:
    """A WAV with a click each second."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes((b"\xff\x5f" * 160 + bytes(2 * (RATE - 160))) * seconds)
    return out.getvalue()
