"""Record anew what a real ComfyUI says, and show how that differs from what the project goes by.

    make facts COMFYUI_DIR=… COMFYUI_PYTHON=…      exit code 0: it says the same; 1: not; 2: it could not be asked

Recordings that differ stay in build/facts, in the project's folders: `cp -r build/facts/. .` takes them over.

COMFYUI_DIR is a checkout of ComfyUI with ComfyUI-WanVideoWrapper in custom_nodes, COMFYUI_PYTHON an interpreter with
docker/comfyui-requirements.txt and sentencepiece. No GPU and no models are needed: the weights are tiny and made for
it, in TINY_MODELS where that is set. A checkout without its .git folder does not tell its commit: then COMFYUI_COMMIT
and WANVIDEOWRAPPER_COMMIT have to.
"""

import argparse
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from comfy_client.model_paths import write_extra_model_paths
from comfy_client.server import ComfyInstall, EngineProcess, comfyui_command
from contract.cancel import Cancellation
from contract.errors import WorkerError
from tests.real.engine import REPOSITORY, TINY_NODES, real_settings, tiny_models
from tests.recording.essence import comparable
from tests.recording.node_facts import node_facts
from tests.recording.record import Recorder
from tests.recording.session import GRAPHS, Session
from tests.simulator.simulator_process import load_graph
from worker.early_start import OUR_NODES, WRAPPER, own_node_folder
from worker.model_search import find_models

OBJECT_INFO = "simulator/object_info.json"
TRACES = "tests/simulator/traces"
RECORDED_WITH = "tests/simulator/recorded_with.json"
START_SECONDS = 600.0
CONTEXT_LINES = 2
RECORDED = REPOSITORY / "build/facts"


def main() -> int:
    """Record and show; the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("comfyui", type=Path, metavar="COMFYUI_DIR")
    arguments.add_argument("python", type=Path, metavar="COMFYUI_PYTHON")
    arguments.add_argument(
        "--keep", type=Path, default=RECORDED, metavar="FOLDER", help="of what differs; emptied first"
    )
    asked = arguments.parse_args()
    if not (asked.comfyui / "main.py").is_file() or not asked.python.is_file():
        arguments.error("COMFYUI_DIR must be a ComfyUI, and COMFYUI_PYTHON its interpreter")
    shutil.rmtree(asked.keep, ignore_errors=True)
    different = 0
    try:
        for name, value in recordings(asked.comfyui.absolute(), asked.python.absolute()):
            different += differs(name, value, asked.keep)
    except (WorkerError, LookupError, OSError, subprocess.CalledProcessError) as error:
        say(f"the recording ended early: {error}", getattr(error, "detail", ""))
        return 2
    say(f"{different} files differ: see {asked.keep}" if different else "the server says what the project goes by")
    return 1 if different else 0


def recordings(comfyui: Path, python: Path) -> Iterator[tuple[str, Any]]:
    """Everything anew: the name of a file of the project, and what would be in it."""
    commits = {
        "ComfyUI commit": commit(comfyui, "COMFYUI_COMMIT"),
        f"{WRAPPER} commit": commit(comfyui / "custom_nodes" / WRAPPER, "WANVIDEOWRAPPER_COMMIT"),
    }
    with tempfile.TemporaryDirectory(prefix="facts-") as name:
        work = Path(name)
        hidden = {name: "", str(comfyui): "/comfyui", str(python.parent.parent): "/venv"}
        with running(comfyui, python, work / "ours", OUR_NODES) as url:
            recorder = Recorder(url, hidden)
            yield RECORDED_WITH, {**recorder.versions(), **commits}
            graphs = [*map(load_graph, GRAPHS), *Session(work).prompts().values()]
            yield OBJECT_INFO, node_facts(recorder.object_info(), graphs)
        with running(comfyui, python, work / "alone") as url:
            for trace, entries in Recorder(url, hidden).traces(work):
                yield f"{TRACES}/{trace}.json", entries


@contextmanager
def running(comfyui: Path, python: Path, work: Path, *ours: str) -> Iterator[str]:
    """The URL of a fresh server on the CPU, with upstream's node pack, perhaps with ours, and tiny weights.

    Traces are of upstream alone: our pack leaves weights on the device, for one.
    """
    models = Path(os.environ.get("TINY_MODELS") or work.parent / "tiny")
    settings = real_settings(comfyui, python, tiny_models(python, models), work)
    packs = (WRAPPER, *ours, *TINY_NODES)
    install = ComfyInstall(comfyui, python, work / "comfyui", work / "frames", packs, cpu=True)
    install.state.mkdir(parents=True)
    folders = (own_node_folder(install.state), *settings.comfyui_node_folders)
    write_extra_model_paths(find_models(settings)[1], folders, install.search_paths)
    with EngineProcess(comfyui_command(install)) as server:
        server.wait_until_ready(START_SECONDS, Cancellation())
        yield server.url


def commit(folder: Path, variable: str) -> str:
    """The commit of a checkout, or what the variable says of one without .git.

    Raises:
        LookupError: neither tells.
    """
    if (folder / ".git").exists():
        asked = ["git", "-C", str(folder), "rev-parse", "HEAD"]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    if named := os.environ.get(variable):
        return named
    raise LookupError(f"{folder} has no .git: set {variable} to its commit")


def differs(name: str, found: Any, keep: Path) -> bool:
    """Whether a recording differs from the file of that name: then it is shown, and kept below `keep`."""
    path = REPOSITORY / name
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    before, after = lines_of(kept), lines_of(found)
    if before == after:
        say(f"{name}: the same")
        return False
    say(*difflib.unified_diff(before, after, f"{name} (kept)", f"{name} (recorded)", "", "", CONTEXT_LINES, ""))
    target = keep / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text_of(found), encoding="utf-8")
    return True


def lines_of(recording: Any) -> list[str]:
    """A trace's behaviour; of anything else all of it."""
    if recording is None:
        return []
    return comparable(recording) if isinstance(recording, list) else json.dumps(recording, indent=1).splitlines()


def text_of(recording: Any) -> str:
    """The file: an entry a line for traces."""
    if isinstance(recording, list):
        return "[\n" + ",\n".join(json.dumps(entry) for entry in recording) + "\n]\n"
    return json.dumps(recording, indent=1) + "\n"


def say(*lines: str) -> None:
    """To whoever watches."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
