"""The scripts of `docker/`: run as the build runs them, or read as modules."""

import importlib.util
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from tests.image.dockerfile import REPOSITORY

DOCKER = REPOSITORY / "docker"


def load(name: str) -> ModuleType:
    """A script as a module: by its path, as a package named docker may be installed."""
    spec = importlib.util.spec_from_file_location(f"image_{name}", DOCKER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(
    *command: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, 240 s at most, in this process's environment without COMFYUI_URL, and what is given."""
    variables = {name: value for name, value in os.environ.items() if name != "COMFYUI_URL"} | dict(environment or {})
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=variables, capture_output=True, text=True, timeout=240, check=False)
