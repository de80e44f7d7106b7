"""The prompts behind the traces, in the order in which one server gets them: numbers and cached nodes follow from it.

The recorder sends them to a real ComfyUI, `tests/simulator/test_simulator_traces.py` sends them to the simulator.
"""

from pathlib import Path

from tests.simulator.simulator_process import (
    Graph,
    changed,
    load_graph,
    tone,
    write_masks,
    write_portrait,
    write_wav,
)

GRAPHS = ("infinitetalk_one_speaker", "infinitetalk_two_speakers_block_swap", "multitalk_two_speakers_masks")
"""Of `tests/simulator/graphs`, kept by hand: what a real server runs to its end, as the traces `graph_…` show."""
INTERRUPTED = "interrupted"
REFUSED = ("invalid_no_outputs", "invalid_node_class", "invalid_prompt_values")


class Session:
    """The graphs of the session, with their inputs in a folder."""

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

    def prompts(self) -> dict[str, Graph]:
        """Trace name to graph."""
        second = self._in_memory("t2", 12)
        return {
            "success_frames_to_disk": self._on_disk(),
            "success_video_in_memory": self._in_memory("t1", 11),
            "cached_second_run_new_seed": second,
            "fully_cached": second,
            "error_scheduler_steps": self._in_memory("t3", 12, steps=6),
            "error_two_speakers_no_mask": self.without_masks(),
        }

    def without_masks(self) -> Graph:
        """Two voices, and nothing that says whose they are."""
        graph = changed(self._in_memory("t4", 30), "emb", audio_2=["audio2", 0])
        graph["audio2"] = {"class_type": "LoadAudio", "inputs": {"audio": self._second}}
        graph["mimg"] = {"class_type": "LoadImage", "inputs": {"image": self._masks}}
        graph["mask"] = {"class_type": "ImageToMask", "inputs": {"image": ["mimg", 0], "channel": "red"}}
        return graph

    def interrupted(self) -> Graph:
        """The same with one voice, the last of the session; it is interrupted after its second step."""
        graph = changed(self.without_masks(), "emb", audio_2=None)
        for extra in ("audio2", "mimg", "mask"):
            del graph[extra]
        return graph

    def by_hand(self) -> dict[str, Graph]:
        """Trace name to each of `GRAPHS`, with the inputs of the session; they come after the interrupted one."""
        return {f"graph_{name}": self._with_inputs(load_graph(name)) for name in GRAPHS}

    def refused(self, name: str) -> Graph:
        """One of `REFUSED`."""
        graph = self._in_memory("t", 1)
        if name == "invalid_no_outputs":
            return {"clip": graph["clip"]}
        if name == "invalid_node_class":
            return {"x": {"class_type": "NoSuchNode", "inputs": {}}}
        return changed(changed(graph, "model", model="missing.gguf"), "sample", steps=None)

    def _with_inputs(self, graph: Graph) -> Graph:
        inputs = self._graph["img"]["inputs"]["image"], self._graph["audio1"]["inputs"]["audio"]
        values = zip(("img", "audio1", "audio2", "mimg"), (*inputs, self._second, self._masks), strict=True)
        for node, value in values:
            if node in graph:
                graph[node]["inputs"]["audio" if node.startswith("audio") else "image"] = value
        return changed(graph, "i2v", output_path=self._frames)

    def _on_disk(self) -> Graph:
        graph = changed(self._graph, "i2v", output_path=self._frames)
        graph["where"] = graph.pop("frames_dir")
        return graph

    def _in_memory(self, name: str, seed: int, steps: int = 4) -> Graph:
        graph = changed(changed(self._graph, "i2v", output_path=""), "sample", seed=seed, steps=steps)
        del graph["frames_dir"]
        graph["video"] = {"class_type": "CreateVideo", "inputs": {"images": ["frames", 0], "fps": 25.0}}
        inputs = {"video": ["video", 0], "filename_prefix": f"job/{name}", "format": "auto", "codec": "auto"}
        graph["save"] = {"class_type": "SaveVideo", "inputs": inputs}
        return graph
