"""Limits of time for a machine that has other things to do."""

import functools
import math
import resource
import subprocess
import sys
import time

MOST = 5.0  # times: jobs that must not end in time take longer than that


@functools.cache
def patient(seconds: float) -> float:
    """At least these whole seconds; as many times more as a second of processor takes longer here and now."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(3):
        subprocess.run([sys.executable, "-S", "-c", "sum(range(500_000))"], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return float(math.ceil(seconds * min(MOST, max(1.0, (time.monotonic() - begin) / processor))))
