"""The SDK's import, without a look at everything that the processor is, and without its command line's programs."""

import json
import subprocess
import sys

from tests.programs import REPOSITORY

PROGRAM = """
import json, sys
from worker.sdk_import import sparing_import
started = []
sys.addaudithook(lambda event, found: event == "subprocess.Popen" and started.append(list(map(str, found[1]))))
import cpuinfo
before = cpuinfo.get_cpu_info
with sparing_import():
    import runpod
    from runpod.serverless.utils import rp_debugger
at_import = [words for words in started if "cpuinfo" in " ".join(words)]
unused = [name for name in ("paramiko", "invoke", "nacl") if name in sys.modules]
measured = cpuinfo.get_cpu_info()["brand_raw"]
import paramiko
restored = cpuinfo.get_cpu_info is before and hasattr(paramiko, "RSAKey")
print(json.dumps([at_import, unused, rp_debugger.PROCESSOR, measured, restored]))
"""


def test_the_sdk_is_the_same_without_what_nobody_uses() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    at_import, unused, told, measured, restored = json.loads(done.stdout.splitlines()[-1])
    assert (at_import, unused) == ([], [])
    assert told == measured
    assert restored
