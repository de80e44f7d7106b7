"""Each fault on demand does what it says, where it says."""

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import websocket

from tests.simulator.simulator_process import (
    PATIENCE,
    REPO,
    Client,
    Message,
    Simulator,
    changed,
    ended,
    endless,
    is_tick,
    one_speaker,
    write_masks,
)

Start = Callable[..., Simulator]
GONE = (ConnectionError, websocket.WebSocketException)


def steps_done(message: Message) -> bool:
    """The last step of the first window of `one_speaker` was told."""
    return is_tick(message) and (message["data"]["value"], message["data"]["max"]) == (4, 16)


def begin(simulator: Simulator, folder: Path) -> Client:
    client = simulator.connect("faulty")
    assert simulator.queue(one_speaker(folder), "faulty", prompt_id="p").status_code == 200
    return client


def frames_written(folder: Path) -> int:
    return len(list((folder / "frames").glob("*/*.png")))


def ask_for_ever(simulator: Simulator) -> None:
    while True:
        requests.get(f"{simulator.url}/prompt", timeout=(PATIENCE, 1.0))


def test_die_ends_the_process_at_a_window(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "die:window=2")
    begin(simulator, tmp_path)
    assert simulator.process.wait(PATIENCE) == 1
    assert frames_written(tmp_path) == 17


def test_die_ends_the_process_at_a_node(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "die:node=WanVideoModelLoader")
    client = simulator.connect("faulty")
    with contextlib.suppress(requests.ConnectionError):  # it may be gone before it has answered
        simulator.queue(one_speaker(tmp_path), "faulty", prompt_id="p")
    assert simulator.process.wait(PATIENCE) == 1
    with pytest.raises(GONE):
        client.until(is_tick)


def test_hang_stops_progress_but_not_http(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "hang:window=2")
    client = begin(simulator, tmp_path)
    client.until(steps_done)
    simulator.post("/interrupt", {"prompt_id": "p"})
    simulator.queue(one_speaker(tmp_path), prompt_id="behind")
    assert client.next()["type"] == "status"
    state = simulator.get("/queue").json()
    assert [item[1] for item in state["queue_running"] + state["queue_pending"]] == ["p", "behind"]
    assert frames_written(tmp_path) == 17


def test_dead_thread_leaves_the_prompt_running_for_ever(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "dead-thread:window=2")
    client = begin(simulator, tmp_path)
    client.until(steps_done)
    simulator.queue(one_speaker(tmp_path), prompt_id="behind")
    assert client.next()["type"] == "status"
    state = simulator.get("/queue").json()
    assert [item[1] for item in state["queue_running"]] == ["p"]
    assert [item[1] for item in state["queue_pending"]] == ["behind"]


def test_silent_answers_nothing_more(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "silent:node=lora")
    begin(simulator, tmp_path)
    with pytest.raises(requests.Timeout):
        ask_for_ever(simulator)
    assert simulator.process.poll() is None
    assert simulator.stop() == 0


def test_drop_socket_cuts_so_often_and_no_more(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "drop-socket:times=2")
    client = simulator.connect("faulty")
    simulator.queue(endless(one_speaker(tmp_path)), "faulty", prompt_id="p")
    for _ in range(2):
        with pytest.raises(GONE):
            client.until(ended("p"))
        client = simulator.connect("faulty")
    simulator.post("/interrupt", {"prompt_id": "p"})
    client.until(ended("p"))


def test_out_of_memory_happens_once_and_looks_real(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "oom:window=2")
    graph = one_speaker(tmp_path)
    error = simulator.run(graph).event("execution_error")
    assert (error["node_id"], error["exception_type"]) == ("sample", "torch.OutOfMemoryError")
    assert error["exception_message"].startswith("CUDA out of memory. Tried to allocate ")
    assert "\nThis error means you ran out of memory on your GPU.\n\nTIPS: " in error["exception_message"]
    assert frames_written(tmp_path) == 17
    assert simulator.run(graph).succeeded


