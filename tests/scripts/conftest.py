"""A run of the download script for each test, with curl alone and with aria2c beside it."""

from pathlib import Path

import pytest

from tests.scripts.model_runs import TOOLS, Runs, make_programs, need


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("programs")
    return {tool: make_programs(folder / tool, tool) for tool in TOOLS}


@pytest.fixture
def curl_runs(tmp_path: Path, programs: dict[str, Path]) -> Runs:
    """A machine without aria2c."""
    return Runs(tmp_path, programs["curl"])


@pytest.fixture
def aria2c_runs(tmp_path: Path, programs: dict[str, Path]) -> Runs:
    need("aria2c")
    return Runs(tmp_path, programs["aria2c"], "aria2c")


@pytest.fixture(params=TOOLS)
def runs(request: pytest.FixtureRequest) -> Runs:
    """Each of them."""
    chosen: Runs = request.getfixturevalue(f"{request.param}_runs")
    return chosen
