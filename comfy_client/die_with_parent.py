"""`python -m comfy_client.die_with_parent COMMAND …` becomes COMMAND, killed by the kernel when its parent dies.

A worker that is killed must not leave a server behind that holds the GPU. Linux only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(command: list[str]) -> None:
    """Ask the kernel for the signal, then replace this process."""
    parent = os.getppid()
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before the kernel knew
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the caller's argument list, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