@pytest.mark.parametrize("place", ["WanVideoVAELoader", "vae"])
def test_error_at_a_class_or_an_id_so_often(place: str, start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", f"error:node={place},times=2,message=no, not now")
    graph = one_speaker(tmp_path)
    for _ in range(2):
        error = simulator.run(graph).event("execution_error")
        assert (error["node_id"], error["exception_type"]) == ("vae", "RuntimeError")
        assert error["exception_message"] == "no, not now\n"
    assert simulator.run(graph).succeeded


def test_always_never_stops(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "oom:times=always", "--fault", "error:node=LoadAudio")
    graph = one_speaker(tmp_path)
    assert simulator.run(graph).event("execution_error")["node_id"] == "audio1"
    for seed in range(3):
        error = simulator.run(changed(graph, "sample", seed=seed)).event("execution_error")
        assert error["exception_type"] == "torch.OutOfMemoryError"


def test_faults_of_a_file_are_counted_down_there_and_outlive_the_process(start: Start, tmp_path: Path) -> None:
    faults, graph = tmp_path / "faults", one_speaker(tmp_path)
    faults.write_text("oom:window=2,times=2\n\ndie:node=sample\nerror:node=vae,times=always,message=no, never\n")
    first = start("--speed", "0", "--fault", f"@{faults}")
    assert first.run(graph).event("execution_error")["exception_message"] == "no, never\n"
    faults.write_text("oom:window=2,times=2\ndie:node=sample\n")
    with contextlib.suppress(requests.ConnectionError):  # all is cached: it may be dead before it has answered
        begin(first, tmp_path)
    assert first.process.wait(PATIENCE) == 1
    second = start("--speed", "0", "--fault", f"@{faults}")
    for left in ("oom:window=2,times=1,message=simulated failure\n", ""):
        assert second.run(graph).event("execution_error")["exception_type"] == "torch.OutOfMemoryError"
        assert faults.read_text() == left
    assert second.run(graph).succeeded


def test_a_file_may_come_and_go_and_what_it_says_for_ever_stays(start: Start, tmp_path: Path) -> None:
    faults, graph = tmp_path / "faults", one_speaker(tmp_path)
    simulator = start("--speed", "0", "--fault", f"@{faults}")
    first = tmp_path / "first"  # a job of its own: another one there would go on behind its last window
    first.mkdir()
    assert simulator.run(one_speaker(first)).succeeded
    faults.write_text("error:window=1,times=always")
    for seed in range(2):
        assert not simulator.run(changed(graph, "sample", seed=seed)).succeeded
    faults.unlink()
    assert simulator.run(changed(graph, "sample", seed=2)).succeeded


def test_a_line_that_is_no_fault_fails_the_prompt(start: Start, tmp_path: Path) -> None:
    faults = tmp_path / "faults"
    faults.write_text("oom\nexplode\n")
    simulator = start("--speed", "0", "--fault", f"@{faults}")
    error = simulator.run(one_speaker(tmp_path)).event("execution_error")
    assert error["exception_message"].startswith("simulator: unknown fault 'explode'")
    faults.unlink()
    assert simulator.run(one_speaker(tmp_path)).succeeded


@pytest.mark.parametrize("spec", ["explode", "die:whenever=1"])
def test_a_fault_nobody_knows_is_refused(spec: str) -> None:
    command = [sys.executable, "-m", "simulator", "--fault", spec]
    result = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 2
    assert "--fault" in result.stderr


def test_an_answer_is_replaced_once_its_prompt_has_ended(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", 'answer:path=history,message={"PROMPT": [1, 2]}')
    client = begin(simulator, tmp_path)
    assert simulator.get("/history/other").json() == {}
    client.until(ended("p"))
    assert simulator.get("/history/p").json() == {"p": [1, 2]}
    assert simulator.get("/history/p").json()["p"]["status"]["completed"] is True


@pytest.mark.parametrize(("kind", "known"), [("cut", True), ("lost", False)])
def test_a_post_is_cut_after_it_was_taken_or_before(kind: str, known: bool, start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", f"{kind}:path=prompt", "--fault", "hang:node=vae")
    with pytest.raises(requests.RequestException):
        simulator.queue(one_speaker(tmp_path), prompt_id="p")
    queue = simulator.get("/queue").json()
    assert ("p" in [item[1] for item in queue["queue_running"] + queue["queue_pending"]]) is known
    assert simulator.queue(one_speaker(tmp_path), prompt_id="again").status_code == 200


def test_late_is_taken_late(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "late:path=prompt,seconds=0.5")
    with pytest.raises(requests.Timeout):
        requests.post(f"{simulator.url}/prompt", json={"prompt": one_speaker(tmp_path), "prompt_id": "p"}, timeout=0.1)
    assert simulator.get("/history/p").json() == {}
    while "p" not in simulator.get("/history/p").json():
        assert simulator.process.poll() is None


def test_any_text_is_sent_beside_a_tick(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "answer:path=ws,message=[1]")
    messages: list[object] = [*begin(simulator, tmp_path).until(ended("p"))]
    assert [1] in messages


def test_a_dead_worker_takes_no_prompt_after_the_one_that_it_ended(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "dead-after")
    begin(simulator, tmp_path).until(ended("p"))
    simulator.queue(one_speaker(tmp_path), prompt_id="behind")
    state = simulator.get("/queue").json()
    assert [len(state["queue_running"]), len(state["queue_pending"])] == [0, 1]
    assert set(simulator.get("/history").json()) == {"p"}


def test_a_base_exception_ends_the_worker_within_its_prompt(start: Start, tmp_path: Path) -> None:
    simulator = start("--speed", "0", "--fault", "base-exception:window=2,message=not recognized")
    client = begin(simulator, tmp_path)
    client.until(steps_done)
    simulator.queue(one_speaker(tmp_path), prompt_id="behind")
    state = simulator.get("/queue").json()
    assert [item[1] for item in state["queue_running"] + state["queue_pending"]] == ["p", "behind"]


def test_several_references_in_multitalk_mode_end_the_worker_at_the_first_match_of_colours(
    start: Start, tmp_path: Path
) -> None:
    simulator = start("--speed", "0")
    graph = changed(one_speaker(tmp_path), "i2v", mode="multitalk", motion_frame=5, colormatch="mkl")
    masks = write_masks(tmp_path / "two.png", (64, 64), [(0, 0, 32, 64)])  # two pictures will do
    graph = changed(changed(graph, "img", image=str(masks)), "cve", image_1=["first", 0])
    first = {"image": ["scale", 0], "batch_index": 0, "length": 1}
    graph["first"] = {"class_type": "ImageFromBatch", "inputs": first}
    client = simulator.connect("dying")
    assert simulator.queue(graph, "dying", prompt_id="p").status_code == 200
    client.until(lambda message: is_tick(message) and message["data"]["value"] == 4)
    simulator.queue(one_speaker(tmp_path), prompt_id="behind")
    state = simulator.get("/queue").json()
    assert [item[1] for item in state["queue_running"] + state["queue_pending"]] == ["p", "behind"]
    assert simulator.get("/history").json() == {}
