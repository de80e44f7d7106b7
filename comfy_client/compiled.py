"""Where code that is compiled while a job runs may lie: Triton loads what it compiles for SageAttention from a file."""

import os
from pathlib import Path

DEFAULT = 'export TRITON_CACHE_DIR="${TRITON_CACHE_DIR:-$0}"; exec "$@"'


def with_triton_cache(command: tuple[str, ...], state: Path) -> tuple[str, ...]:
    """`command` such that Triton has a folder: its own in the home, or what `TRITON_CACHE_DIR` names. Where nothing can
    run from the home, as in a container with a root that cannot be written, the default is below `state`."""
    if _takes_code(Path(os.path.expanduser("~/.triton/cache"))) or not _takes_code(state):  # noqa: PTH111 - it may be no path
        return command
    return ("sh", "-c", DEFAULT, str(state / "triton"), *command)


def _takes_code(folder: Path) -> bool:
    """Whether this user may write there, or make it, and run what is written."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    may_write = there.is_dir() and os.access(there, os.W_OK | os.X_OK, effective_ids=True)
    return may_write and not os.statvfs(there).f_flag & os.ST_NOEXEC
