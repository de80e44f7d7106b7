"""Processes that the SDK forks end with this one, also where it is killed."""

import os

from comfy_client.die_with_parent import die_with_parent


def end_with_this_process() -> None:
    """From now on, every child forked by `multiprocessing` is killed by the kernel when this process ends.

    The SDK's heartbeat is such a child (runpod 1.12.0, serverless/modules/rp_ping.py, forked by the main thread): it
    would go on telling RunPod that a dead worker is well (docs/facts/runpod.md#the-heartbeat). Programs started through
    `subprocess` are not concerned.
    """
    os.register_at_fork(after_in_child=die_with_parent)
