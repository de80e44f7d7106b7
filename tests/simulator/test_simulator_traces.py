"""The simulator held against what was recorded from a real server (`make facts`): same order, same shape."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.image.dockerfile import DOCKERFILE
from tests.recording.essence import AT_THE_END, Entry, comparable, essence, history_of, thinned
from tests.recording.record import Recorder
from tests.recording.session import GRAPHS, INTERRUPTED, REFUSED, Session
from tests.simulator.simulator_process import Message, Simulator, ended

HERE = Path(__file__).parent
WEIGHTS = 1233
SESSION = (
    *("success_frames_to_disk", "success_video_in_memory", "cached_second_run_new_seed", "fully_cached"),
    *("error_scheduler_steps", "error_two_speakers_no_mask"),
)
BY_HAND = tuple(f"graph_{name}" for name in GRAPHS)

Start = Callable[..., Simulator]


def recorded(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def trace(name: str) -> list[Entry]:
    entries: list[Entry] = recorded(f"traces/{name}")
    return entries


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Entry]]:
    """The session once more, on a fresh simulator."""
    folder = tmp_path_factory.mktemp("session")
    simulator = Simulator("--speed", "0", temp=folder)
    recorder = Recorder(simulator.url, {})
    try:
        session = Session(folder)
        # What was interrupted left nothing in the cache that the graphs behind it could use: here it may end.
        graphs = {**session.prompts(), INTERRUPTED: session.interrupted(), **session.by_hand()}
        return {name: recorder.prompt(graph) for name, graph in graphs.items()}
    finally:
        simulator.stop()


@pytest.mark.parametrize("name", [*SESSION, *BY_HAND])
def test_a_prompt_is_answered_and_told_as_recorded(name: str, replayed: dict[str, list[Entry]]) -> None:
    assert comparable(replayed[name]) == comparable(trace(name))


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_graph_is_refused_as_recorded(name: str, simulator: Simulator, tmp_path: Path) -> None:
    answer = Recorder(simulator.url, {}).prompt(Session(tmp_path).refused(name))
    assert comparable(answer) == comparable(trace(name))


def test_every_recording_is_replayed(replayed: dict[str, list[Entry]]) -> None:
    assert {path.stem for path in (HERE / "traces").glob("*.json")} == {*SESSION, INTERRUPTED, *BY_HAND, *REFUSED}
    assert tuple(replayed) == (*SESSION, INTERRUPTED, *BY_HAND)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_real_server_ran_the_graphs_that_are_kept_by_hand(name: str) -> None:
    (history,) = [entry["body"] for entry in trace(name) if entry.get("http") == AT_THE_END]
    assert [entry["status"]["status_str"] for entry in history.values()] == ["success"]


@pytest.mark.parametrize("project", ["ComfyUI", "ComfyUI-WanVideoWrapper"])
def test_the_recordings_are_of_the_commits_that_the_image_has(project: str) -> None:
    """A newer pin needs newer recordings: docs/upgrading.md."""
    argument = f"{project.removeprefix('ComfyUI-').upper()}_COMMIT"
    assert recorded("recorded_with")[f"{project} commit"] == DOCKERFILE.arguments[argument]


def test_the_simulator_says_the_version_that_was_recorded(simulator: Simulator) -> None:
    system = simulator.get("/system_stats").json()["system"]
    assert system["comfyui_version"] == recorded("recorded_with")["ComfyUI"]


def test_progress_comes_as_a_pair_for_each_tick(start: Start, tmp_path: Path) -> None:
    messages = start("--speed", "0").run(Session(tmp_path).prompts()["success_frames_to_disk"]).messages
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


def told(messages: list[Message]) -> Any:
    """What messages are compared by."""
    return essence(thinned(messages))


def test_an_interrupt_is_told_as_recorded(start: Start, tmp_path: Path) -> None:
    """Steps are long, so that the interrupt falls between two; ticks after the recorded two are let pass."""
    simulator = start("--speed", "20")
    session = Session(tmp_path, width=2048, height=4096)
    assert not simulator.run(session.without_masks()).succeeded
    client = simulator.connect("the-client")
    answer = simulator.queue(session.interrupted(), "the-client", number=6).json()
    messages = client.until(lambda message: message["type"] == "progress" and message["data"]["max"] == 16)
    messages += client.until(lambda message: message["type"] == "progress" and message["data"]["value"] == 2)
    assert simulator.post("/interrupt", {"prompt_id": answer["prompt_id"]}).status_code == 200
    messages += client.until(ended(answer["prompt_id"]))
    client.close()
    early = [message for message in messages if message["type"] != "progress" or message["data"]["value"] <= 2]
    assert told(early) == told([entry["ws"] for entry in trace(INTERRUPTED) if "ws" in entry])
    history = simulator.get(f"/history/{answer['prompt_id']}").json()
    (end,) = [entry["body"] for entry in trace(INTERRUPTED) if entry.get("http") == AT_THE_END]
    assert history_of(history) == history_of(end)
