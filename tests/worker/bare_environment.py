"""An environment in which no setting of the worker is made."""

import os

import pytest

from worker.settings import Settings


def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every variable of the worker out of the environment."""
    for name in list(os.environ):
        if name.lower() in Settings.model_fields:
            monkeypatch.delenv(name)
