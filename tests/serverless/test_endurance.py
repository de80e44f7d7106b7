"""Many jobs in a row: whatever a job takes is given back, also by those that fail and those that are stopped."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.serverless.processes import Usage, usage
from tests.serverless.stand import Stand, standing

MEBIBYTE = 1024  # of the unit that `Usage` has
IDLE_CONNECTIONS = 2  # that the SDK may keep or not
WARM = 10  # jobs after which everything is there that stays
MANY = 200
STOPPED_WARM = 4
# Each job has a thread of its own, and the allocator may give a later one an arena that no job had before: 46 MB where
# a face was looked for in it. That it is no leak, the many jobs show.
ONE_ARENA = 64
ODD: dict[int, dict[str, Any]] = {3: {"steps": "many"}, 7: {"audio_urls": ["portrait.png"]}}


@dataclass(frozen=True)
class Level:
    """What the worker, its engine and the disk hold between two jobs."""

    worker: Usage
    engine: Usage
    files: int


def level(stand: Stand) -> Level:
    """Measured while the worker is idle."""
    stand.plane.wait_until_asked()
    stand.assert_clean()
    with stand.worker.engine() as engine:
        held = usage(engine.pid)
    return Level(usage(stand.worker.pid), held, len(list((stand.bench.folder / "tmp").rglob("*"))))


def run(stand: Stand, first: int, last: int) -> None:
    """Jobs `first` to `last`, one after the other; of ten, one is refused and one has a voice that is none."""
    inputs = {f"job-{number}": stand.input(**ODD.get(number % 10, {})) for number in range(first, last + 1)}
    stand.plane.give(*({"id": job_id, "input": given} for job_id, given in inputs.items()))
    failed = [job_id for job_id in inputs if "error" in stand.plane.wait_for_result(job_id)]
    assert failed == [f"job-{number}" for number in range(first, last + 1) if number % 10 in ODD]


def assert_no_growth(before: Level, after: Level, mebibytes: int = 16) -> None:
    for old, new in ((before.worker, after.worker), (before.engine, after.engine)):
        assert new.descriptors <= old.descriptors + IDLE_CONNECTIONS
        assert new.threads <= old.threads + 1
        assert new.children == old.children
        assert new.memory - old.memory < mebibytes * MEBIBYTE
    assert after.files == before.files


@pytest.mark.slow
def test_many_jobs_in_a_row_hold_no_more_than_a_few(tmp_path: Path) -> None:
    with standing(tmp_path, SIMULATOR_SPEED="0") as stand:
        run(stand, 1, WARM)
        before = level(stand)
        run(stand, WARM + 1, MANY)
        assert_no_growth(before, level(stand))


def test_stopped_jobs_hold_nothing(tmp_path: Path) -> None:
    with standing(tmp_path, hold_seconds=20, SIMULATOR_SPEED="4") as stand:
        run(stand, 1, 2)
        for number in range(8):
            if number == STOPPED_WARM:
                before = level(stand)
            job_id = f"stopped-{number}"
            stand.give(job_id, audio_urls=["long.wav"])
            stand.worker.wait_for_stage(job_id, ("prepare", "load", "sample")[number % 3])
            stand.plane.stop(job_id)
            stand.assert_stopped(job_id)
        assert_no_growth(before, level(stand), ONE_ARENA)
        stand.assert_next_works()
