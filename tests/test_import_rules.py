"""Who may know whom, where import-linter cannot see it; its own rules are in pyproject.toml."""

import ast
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = [
    path
    for path in REPOSITORY.rglob("*.py")
    if not {".venv", "tests", "build", "output"} & set(path.relative_to(REPOSITORY).parts)
]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_the_door_knows_the_process_the_job_and_the_contract() -> None:
    rooms = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")}
    assert _imports(REPOSITORY / "handler.py") & rooms <= {"worker", "job", "contract"}


def test_one_python_file_stands_at_the_top() -> None:
    assert [path.name for path in REPOSITORY.glob("*.py")] == ["handler.py"]


def test_every_room_has_its_place_in_the_layers() -> None:
    linter = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    rooms = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - {"tests"}
    assert set(linter["root_packages"]) == rooms
    layers = next(contract["layers"] for contract in linter["contracts"] if contract["type"] == "layers")
    ordered = {name.strip() for layer in layers for name in layer.split("|")}
    assert ordered == rooms - {"simulator", "comfy_nodes", "endpoint", "talking_video"}


def test_only_the_handler_imports_the_runpod_sdk() -> None:
    assert [path.name for path in SOURCES if "runpod" in _imports(path)] == ["handler.py"]


def test_only_the_settings_read_the_environment() -> None:
    """The handler sets one variable for the SDK, which reads it at import; nobody else touches the environment."""
    readers = []
    for path in SOURCES:
        attributes = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
        }
        if attributes & {"environ", "getenv", "putenv"}:
            readers.append(str(path.relative_to(REPOSITORY)))
    # the node pack runs inside ComfyUI, which the worker tells by its environment; the others are no part of the worker
    elsewhere = {
        "comfy_nodes/__init__.py",
        "docker/build_sage.py",
        "docker/verify_comfyui.py",
        "scripts/image.py",
        "scripts/demo.py",
    }
    elsewhere |= {
        "endpoint/__main__.py",
        "examples/client.py",
        "scripts/gpu/worker.py",
        "scripts/gpu/nodes/gpu_probe/__init__.py",
        *(f"talking_video/{name}.py" for name in ("aio", "client", "local", "cli/where")),
    }
    assert set(readers) - elsewhere == {"handler.py"}


def test_the_example_client_can_be_copied_out_of_here() -> None:
    assert _imports(REPOSITORY / "examples" / "client.py") <= {*sys.stdlib_module_names, "requests"}
