"""Folders that workers of different users share: a volume outlives the user that wrote to it first."""

from contextlib import suppress
from pathlib import Path

SHARED = 0o2070  # the group may write, and what is made below belongs to it


def make_folder(folder: Path) -> None:
    """Make it, and what is missing above it; whatever its parent lets the group do, the group may do in it too.

    Raises:
        OSError: where it cannot be made, or is no folder.
    """
    missing, folder = [], folder.absolute()
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        try:
            new.mkdir()
        except FileExistsError:
            if not new.is_dir():  # else another worker was quicker
                raise
        else:
            with suppress(PermissionError):  # a file system without modes
                new.chmod(new.stat().st_mode | (new.parent.stat().st_mode & SHARED))
