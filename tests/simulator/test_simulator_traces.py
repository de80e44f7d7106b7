"""Replays what was recorded from a real server: same order, same shape."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.simulator_process import (
    Graph,
    Message,
    Simulator,
    changed,
    ended,
    load_graph,
    tone,
    write_masks,
    write_portrait,
    write_wav,
)

TRACES = Path(__file__).parent / "traces"
SESSION = (
    "success_frames_to_disk",
    "success_video_in_memory",
    "cached_second_run_new_seed",
    "fully_cached",
    "error_scheduler_steps",
    "error_two_speakers_no_mask",
)
"""The traces of one run of the server, in its order: prompt numbers and cached nodes follow from it."""
WEIGHTS = 1233

Start = Callable[..., Simulator]


def recorded(name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((TRACES / f"{name}.json").read_text(encoding="utf-8"))
    return entries


def recorded_messages(name: str) -> list[Message]:
    return [entry["ws"] for entry in recorded(name) if "ws" in entry]


def recorded_body(name: str, call: str) -> Any:
    (body,) = [entry["body"] for entry in recorded(name) if entry.get("http") == call]
    return body


def essence(value: Any, key: str = "") -> Any:
    """Without what differs from run to run: ids, times, folders, addresses of objects, the order of sets."""
    if key in ("prompt_id", "sid", "client_id", "timestamp"):
        result: Any = f"<{key}>"
    elif key in ("executed", "current_outputs", "current_inputs"):
        result = sorted(value)
    elif key == "traceback":
        result = ["<traceback>"] if value else value
    elif isinstance(value, dict):
        result = {name: essence(member, name) for name, member in value.items()}
    elif isinstance(value, list):
        result = [essence(member) for member in value]
    elif isinstance(value, str):
        result = re.sub(r"^/.*/\d{8}_\d{6}_", "<frames>/<time>_", value)
    else:
        result = value
    return result


def running_only(message: Message) -> Message:
    """A progress_state without its finished nodes; other messages as they are."""
    if message["type"] != "progress_state":
        return message
    nodes = {name: node for name, node in message["data"]["nodes"].items() if node["state"] == "running"}
    return {"type": "progress_state", "data": {**message["data"], "nodes": nodes}}


def marks_of(message: Message) -> list[tuple[str, str, float]]:
    """Of what a message is one of a long run."""
    kind, data = message["type"], message["data"]
    if kind == "progress_state":
        return [(kind, name, node["max"]) for name, node in data["nodes"].items() if node["max"] > 1]
    return [(kind, data["node"], data["max"])] if kind == "progress" and data["max"] == WEIGHTS else []


def thinned(messages: list[Message]) -> list[Message]:
    """As the recordings are: of the weights the first tick, progress_state with the first tick of each maximum, and in
    it only the nodes that run."""
    kept: list[Message] = []
    seen: set[tuple[str, str, float]] = set()
    for message in map(running_only, messages):
        marks = marks_of(message)
        if not seen.intersection(marks):
            kept.append(essence(message))
        seen.update(marks)
    return kept


def history_of(body: dict[str, Any]) -> Any:
    """The one entry of a GET /history body, without the graph."""
    (entry,) = body.values()
    entry["prompt"][1:3] = ["<prompt>", "<the graph>"]
    return essence(entry)


class Recordings:
    """The graphs behind the traces, with inputs in a folder."""

    def __init__(self, folder: Path, width: int = 64, height: int = 64) -> None:
        graph = load_graph("infinitetalk_one_speaker")
        graph["img"]["inputs"]["image"] = str(write_portrait(folder / "face.png"))
        graph["audio1"]["inputs"]["audio"] = str(write_wav(folder / "a1.wav", tone(1.0)))
        for node in ("scale", "i2v"):
            graph[node]["inputs"].update(width=width, height=height)
        self._second = str(write_wav(folder / "a2.wav", tone(1.0)))
        self._masks = str(write_masks(folder / "masks2.png", (64, 64), [(4, 20, 28, 60), (36, 20, 60, 60)]))
        self._frames = str(folder / "frames")
        self._graph = graph

    def on_disk(self) -> Graph:
        graph = changed(self._graph, "i2v", output_path=self._frames)
        graph["where"] = graph.pop("frames_dir")
        return graph

    def in_memory(self, name: str, seed: int, steps: int = 4) -> Graph:
        graph = changed(changed(self._graph, "i2v", output_path=""), "sample", seed=seed, steps=steps)
        del graph["frames_dir"]
        graph["video"] = {"class_type": "CreateVideo", "inputs": {"images": ["frames", 0], "fps": 25.0}}
        inputs = {"video": ["video", 0], "filename_prefix": f"job/{name}", "format": "auto", "codec": "auto"}
        graph["save"] = {"class_type": "SaveVideo", "inputs": inputs}
        return graph

    def without_masks(self) -> Graph:
        graph = changed(self.in_memory("t4", 30), "emb", audio_2=["audio2", 0])
        graph["audio2"] = {"class_type": "LoadAudio", "inputs": {"audio": self._second}}
        graph["mimg"] = {"class_type": "LoadImage", "inputs": {"image": self._masks}}
        graph["mask"] = {"class_type": "ImageToMask", "inputs": {"image": ["mimg", 0], "channel": "red"}}
        return graph

    def session(self) -> list[Graph]:
        again = self.in_memory("t2", 12)
        first = self.in_memory("t1", 11)
        return [self.on_disk(), first, again, again, self.in_memory("t3", 12, steps=6), self.without_masks()]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, list[Message], Any]]:
    """The session once more on a fresh server: per trace the answer to POST, the messages, the history."""
    folder = tmp_path_factory.mktemp("session")
    simulator = Simulator("--speed", "0", temp=folder)
    graphs = Recordings(folder).session()
    try:
        outcomes = [simulator.run(graph) for graph in graphs]
    finally:
        simulator.stop()
    return {
        name: (outcome.answer, outcome.messages, {"id": outcome.history})
        for name, outcome in zip(SESSION, outcomes, strict=True)
    }


@pytest.mark.parametrize("name", SESSION)
def test_a_prompt_is_answered_and_told_as_recorded(name: str, replayed: dict[str, Any]) -> None:
    answer, messages, history = replayed[name]
    assert essence(answer) == essence(recorded_body(name, "POST /prompt"))
    assert thinned(messages) == thinned(recorded_messages(name))
    assert history_of(history) == history_of(recorded_body(name, "GET /history 3s later"))


def test_progress_comes_as_a_pair_for_each_tick(replayed: dict[str, Any]) -> None:
    messages = replayed["success_frames_to_disk"][1]
    ticks = [place for place, message in enumerate(messages) if message["type"] == "progress"]
    assert [messages[place]["data"]["value"] for place in ticks if messages[place]["data"]["max"] == 16] == [
        *range(1, 9)
    ]
    weights = [messages[place]["data"]["value"] for place in ticks if messages[place]["data"]["max"] == WEIGHTS]
    assert (weights[0], weights[-2], weights[-1]) == (1, WEIGHTS, 0)
    for place in ticks:
        state, tick = messages[place - 1], messages[place]["data"]
        assert state["type"] == "progress_state"
        assert state["data"]["nodes"]["sample"]["value"] == tick["value"]
        assert state["data"]["nodes"]["model"]["state"] == "finished"


def test_an_interrupt_is_told_as_recorded(start: Start, tmp_path: Path) -> None:
    """Steps are long, so that the interrupt falls between two; ticks after the recorded two are let pass."""
    simulator = start("--speed", "20")
    graph = Recordings(tmp_path, width=2048, height=4096).without_masks()
    assert not simulator.run(graph).succeeded
    graph = changed(graph, "emb", audio_2=None)
    for extra in ("audio2", "mimg", "mask"):
        del graph[extra]
    client = simulator.connect("the-client")
    answer = simulator.queue(graph, "the-client", number=6).json()
    messages = client.until(lambda message: message["type"] == "progress" and message["data"]["max"] == 16)
    messages += client.until(lambda message: message["type"] == "progress" and message["data"]["value"] == 2)
    assert simulator.post("/interrupt", {"prompt_id": answer["prompt_id"]}).status_code == 200
    messages += client.until(ended(answer["prompt_id"]))
    client.close()
    early = [message for message in messages if message["type"] != "progress" or message["data"]["value"] <= 2]
    assert thinned(early) == thinned(recorded_messages("interrupted"))
    history = simulator.get(f"/history/{answer['prompt_id']}").json()
    assert history_of(history) == history_of(recorded_body("interrupted", "GET /history 3s later"))


def without_lists(value: Any) -> Any:
    """Validation errors without the recorded server's list of files and its prose."""
    if isinstance(value, dict):
        return {
            name: without_lists(member) for name, member in value.items() if name not in ("tooltip", "input_config")
        }
    if isinstance(value, list):
        return [without_lists(member) for member in value]
    return re.sub(r"not in \[.*\]$", "not in [...]", value) if isinstance(value, str) else value


def invalid_graph(name: str, folder: Path) -> Graph:
    graph = Recordings(folder).in_memory("t", 1)
    if name == "invalid_no_outputs":
        return {"clip": graph["clip"]}
    if name == "invalid_node_class":
        return {"x": {"class_type": "NoSuchNode", "inputs": {}}}
    return changed(changed(graph, "model", model="missing.gguf"), "sample", steps=None)


@pytest.mark.parametrize("name", ["invalid_no_outputs", "invalid_node_class", "invalid_prompt_values"])
def test_a_wrong_graph_is_refused_as_recorded(name: str, simulator: Simulator, tmp_path: Path) -> None:
    answer = simulator.queue(invalid_graph(name, tmp_path))
    (entry,) = recorded(name)
    assert answer.status_code == entry["status"]
    assert without_lists(answer.json()) == without_lists(entry["body"])
