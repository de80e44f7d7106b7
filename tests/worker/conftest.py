"""Fixtures of the tests that run the whole worker."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.worker.bench import Bench, Simulator, launch_simulator


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def start_simulator(tmp_path: Path) -> Iterator[Callable[..., Simulator]]:
    """Start simulators with the given arguments; they end with the test."""
    started: list[Simulator] = []

    def start(*arguments: str) -> Simulator:
        started.append(launch_simulator(tmp_path / f"simulator-{len(started)}.log", *arguments))
        return started[-1]

    yield start
    for simulator in started:
        simulator.stop()
