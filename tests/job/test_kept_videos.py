"""How many kept videos stay: on a worker's own disk up to a limit, on a volume all of them."""

import os
import time
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import WorkerError
from job.keeper import Delivery, Keeper
from storage.local import LocalStorage
from tests.job.finished import JOB, MP4, REPLY, broken_storage


def _keep(keeper: Keeper, job_id: str, made_at: float) -> Path:
    """Keep a video of its own, made at this time."""
    source = keeper.folder.parent / "source.mp4"
    source.write_bytes(MP4)
    os.utime(source, (made_at,) * 2)
    with pytest.raises(WorkerError) as caught:
        keeper.deliver(
            Delivery(job_id, JOB, "v.mp4", source, REPLY), broken_storage(keeper.folder.parent), Cancellation()
        )
    source.unlink()
    assert caught.value.kept is not None
    return Path(str(caught.value.kept.path))


def test_on_the_workers_own_disk_the_oldest_kept_videos_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper(tmp_path / "own-disk", False, 0, True, kept_bytes=2 * len(MP4))
    now = time.time()
    kept = [_keep(keeper, f"job/{number}", now - age) for number, age in enumerate((30, 40, 20, 10))]
    assert [path.exists() for path in kept] == [False, False, True, True]
    assert kept[0].name in caplog.text
    assert {path.stem for path in (tmp_path / "own-disk" / "results").iterdir()} == {path.stem for path in kept[2:]}
    storage = LocalStorage(tmp_path / "out")
    assert keeper.recall("job/0", JOB, storage, Cancellation()) is None
    assert keeper.recall("job/2", JOB, storage, Cancellation()) is not None


def test_the_newest_kept_video_stays_however_large(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "own-disk", False, 0, True, kept_bytes=1)
    former, newest = _keep(keeper, "job/1", time.time()), _keep(keeper, "job/2", time.time() - 60)
    assert (former.exists(), newest.exists()) == (False, True)


def test_on_a_volume_all_kept_videos_stay(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "volume", True, 0, True, kept_bytes=1)
    assert all(_keep(keeper, f"job/{number}", time.time()).exists() for number in range(3))
    keeper.tidy()
    assert len(list((tmp_path / "volume" / "kept").iterdir())) == 3
