"""Disks that misbehave: small ones, frozen ones, and ones that answer nothing. All need to be root."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

DETACH = 2  # MNT_DETACH
FUSE = Path("/dev/fuse")


@contextmanager
def small_disk(folder: Path, size: str = "8k") -> Iterator[Path]:
    """A file system of a few pages, or the reason why there is none."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def disk_image(folder: Path) -> Iterator[Path]:
    """A file system of 16 MB with an image of its own, which can be frozen."""
    folder.mkdir()
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    _mount("-o", "loop", str(image), str(folder))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    mounted = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")


@contextmanager
def frozen(disk: Path) -> Iterator[None]:
    """Meanwhile every write to this disk waits, and whoever waits cannot be ended."""
    done = subprocess.run(["fsfreeze", "-f", str(disk)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be frozen here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "-u", str(disk)], check=True)


@contextmanager
def hanging(folder: Path) -> Iterator[None]:
    """Meanwhile no question about this folder is answered, as by a network volume whose server is gone: it is covered
    by a file system in user space that has no program behind it."""
    libc = ctypes.CDLL(None, use_errno=True)
    with ExitStack() as stack:
        try:
            handle = os.open(FUSE, os.O_RDWR)
        except OSError as error:
            pytest.skip(f"no file system can be made here: {FUSE}: {error.strerror}")
        stack.callback(libc.umount2, os.fsencode(folder), DETACH)
        stack.callback(os.close, handle)  # whoever still waits gets an error
        options = f"fd={handle},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if libc.mount(b"hanging", os.fsencode(folder), b"fuse", 0, options):
            reason = os.strerror(ctypes.get_errno())
            stack.pop_all()
            os.close(handle)
            pytest.skip(f"no file system can be mounted here: {reason}")
        yield
