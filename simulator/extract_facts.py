"""How `object_info.json` of this folder was made, so that it can be made again.

    python -m simulator.extract_facts RECORDED_OBJECT_INFO GRAPHS_FOLDER > simulator/object_info.json

RECORDED_OBJECT_INFO is the body of `GET /object_info` of a real server (ComfyUI v0.3.64, WanVideoWrapper 088128b),
GRAPHS_FOLDER holds the graphs that server ran to the end. Kept are the classes of those graphs and the few in
`EXTRA_CLASSES`; every input, type, range, default and output stays as recorded. Replaced are the lists of model files:
a simulated server has all the files the project knows (`reference/talking-video.md §2.3`).
"""

import json
import sys
from pathlib import Path
from typing import Any

EXTRA_CLASSES = ("ImageBatch", "CreateVideo", "SaveVideo")

DIFFUSION_MODELS = [
    "Wan2_1-InfiniteTalk_Multi_Q8.gguf",
    "Wan2_1-InfiniteTalk_Single_Q8.gguf",
    "wan2.1-i2v-14b-480p-Q4_K_M.gguf",
    "wan2.1-i2v-14b-480p-Q8_0.gguf",
    "Wan2_1-I2V-14B-480P_fp8_e4m3fn.safetensors",
    "Wan2_1-InfiniTetalk-Single_fp16.safetensors",
    "Wan2_1-InfiniteTalk-Multi_fp16.safetensors",
    "Wan2_1-InfiniteTalk-Single_fp16.safetensors",
    "WanVideo_2_1_Multitalk_14B_fp8_e4m3fn.safetensors",
]
LORAS = ["lightx2v_I2V_14B_480p_cfg_step_distill_rank64_bf16.safetensors"]

MODEL_LISTS = {
    ("WanVideoModelLoader", "model"): DIFFUSION_MODELS,
    ("MultiTalkModelLoader", "model"): DIFFUSION_MODELS,
    ("WanVideoLoraSelect", "lora"): LORAS,
}


def extract(recorded: dict[str, Any], graphs: list[dict[str, Any]]) -> dict[str, Any]:
    """The facts the simulator needs; raises KeyError for a class the recording lacks."""
    wanted = {node["class_type"] for graph in graphs for node in graph.values()} | set(EXTRA_CLASSES)
    facts = {name: recorded[name] for name in sorted(wanted)}
    for (class_name, input_name), files in MODEL_LISTS.items():
        facts[class_name]["input"]["required"][input_name][0] = files
    return facts


def main() -> None:
    """Read the two arguments, write the facts to stdout."""
    recorded = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    graphs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(sys.argv[2]).glob("*.json"))]
    sys.stdout.write(json.dumps(extract(recorded, graphs), indent=1) + "\n")


if __name__ == "__main__":
    main()
