"""`python -m comfy_client.die_with_parent COMMAND …` becomes COMMAND, killed by the kernel when its parent dies.

A worker that is killed must not leave a server behind that holds the GPU. Linux only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends. Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


def main(command: list[str]) -> None:
    """Ask the kernel for the signal, then replace this process."""
    parent = os.getppid()
    die_with_parent()
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the caller's argument list, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
