"""The SDK's import, without a look at everything that the processor is."""

import json
import subprocess
import sys

from tests.programs import REPOSITORY

PROGRAM = """
import json, sys
from worker.processor import processor_name_only
started = []
sys.addaudithook(lambda event, found: event == "subprocess.Popen" and started.append(list(map(str, found[1]))))
import cpuinfo
before = cpuinfo.get_cpu_info
with processor_name_only():
    from runpod.serverless.utils import rp_debugger
at_import = [words for words in started if "cpuinfo" in " ".join(words)]
measured = cpuinfo.get_cpu_info()["brand_raw"]
print(json.dumps([at_import, rp_debugger.PROCESSOR, measured, cpuinfo.get_cpu_info is before]))
"""


def test_the_sdk_has_the_same_name_of_the_processor_without_its_measurement() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    at_import, told, measured, restored = json.loads(done.stdout.splitlines()[-1])
    assert at_import == []
    assert told == measured
    assert restored
