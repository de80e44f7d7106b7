"""What whoever runs the worker needs to know of a folder that takes nothing: its path, the user, and what mends it."""

import errno
import os
import shlex
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
NOT_OURS = (errno.EACCES, errno.EPERM)
IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR)


def unwritable(folder: Path, error: OSError) -> str:
    """Of a folder that could not be made or written: for logs and for the checks of a start. No full stop ends it."""
    user, group = os.geteuid(), os.getegid()
    reason = error.strerror or type(error).__name__
    return f"{reason}: {folder}, by user {user} of group {group}.{_remedy(folder.absolute(), error, group)}"


def _remedy(folder: Path, error: OSError, group: int) -> str:
    name = shlex.quote(str(folder))
    if error.errno in NOT_OURS:
        closed = _closed(folder)
        opens = f"chmod a+x {shlex.quote(str(closed))} && " if closed else ""
        return f" Run as root where it is mounted: {opens}install -d -m 2775 -g {group} {name}"
    if error.errno in IN_THE_WAY:
        other = shlex.quote(str(_in_the_way(folder)))
        return f" Something that is no folder has that name: mv {other} {other}.old"
    if error.errno in FULL:
        return f" Make room there: df -h {name}"
    return f" Mount something that can be written at {name}"


def _closed(folder: Path) -> Path | None:
    """The first folder on the way that does not let this user through."""
    for above in reversed(folder.parents):
        try:
            above.stat()
        except OSError:
            return None
        if not os.access(above, os.X_OK, effective_ids=True):
            return above
    return None


def _in_the_way(folder: Path) -> Path:
    return next((path for path in (folder, *folder.parents) if path.is_symlink() or path.is_file()), folder)
