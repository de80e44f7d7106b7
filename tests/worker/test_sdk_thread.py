"""The thread by which the worker knows that an update has arrived is the installed SDK's."""

import json
import subprocess
import sys
from importlib.metadata import version

from tests.programs import REPOSITORY
from tests.serverless.control_plane import PATIENCE, ControlPlane
from worker.progress_sender import SDK_THREAD

SEND = """
import json, sys, threading, runpod

before = set(threading.enumerate())
runpod.serverless.progress_update({"id": "job-1"}, {"percent": 1.0})
print(json.dumps([thread.name for thread in set(threading.enumerate()) - before]), flush=True)
sys.stdin.read()
"""


def test_the_sdk_sends_an_update_in_a_thread_of_the_name_that_the_worker_looks_for() -> None:
    """The update's answer is held back, so that its thread is there while the threads are counted.

    Libraries below the SDK begin threads of their own at any time (pycares one that closes its channels).
    """
    with ControlPlane() as plane, plane.holding_progress():
        child = subprocess.Popen(
            [sys.executable, "-c", SEND],
            cwd=REPOSITORY,
            env={"PATH": "/usr/bin:/bin", "RUNPOD_LOG_LEVEL": "ERROR", **plane.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with child:
            assert child.stdout is not None
            names = json.loads(child.stdout.readline())
            told = plane.wait_for_progress("job-1")
            child.communicate("", PATIENCE)
    assert told == {"percent": 1.0}
    assert sum(SDK_THREAD in name for name in names) == 1, f"runpod {version('runpod')}: {names}"
