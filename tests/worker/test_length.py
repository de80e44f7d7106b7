"""A long job costs the worker no more memory than a short one, and the disk holds a few windows only."""

import pytest

from tests.worker.bench import Bench
from tests.worker.footprint import run_and_watch


@pytest.mark.slow
def test_390_seconds_need_the_memory_of_10_and_three_windows_of_disk(bench: Bench) -> None:
    short = run_and_watch(bench, 10)
    long = run_and_watch(bench, 390)
    assert short.memory > 0
    assert long.memory <= 1.2 * short.memory
    assert 0 < long.pictures <= 3 * long.window


@pytest.mark.slow
def test_an_hour_needs_the_memory_of_ten_minutes(bench: Bench) -> None:
    small = (256, 256)
    short = run_and_watch(bench, 600, small, "0")
    long = run_and_watch(bench, 3600, small, "0")
    assert short.memory > 0
    assert long.memory <= 1.1 * short.memory
