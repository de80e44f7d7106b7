"""Simulators for tests: a shared one, and fresh ones with arguments of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulator.simulator_process import Simulator


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A simulator that does not wait, shared by all tests that ask for nothing else."""
    shared = Simulator("--speed", "0", temp=tmp_path_factory.mktemp("shared"))
    yield shared
    assert shared.stop() == 0


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Simulator]]:
    """Starts simulators with given arguments; they end with the test."""
    started: list[Simulator] = []

    def begin(*arguments: str) -> Simulator:
        started.append(Simulator(*arguments, temp=tmp_path))
        return started[-1]

    yield begin
    for one in started:
        one.stop()
