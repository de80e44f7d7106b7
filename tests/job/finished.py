"""Finished videos: what they hold, the reply to their job, and a place that takes none."""

from pathlib import Path

from job.keeper import fingerprint_of
from storage.local import LocalStorage

MP4 = b"a finished video" * 100
REPLY = {"status": "completed", "warnings": ["one"], "output_video_url": "", "expires_at": None, "job_id": "job/1"}
JOB = fingerprint_of({"image_url": "a"}, None)


def broken_storage(tmp_path: Path) -> LocalStorage:
    """A place where nothing can be stored: a file stands where its folder should be."""
    (tmp_path / "blocked").touch()
    return LocalStorage(tmp_path / "blocked")
