"""What every test of a storage has: none of this machine's own settings, and a finished video."""

from pathlib import Path

import pytest

from tests.storage.storage_servers import VIDEO, keep_to_this_test


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keep_to_this_test(monkeypatch, tmp_path)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    file = tmp_path / "finished.mp4"
    file.write_bytes(VIDEO)
    return file
