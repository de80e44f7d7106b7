"""What the settings say of the places where videos go, and of those where they are kept."""

import os
from pathlib import Path

import pytest

from contract.cancel import Cancellation
from contract.errors import WorkerError
from contract.volume import Volumes
from job.keeper import Delivery
from storage.local import LocalStorage
from worker.settings import read_settings
from worker.stores import make_keeper


@pytest.mark.parametrize("place", ["own", "the work folder", "one that takes nothing"])
def test_kept_videos_take_no_more_of_the_workers_disk_than_the_settings_allow(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest one stays, however large; a folder of its own is bound as well."""
    (tmp_path / "blocked").touch()
    keep_dirs = {"own": tmp_path / "own", "one that takes nothing": tmp_path / "blocked"}
    places = {"WORK_DIR": tmp_path / "work", "VOLUME_DIR": tmp_path / "no-volume", "KEEP_DIR": keep_dirs.get(place, "")}
    for name, value in {**places, "KEEP_MAX_GB": "0.000003", "INLINE_MAX_MB": "0"}.items():
        monkeypatch.setenv(name, str(value))
    keeper = make_keeper(read_settings(), Volumes(tmp_path / "no-volume", 60), remembers=True)
    video = tmp_path / "video.mp4"
    kept = []
    for number in range(3):
        video.write_bytes(bytes(2000))
        os.utime(video, (number, number))
        delivery = Delivery(f"job-{number}", "it", "v.mp4", video, {"warnings": []})
        with pytest.raises(WorkerError) as caught:
            keeper.deliver(delivery, LocalStorage(tmp_path / "blocked"), Cancellation())
        assert caught.value.kept is not None
        kept.append(Path(str(caught.value.kept.path)))
        video.unlink()
    assert [path.exists() for path in kept] == [False, False, True]
