"""Starts ComfyUI as far as it goes without a GPU, and proves that what the graphs need is there.

    PYTHON_OF_COMFYUI verify_comfyui.py COMFYUI_DIR STATE_DIR [--lock FILE] [--our-nodes FOLDER] GRAPH.json …

ComfyUI only logs that a node pack did not import, and the node pack only logs that one of its modules did not, so the
node classes are looked up by name. Needs nothing but the standard library and ComfyUI's environment.
"""

import argparse
import importlib.metadata
import json
import logging
import os
import re
import runpy
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

NODE_PACK = "ComfyUI-WanVideoWrapper"
ALWAYS_NEEDED = frozenset({"WanVideoImageToVideoMultiTalk"})
IMPORT_FAILED = "IMPORT FAILED"
OUR_PACK = "comfy_nodes"
FRAMES_FOLDER = "TALKING_VIDEO_FRAMES_DIR"
OUR_PREFIX, OUR_PROOF = "talking-video:", "talking-video: frames below"


class Complaints(logging.Handler):
    """Collects ComfyUI's log lines about imports that failed, and what our own pack says."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.ours: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line if it is one."""
        line = record.getMessage()
        if IMPORT_FAILED in line:
            self.lines.append(line.strip())
        if line.startswith(OUR_PREFIX):
            self.ours.append(line)


def classes_of(graphs: Iterable[Path]) -> set[str]:
    """The node classes that graph templates (or any JSON with "class_type") name."""

    def walk(value: Any) -> Iterable[str]:
        if isinstance(value, dict):
            if isinstance(value.get("class_type"), str):
                yield value["class_type"]
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                yield from walk(item)

    return {name for graph in graphs for name in walk(json.loads(graph.read_text(encoding="utf-8")))}


def differences(lock: Path) -> list[str]:
    """Each pin of the lock that is not what is installed."""
    wrong = []
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = "missing"
        if installed.partition("+")[0] != version:  # a wheel from another index says 2.9.1+cu128
            wrong.append(f"{name} is {installed}, locked {version}")
    return wrong


def our_pack(parent: Path, state: Path) -> list[str]:
    """The arguments that make ComfyUI load our node pack, and the folder that it needs to begin its work."""
    paths = state / "extra_model_paths.yaml"
    paths.write_text(f"nodes:\n  custom_nodes: {json.dumps(str(parent))}\n", encoding="utf-8")
    os.environ[FRAMES_FOLDER] = str(state)
    return [OUR_PACK, "--extra-model-paths-config", str(paths)]


def start_comfyui(folder: Path, state: Path, our_nodes: Path | None) -> tuple[object, list[str], set[str]]:
    """Run main.py up to the point where it would serve: its exit code, the complaints, the node classes."""
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    folders = {name: state / name for name in ("input", "output", "temp", "user")}
    for path in folders.values():
        path.mkdir(parents=True, exist_ok=True)
    sys.argv = [
        *("main.py", "--cpu", "--quick-test-for-ci", "--disable-auto-launch", "--database-url", "sqlite:///:memory:"),
        *("--disable-api-nodes", "--disable-all-custom-nodes", "--whitelist-custom-nodes", NODE_PACK),
        *(our_pack(our_nodes, state) if our_nodes else []),
        *(text for name, path in folders.items() for text in (f"--{name}-directory", str(path))),
    ]
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    code: object = "none: it went on"
    try:
        runpy.run_path("main.py", run_name="__main__")
    except SystemExit as end:
        code = end.code
    nodes = sys.modules.get("nodes")
    if our_nodes and not any(line.startswith(OUR_PROOF) for line in complaints.ours):
        complaints.lines.append(f"{OUR_PACK} does not save the frames: {complaints.ours or 'it says nothing'}")
    return code, complaints.lines, set(getattr(nodes, "NODE_CLASS_MAPPINGS", {}))


def main(arguments: Sequence[str]) -> list[str]:
    """What is wrong, one line each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("graphs", type=Path, nargs="+")
    parser.add_argument("--lock", type=Path)
    parser.add_argument("--our-nodes", type=Path)
    asked = parser.parse_args(arguments)
    needed = classes_of(asked.graphs) | ALWAYS_NEEDED
    wrong = differences(asked.lock) if asked.lock else []
    code, complaints, classes = start_comfyui(
        asked.folder.resolve(), asked.state.resolve(), asked.our_nodes.resolve() if asked.our_nodes else None
    )
    if code not in (0, None):
        wrong.append(f"ComfyUI ended with {code}")
    wrong += complaints
    wrong += [f"node class {name} is missing" for name in sorted(needed - classes)]
    if not wrong:
        sys.stderr.write(f"ComfyUI has all {len(needed)} node classes of the graphs\n")
    return wrong


if __name__ == "__main__":
    problems = main(sys.argv[1:])
    # The exit status alone would be lost among ComfyUI's threads and patched streams; os._exit runs none of them.
    sys.stderr.write("".join(f"FAILED: {problem}\n" for problem in problems))
    sys.stderr.flush()
    os._exit(1 if problems else 0)
