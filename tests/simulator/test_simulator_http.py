"""The HTTP and WebSocket sides beyond the recorded exchanges."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.simulator.simulator_process import (
    PATIENCE,
    REPO,
    Simulator,
    changed,
    ended,
    endless,
    is_tick,
    one_speaker,
    tone,
    write_wav,
)

Start = Callable[..., Simulator]
MISMATCH = "model, received_type(WANVAE) mismatch input_type(WANVIDEOMODEL)"


@pytest.mark.parametrize(
    "path",
    [
        "/prompt",
        "/queue",
        "/history",
        "/history/none",
        "/system_stats",
        "/object_info",
        "/object_info/LoadAudio",
        "/features",
    ],
)
def test_each_route_also_stands_under_api(path: str, simulator: Simulator) -> None:
    plain, prefixed = simulator.get(path), simulator.get(f"/api{path}")
    assert (plain.status_code, prefixed.status_code) == (200, 200)
    if path != "/system_stats":
        assert plain.json() == prefixed.json()


def test_system_stats_name_the_version_and_a_card(simulator: Simulator) -> None:
    stats = simulator.get("/system_stats").json()
    assert stats["system"]["comfyui_version"] == "0.3.64"
    assert stats["devices"][0]["vram_total"] > 0


def test_object_info_of_an_unknown_class_is_empty(simulator: Simulator) -> None:
    answer = simulator.get("/object_info/KSampler")
    assert (answer.status_code, answer.json()) == (200, {})
    info = simulator.get("/object_info/WanVideoSampler").json()["WanVideoSampler"]
    assert info["input"]["required"]["steps"] == ["INT", {"default": 30, "min": 1}]
    assert info["input_order"]["required"][:3] == ["model", "image_embeds", "steps"]


def test_a_missing_model_is_in_no_list(start: Start, tmp_path: Path) -> None:
    name = "wan2.1-i2v-14b-480p-Q4_K_M.gguf"
    simulator = start("--speed", "0", "--models-missing", name)
    assert name not in simulator.get("/object_info").text
    answer = simulator.queue(one_speaker(tmp_path))
    (error,) = answer.json()["node_errors"]["model"]["errors"]
    assert (answer.status_code, error["type"]) == (400, "value_not_in_list")


def test_a_body_without_a_prompt_and_one_that_is_no_json(simulator: Simulator) -> None:
    answer = simulator.post("/prompt", {"client_id": "x"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "no_prompt")
    assert requests.post(f"{simulator.url}/prompt", data=b"{", timeout=PATIENCE).status_code == 500
    assert simulator.post("/prompt", {"prompt": ["no", "graph"]}).status_code == 500


def test_a_page_of_another_origin_is_refused(simulator: Simulator) -> None:
    headers = {"Origin": "http://elsewhere.example"}
    assert requests.get(f"{simulator.url}/prompt", headers=headers, timeout=PATIENCE).status_code == 403


def reason(answer: requests.Response, node: str) -> dict[str, Any]:
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["node_errors"][node]["errors"]
    found: dict[str, Any] = error
    return found


@pytest.mark.parametrize(
    ("node", "inputs", "told"),
    [
        ("img", {"image": "none.png"}, ("custom_validation_failed", "image - Invalid image file: none.png")),
        ("audio1", {"audio": "/none.wav"}, ("custom_validation_failed", "audio - Invalid audio file: /none.wav")),
        ("emb", {"num_frames": 10001}, ("value_bigger_than_max", "num_frames")),
        ("i2v", {"width": 32}, ("value_smaller_than_min", "width")),
        (
            "sample",
            {"steps": "many"},
            ("invalid_input_type", "steps, many, invalid literal for int() with base 10: 'many'"),
        ),
        ("sample", {"model": ["vae", 0]}, ("return_type_mismatch", MISMATCH)),
        ("sample", {"model": ["model"]}, ("bad_linked_input", "model")),
    ],
)
def test_wrong_inputs_are_named(
    node: str, inputs: dict[str, Any], told: tuple[str, str], simulator: Simulator, tmp_path: Path
) -> None:
    error = reason(simulator.queue(changed(one_speaker(tmp_path), node, **inputs)), node)
    assert (error["type"], error["details"]) == told


def test_a_link_to_a_missing_node_is_an_inner_exception(simulator: Simulator, tmp_path: Path) -> None:
    error = reason(simulator.queue(changed(one_speaker(tmp_path), "sample", model=["99", 0])), "sample")
    assert (error["type"], error["details"]) == ("exception_during_inner_validation", "'99'")


def test_valid_outputs_run_beside_invalid_ones(simulator: Simulator, tmp_path: Path) -> None:
    graph = one_speaker(tmp_path)
    graph["bad"] = {"class_type": "PreviewAny", "inputs": {"source": ["lost", 0]}}
    graph["lost"] = {"class_type": "LoadAudio", "inputs": {"audio": "lost.wav"}}
    outcome = simulator.run(graph)
    assert outcome.succeeded
    assert outcome.answer["node_errors"]["lost"]["dependent_outputs"] == ["bad"]
    assert list(outcome.history["outputs"]) == ["frames_dir"]


def test_unknown_inputs_are_ignored_and_values_converted(simulator: Simulator, tmp_path: Path) -> None:
    graph = changed(one_speaker(tmp_path), "sample", colour="red", steps=4.9)
    outcome = simulator.run(graph)
    assert outcome.succeeded
    assert outcome.history["prompt"][2]["sample"]["inputs"]["steps"] == 4


def test_the_callers_prompt_id_and_the_number_are_kept(simulator: Simulator, tmp_path: Path) -> None:
    outcome = simulator.run(one_speaker(tmp_path), prompt_id="job-1", number=7)
    assert outcome.answer == {"prompt_id": "job-1", "number": 7.0, "node_errors": {}}
    assert outcome.history["prompt"][:2] == [7.0, "job-1"]


def test_the_history_can_be_read_and_cleared(simulator: Simulator, tmp_path: Path) -> None:
    graph = one_speaker(tmp_path)
    for name in ("h1", "h2", "h3"):
        simulator.run(graph, prompt_id=name)
    assert list(simulator.get("/history", max_items="2").json()) == ["h2", "h3"]
    assert simulator.post("/history", {"delete": ["h2"]}).status_code == 200
    assert simulator.get("/history/h2").json() == {}
    assert {"h1", "h3"} <= set(simulator.get("/history").json())
    assert simulator.post("/history", {"clear": True}).status_code == 200
    assert simulator.get("/history").json() == {}


def test_waiting_prompts_can_be_deleted_and_a_running_one_only_interrupted(
    simulator: Simulator, tmp_path: Path
) -> None:
    client = simulator.connect("queue-test")
    simulator.queue(endless(one_speaker(tmp_path)), "queue-test", prompt_id="runs")
    client.until(is_tick)
    for name in ("first", "second", "third"):
        simulator.queue(one_speaker(tmp_path), prompt_id=name)
    assert simulator.get("/prompt").json() == {"exec_info": {"queue_remaining": 4}}
    simulator.post("/queue", {"delete": ["runs", "second"]})
    state = simulator.get("/queue").json()
    assert [item[1] for item in state["queue_running"]] == ["runs"]
    assert [item[1] for item in state["queue_pending"]] == ["first", "third"]
    simulator.post("/queue", {"clear": True})
    assert simulator.get("/queue").json()["queue_pending"] == []
    simulator.post("/interrupt", {"prompt_id": "another"})
    client.until(is_tick)
    assert [item[1] for item in simulator.get("/queue").json()["queue_running"]] == ["runs"]
    requests.post(f"{simulator.url}/interrupt", timeout=PATIENCE)
    assert "execution_interrupted" in [message["type"] for message in client.until(ended("runs"))]
    client.close()
    assert simulator.get("/queue").json() == {"queue_running": [], "queue_pending": []}


def test_events_go_to_the_prompts_client_only(simulator: Simulator, tmp_path: Path) -> None:
    owner, other = simulator.connect("owner"), simulator.connect("other")
    simulator.queue(one_speaker(tmp_path), "owner", prompt_id="owned")
    owner.until(ended("owned"))
    simulator.queue(changed(one_speaker(tmp_path), "sample", seed=99), prompt_id="ownerless")
    heard = other.until(lambda message: is_tick(message) and message["data"]["value"] == 8)
    heard += other.until(lambda message: message["type"] == "status")
    assert {message["type"] for message in heard} == {"status", "progress", "progress_state"}
    assert {message["data"]["prompt_id"] for message in heard if is_tick(message)} == {"ownerless"}
    owner.close()
    other.close()


def test_who_connects_again_is_told_what_runs(simulator: Simulator, tmp_path: Path) -> None:
    client = simulator.connect("returning")
    simulator.queue(endless(one_speaker(tmp_path)), "returning", prompt_id="long")
    client.until(is_tick)
    client.close()
    again = simulator.connect("returning")
    first, second = again.next(), again.until(lambda message: message["type"] == "executing")[-1]
    assert (first["type"], first["data"]["sid"]) == ("status", "returning")
    assert second["data"] == {"node": "sample"}
    simulator.post("/interrupt", {"prompt_id": "long"})
    again.until(ended("long"))
    again.close()


def upload(simulator: Simulator, content: bytes, **fields: str) -> requests.Response:
    files = {"image": ("a.wav", content)}
    return requests.post(f"{simulator.url}/upload/image", files=files, data=fields, timeout=PATIENCE)


def test_uploads_keep_what_is_there_unless_told(simulator: Simulator, tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "sound.wav", tone(1.0)).read_bytes()
    assert upload(simulator, sound).json() == {"name": "a.wav", "subfolder": "", "type": "input"}
    assert upload(simulator, sound).json()["name"] == "a.wav"
    assert upload(simulator, b"else").json()["name"] == "a (1).wav"
    assert upload(simulator, b"else", overwrite="True").json()["name"] == "a (1).wav"
    assert upload(simulator, b"new", overwrite="true", subfolder="job").json()["subfolder"] == "job"
    assert simulator.get("/view", filename="a.wav", type="input").content == sound
    assert simulator.get("/view", filename="a.wav", type="input", subfolder="job").content == b"new"
    assert "a (1).wav" in simulator.get("/object_info/LoadAudio").json()["LoadAudio"]["input"]["required"]["audio"][0]
    graph = changed(one_speaker(tmp_path), "audio1", audio="a.wav")
    assert simulator.run(graph).succeeded


def test_uploads_and_views_stay_inside(simulator: Simulator) -> None:
    assert upload(simulator, b"x", subfolder="../..").status_code == 400
    assert upload(simulator, b"x", type="nowhere").status_code == 500
    assert simulator.get("/view", filename="../secret").status_code == 400
    assert simulator.get("/view", filename="a", subfolder="../..").status_code == 403
    assert simulator.get("/view", filename="nothing").status_code == 404


def test_sigterm_ends_it_cleanly_while_a_prompt_runs(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "1")
    client = simulator.connect("leaving")
    simulator.queue(one_speaker(tmp_path), "leaving")
    client.until(lambda message: message["type"] == "executing")
    assert simulator.stop() == 0


def test_it_ends_with_its_parent() -> None:
    """The child holds the pipe to this test: it is at its end when the child is gone."""
    command = [sys.executable, "-m", "simulator", "--port", "0", "--exit-with-parent"]
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.Popen({command!r}); input()"],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline().startswith("listening on ")
    output, _ = parent.communicate("", timeout=PATIENCE)
    assert output == ""
