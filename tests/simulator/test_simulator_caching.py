"""What the next prompt need not run again."""

from collections.abc import Callable
from pathlib import Path

from tests.simulator.simulator_process import (
    Graph,
    Simulator,
    changed,
    one_speaker,
    tone,
    write_wav,
)

Start = Callable[..., Simulator]
LOADERS = {"clip", "cv", "vae", "wav", "talk", "lora", "model"}


def renamed(graph: Graph, old: str, new: str) -> Graph:
    """The same graph, one node under another id."""
    result = {new if name == old else name: node for name, node in graph.items()}
    for name, node in list(result.items()):
        links = {
            key: [new, value[1]] for key, value in node["inputs"].items() if isinstance(value, list) and value[0] == old
        }
        result = changed(result, name, **links)
    return result


def test_a_new_seed_runs_the_sampler_and_what_follows(simulator: Simulator, tmp_path: Path) -> None:
    graph = one_speaker(tmp_path)
    first = simulator.run(graph)
    second = simulator.run(changed(graph, "sample", seed=12))
    assert second.cached == set(graph) - {"sample", "frames", "frames_dir"}
    assert second.history["outputs"] == first.history["outputs"]


def test_the_same_file_with_new_content_is_read_again(simulator: Simulator, tmp_path: Path) -> None:
    graph = one_speaker(tmp_path)
    simulator.run(graph)
    write_wav(tmp_path / "a1.wav", tone(1.5))
    again = simulator.run(graph)
    assert set(graph) - again.cached == {"audio1", "emb", "sample", "frames", "frames_dir"}


def test_ids_do_not_count_but_for_the_lora(simulator: Simulator, tmp_path: Path) -> None:
    graph = one_speaker(tmp_path)
    simulator.run(graph)
    other_vae = renamed(graph, "vae", "v2")
    assert simulator.run(other_vae).cached == set(other_vae)
    other_lora = renamed(graph, "lora", "l2")
    assert set(other_lora) - simulator.run(other_lora).cached == {"l2", "model", "sample", "frames", "frames_dir"}


def test_only_the_last_prompt_is_remembered(simulator: Simulator, tmp_path: Path) -> None:
    graph = one_speaker(tmp_path)
    simulator.run(graph)
    small = {"vae": graph["vae"], "see": {"class_type": "PreviewAny", "inputs": {"source": ["vae", 0]}}}
    assert simulator.run(small).cached == {"vae"}
    assert simulator.run(graph).cached == {"vae"}


def test_an_unconnected_node_keeps_its_result(simulator: Simulator, tmp_path: Path) -> None:
    graph = one_speaker(tmp_path)
    simulator.run(graph)
    kept = {name: graph[name] for name in ("clip", "cv", "vae", "wav", "talk", "lora", "model")}
    see = {"class_type": "PreviewAny", "inputs": {"source": ["vae", 0]}}
    assert simulator.run({**kept, "see": see}).cached == LOADERS
    assert simulator.run(graph).cached >= LOADERS


def test_after_a_failure_the_models_stay(simulator: Simulator, tmp_path: Path) -> None:
    graph = one_speaker(tmp_path)
    assert not simulator.run(changed(graph, "sample", steps=6)).succeeded
    assert simulator.run(graph).cached >= LOADERS


def test_free_memory_forgets_all(start: Start, tmp_path: Path) -> None:
    """Its flag is read after the prompt during which it is set, so this one is sent while a prompt waits at a node."""
    simulator = start("--speed", "0")
    graph = one_speaker(tmp_path)
    simulator.run(graph)
    assert simulator.run(graph).cached == set(graph)
    client = simulator.connect("freeing")
    long = changed(changed(graph, "i2v", motion_frame=25), "emb", num_frames=50)
    simulator.queue(long, "freeing")
    client.until(lambda message: message["type"] == "progress")
    simulator.post("/free", {"unload_models": True, "free_memory": True})
    simulator.post("/interrupt", {})
    client.until(lambda message: message["type"] == "executing" and message["data"]["node"] is None)
    client.close()
    assert simulator.run(graph).cached == set()
