"""Who may know whom, for the modules at the top level; the rooms' own rules are in pyproject.toml (import-linter)."""

import ast
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
ROOMS = {"contract", "media", "workflows", "comfy_client", "storage", "service", "simulator", "comfy_nodes"}
UPWARD = {"settings", "pipeline", "reply", "scene", "engine", "startup", "handler", "local_test", "logs"}
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


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("settings.py", set()),
        ("logs.py", set()),
        ("local_test.py", {"contract"}),
        ("scene.py", {"contract", "media", "workflows"}),
        ("reply.py", {"contract", "storage", "workflows", "scene"}),
        ("pipeline.py", (ROOMS - {"simulator", "comfy_nodes"}) | {"reply", "scene"}),
        ("engine.py", {"comfy_client", "contract", "workflows", "settings"}),
        ("startup.py", (ROOMS - {"simulator", "comfy_nodes"}) | {"settings", "pipeline", "engine"}),
        ("handler.py", {"contract", "service", "settings", "startup", "pipeline", "local_test", "logs"}),
    ],
)
def test_modules_at_the_top_know_only_what_lies_below(module: str, allowed: set[str]) -> None:
    known = _imports(REPOSITORY / module) & (ROOMS | UPWARD)
    assert known <= allowed


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
    elsewhere = {"comfy_nodes/__init__.py", "docker/build_sage.py", "docker/verify_comfyui.py", "scripts/demo.py"}
    elsewhere |= {"examples/client.py"}
    assert set(readers) - elsewhere == {"handler.py"}


def test_the_example_client_can_be_copied_out_of_here() -> None:
    assert _imports(REPOSITORY / "examples" / "client.py") <= {*sys.stdlib_module_names, "requests"}
