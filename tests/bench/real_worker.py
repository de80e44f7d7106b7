"""A place for a worker on a real ComfyUI with tiny weights."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.real.engine import real_settings, tiny_models
from worker.settings import Settings

NEEDS = ("COMFYUI_DIR", "COMFYUI_PYTHON")


@contextmanager
def real_place() -> Iterator[Settings]:
    """Settings of such a worker, with a folder of their own for everything else, which is gone afterwards."""
    with TemporaryDirectory() as folder:
        python = Path(os.environ["COMFYUI_PYTHON"])
        models = tiny_models(python, Path(os.environ.get("TINY_MODELS") or Path(folder, "models")))
        yield real_settings(Path(os.environ["COMFYUI_DIR"]), python, models, Path(folder))
