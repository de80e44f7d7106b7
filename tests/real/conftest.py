"""A real ComfyUI on the CPU with tiny weights, started by the worker's own code.

Needs COMFYUI_DIR (a checkout with ComfyUI-WanVideoWrapper in custom_nodes) and COMFYUI_PYTHON (an interpreter
with docker/comfyui-requirements.txt installed, and sentencepiece, with which the tiny weights are made).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.bench import RealBench
from tests.real.engine import real_settings, tiny_models
from worker.early_start import volumes_of
from worker.engine_setup import ReadyEngine, running_engine
from worker.settings import Settings

HOW = "needs a real ComfyUI: set COMFYUI_DIR and COMFYUI_PYTHON and call `make test-real`"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is marked; without a server it is skipped, and says how to run it."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.real)
            if not (os.environ.get("COMFYUI_DIR") and os.environ.get("COMFYUI_PYTHON")):
                item.add_marker(pytest.mark.skip(reason=HOW))


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of a worker with the tiny models; they are made once, in TINY_MODELS where that is set."""
    python = Path(os.environ["COMFYUI_PYTHON"])
    models = Path(os.environ.get("TINY_MODELS") or tmp_path_factory.mktemp("models"))
    work = tmp_path_factory.mktemp("work")
    return real_settings(Path(os.environ["COMFYUI_DIR"]), python, tiny_models(python, models), work)


@pytest.fixture(scope="session")
def ready(settings: Settings) -> Iterator[ReadyEngine]:
    with running_engine(settings, volumes_of(settings)) as engine:
        yield engine


@pytest.fixture
def real(settings: Settings, ready: ReadyEngine, tmp_path: Path) -> RealBench:
    """Its files are where those of jobs are, as our node pack takes care of the frames there alone."""
    folder = settings.work_dir / tmp_path.name
    folder.mkdir()
    return RealBench(ready, folder)
