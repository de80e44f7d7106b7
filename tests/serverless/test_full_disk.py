"""A folder or a volume that is full when the video is finished."""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.serverless.stores import assert_plays, files_in, prompts, quick, result, undelivered, volume


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of a few pages, or the reason why there is none."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8k,mode=0777", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def grow(disk: Path) -> None:
    """Give it room."""
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)


def test_a_folder_that_is_full_is_like_a_storage_that_fails(tmp_path: Path) -> None:
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "output"))
        keep, places = stack.enter_context(volume())
        stand = stack.enter_context(quick(tmp_path, None, places))
        stand.give("large")
        output = undelivered(result(stand, "large"), "storage_failed")
        assert_plays(Path(output["kept_video"]))
        assert list(disk.iterdir()) == []
        grow(disk)
        with prompts(stand, 0):
            stand.give("large")
            assert result(stand, "large", 2)["output"]["status"] == "completed"
        assert_plays(stand.video("large"))
        assert list(keep.glob("kept/*")) == []
        stand.assert_next_works()


def test_where_the_volume_is_full_too_a_small_video_is_in_the_reply(tmp_path: Path) -> None:
    with small_disk(tmp_path / "volume") as disk:
        places = {"STORAGE": "volume", "VOLUME_DIR": str(disk), "KEEP_DIR": str(disk / "keep")}
        with quick(tmp_path, None, places) as stand:
            stand.give("large")
            output = undelivered(result(stand, "large"), "storage_failed")
            (tmp_path / "video.mp4").write_bytes(base64.b64decode(output["video_base64"], validate=True))
            assert_plays(tmp_path / "video.mp4")
            assert files_in(disk) == set()
            stand.assert_clean()
